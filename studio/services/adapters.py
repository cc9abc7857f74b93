"""Adapters: looked up, renamed, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from studio.domain.errors import StudioError
from studio.domain.naming import check_name
from studio.store.catalogue import Catalogue
from studio.store.tables import Adapter


class Adapters:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def list(self, search: str = "", *, model_id: int | None = None) -> Sequence[Adapter]:
        """Newest first; every word of `search` must stand in the name, the base's or the dataset's."""
        return self._catalogue.adapters(search, model_id=model_id)

    def get(self, name: str) -> Adapter:
        """Raises NotFound."""
        return self._catalogue.adapter(name)

    def rename(self, name: str, new_name: str) -> None:
        """The folder keeps its name, so that scripts which load it go on working.

        Raises:
            NotFound: there is no such adapter.
            InvalidInput: the new name is bad or taken.
        """
        adapter = self._catalogue.adapter(name)
        new_name = check_name(new_name)
        if new_name != adapter.name:
            self._catalogue.change_adapter(adapter.id, name=new_name)

    def delete(self, name: str) -> None:
        """Takes the adapter out of the catalogue and its files off the disk. A copy on the Hub stays.

        Raises:
            NotFound: there is no such adapter.
            StudioError: its files cannot be removed; nothing has changed then.
        """
        adapter = self._catalogue.adapter(name)
        path = Path(adapter.path)
        doomed = path.with_name(f".{path.name}.deleted")
        try:
            if path.exists():
                path.rename(doomed)
        except OSError as error:
            raise StudioError(
                "The files of “{name}” cannot be removed: {reason}.",
                "Close programs that use {path}, or mend its permissions.",
                name=name,
                reason=error.strerror or str(error),
                path=path,
            ) from error
        self._catalogue.delete_adapter(adapter.id)
        shutil.rmtree(doomed, ignore_errors=True)
