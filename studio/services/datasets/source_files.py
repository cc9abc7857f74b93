"""The files that people brought, unchanged, stored by their hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.ingest import SourceFileRecord

_CHUNK_BYTES = 1 << 20
_INCOMING = ".incoming-"
_HASH = re.compile(r"[0-9a-f]{64}")
_NOT_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


@dataclass(frozen=True)
class SourceFile:
    """`name` is what the file was called; `path` where it is kept."""

    name: str
    path: Path
    sha256: str
    size: int

    def record(self) -> SourceFileRecord:
        return SourceFileRecord(name=self.name, path=str(self.path), sha256=self.sha256, size=self.size)


class SourceFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, file: Path, name: str) -> SourceFile:
        """A copy of the file, streamed. What is read later is the copy, which nobody changes.

        Raises:
            InvalidInput: the file cannot be read.
            StudioError: there is no room, or the folder cannot be written.
        """
        copy = self._folder / f"{_INCOMING}{secrets.token_hex(4)}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with _open(file, name) as source, copy.open("wb") as target:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    target.write(chunk)
            folder = self._folder / digest.hexdigest()
            folder.mkdir(exist_ok=True)
            path = folder / _NOT_IN_FILE_NAMES.sub("_", name)[-60:]
            copy.replace(path)
            return SourceFile(name, path, folder.name, path.stat().st_size)
        except OSError as error:
            raise cannot_store(error, self._folder) from error
        finally:
            with suppress(OSError):
                copy.unlink()

    def remove(self, hashes: Set[str]) -> None:
        for sha256 in hashes:
            shutil.rmtree(self._folder / sha256, ignore_errors=True)

    def keep_only(self, hashes: Set[str]) -> None:
        """Removes all others, and what was not copied to its end. For whoever knows that nothing is copied now."""
        for path in self._folder.glob("*"):
            if path.name.startswith(_INCOMING):
                path.unlink(missing_ok=True)
            elif _HASH.fullmatch(path.name) and path.name not in hashes:
                shutil.rmtree(path, ignore_errors=True)


def check_regular(file: Path, name: str) -> None:
    """Raises InvalidInput where it is no file."""
    if file.is_dir():
        raise InvalidInput("“{file}” is a folder.", "Choose one file with the rows in it.", file=name)
    if file.exists() and not file.is_file():
        raise InvalidInput("“{file}” is not a regular file.", "Choose a file on the disk.", file=name)


def cannot_store(error: OSError, folder: Path) -> StudioError:
    return StudioError(
        "The dataset cannot be stored: {reason}.",
        "Check that the disk has room and that {path} is writable.",
        reason=error.strerror or str(error), path=folder,
    )  # fmt: skip


def _open(file: Path, name: str) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise InvalidInput(
            "“{file}” cannot be read: {reason}.", "Check that it exists and that you may read it.",
            file=name, reason=error.strerror or str(error),
        ) from error  # fmt: skip
