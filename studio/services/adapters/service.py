"""Adapters: look up, rename, delete."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from studio.domain.errors import StudioError
from studio.domain.naming import check_name
from studio.store.catalogue import Catalogue
from studio.store.disk.deletion import deleting, finish_deletions
from studio.store.disk.reserve import Reserve
from studio.store.tables.adapters import Adapter


class Adapters:
    """`folder` holds a folder for each; `reserve` is what is kept back for a full disk."""

    def __init__(self, catalogue: Catalogue, folder: Path, reserve: Reserve | None = None) -> None:
        self._catalogue = catalogue
        self._folder = folder
        self._reserve = reserve or Reserve(folder / "reserve", 0)
        self._lock = FileLock(folder / ".lock")

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
        with self._lock, self._reserve.given_up():
            try:
                with deleting([path], self._folder, self._is_known):
                    self._catalogue.delete_adapter(adapter.id)
            except OSError as error:
                raise cannot_remove(adapter.name, path, error) from error

    def tick(self) -> None:
        self.finish_deletions()

    def finish_deletions(self) -> None:
        """Ends those that were broken off."""
        with suppress(Timeout), self._lock.acquire(timeout=0):
            finish_deletions(self._folder, self._is_known)

    def _is_known(self, folder: Path) -> bool:
        return any(Path(adapter.path).name == folder.name for adapter in self._catalogue.adapters())


def cannot_remove(name: str, path: Path, error: OSError) -> StudioError:
    return StudioError(
        "The files of “{name}” cannot be removed: {reason}.",
        "Close programs that use {path}, or fix its permissions.",
        name=name,
        reason=error.strerror or str(error),
        path=error.filename or path,
    )
