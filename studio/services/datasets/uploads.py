"""Uploads in progress: in the home, where nobody else can read them."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from studio.domain.errors import InvalidInput, StudioError
from studio.store.disk.reserve import free_space

MAX_BYTES = 20 * 1000**3
KEPT_SECONDS = 24 * 3600  # of what was sent and never taken in
_TOKEN = re.compile(r"[\w-]{22}")
_PARTIAL = ".partial"


class Uploads:
    """`folder` is where they lie, each under a token that nobody can guess."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def receiving(self, size: int | None) -> Iterator[tuple[str, BinaryIO]]:
        """The token of a new upload, and the file to write its `size` bytes into, where that is known. Nothing is left
        of it where the block fails.

        Raises:
            InvalidInput: it is too large, or there is no room for it.
        """
        if size is not None and size > MAX_BYTES:
            raise too_large()
        if size is not None and size > free_space(self._folder):
            raise no_room()
        self._remove_old()
        token = secrets.token_urlsafe(16)
        partial = self._folder / (token + _PARTIAL)
        try:
            with partial.open("xb") as file:
                yield token, file
            partial.rename(self._folder / token)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def taking(self, tokens: list[str]) -> Iterator[list[Path]]:
        """The files of these tokens. They are gone when the block ends, however it does.

        Raises:
            InvalidInput: there is none of that token.
        """
        files = [self._folder / token for token in tokens if _TOKEN.fullmatch(token)]
        try:
            if len(files) < len(tokens) or not all(file.is_file() for file in files):
                raise InvalidInput("The uploaded file is gone.", "Choose the file again.")
            yield files
        finally:
            for file in files:
                file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Removes all that an earlier server has left. For whoever holds the home's lock."""
        self._remove_older(time.time() + 1)

    def _remove_old(self) -> None:
        self._remove_older(time.time() - KEPT_SECONDS)

    def _remove_older(self, than: float) -> None:
        for file in self._folder.iterdir():
            name = file.name.removesuffix(_PARTIAL)
            if _TOKEN.fullmatch(name) and file.is_file() and file.stat().st_mtime < than:
                file.unlink(missing_ok=True)


def too_large() -> InvalidInput:
    return InvalidInput("This file is too large to upload.", "The limit is {size} GB.", size=MAX_BYTES // 1000**3)


def no_room() -> StudioError:
    return StudioError(
        "There is no space left on the disk for this file.",
        "Delete datasets, adapters or models you no longer need, or free space elsewhere, then send it again.",
    )
