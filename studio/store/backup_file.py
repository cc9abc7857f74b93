"""The file of a backup: a zip whose entries are stored as they are, and `manifest.json` with the size and hash of each.

A path may have been stored more than once because it changed meanwhile: the manifest says which entry counts.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.domain.errors import InvalidInput, StudioError

FORMAT = 1
FOLDERS = ("adapters", "datasets", "models", "records", "runs")
DATABASE = "studio.db"
_MANIFEST = "manifest.json"
_CHUNK_BYTES = 4 << 20
_MAX_MANIFEST_BYTES = 512 << 20
_DEEPEST, _LONGEST = 32, 2048  # folders and bytes of a path

Tell = Callable[[int], None]  # of bytes that were read


class Entry(NamedTuple):
    name: str
    size: int
    sha256: str


class About(BaseModel):
    """What a manifest says beside its files. `homes` are the paths that the home had, `elsewhere` the base models that
    lie outside of it; `schema_number` is the catalogue's, None where it is no part of the backup."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)
    made_at: float = 0.0
    schema_number: str | None = Field(None, alias="schema")
    homes: list[str] = []
    counts: dict[str, int] = {}
    elsewhere: list[str] = []


class BackupWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._entries: dict[str, Entry] = {}

    def add(self, path: str, source: IO[bytes], tell: Tell) -> None:
        """Keeps what `source` holds now as `path`, in the place of what was kept as that before. Raises OSError."""
        before = self._entries.get(path)
        name = f"{before.name}~" if before else path
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o600 << 16
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as target:
            while chunk := source.read(_CHUNK_BYTES):
                target.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                tell(len(chunk))
        self._entries[path] = Entry(name, size, digest.hexdigest())

    def drop(self, paths: Iterable[str]) -> None:
        """They are not part of the backup after all."""
        for path in paths:
            self._entries.pop(path, None)

    @property
    def paths(self) -> set[str]:
        return set(self._entries)

    def finish(self, about: dict[str, Any]) -> None:
        manifest = {"format": FORMAT, **about, "files": {path: list(entry) for path, entry in self._entries.items()}}
        self._zip.writestr(_MANIFEST, json.dumps(manifest, ensure_ascii=False))
        self._zip.close()

    def close(self) -> None:
        """Without `finish`, what was written is no backup."""
        with suppress(OSError, ValueError):  # the disk is full
            self._zip.close()


class BackupFile:
    """One that is read; nothing in it is believed before it was checked.

    Raises:
        InvalidInput: it is no whole backup, or one of a newer studio.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
            if self._zip.getinfo(_MANIFEST).file_size > _MAX_MANIFEST_BYTES:
                raise ValueError("its manifest is too long")
            manifest: dict[str, Any] = json.loads(self._zip.read(_MANIFEST))
            if manifest["format"] != FORMAT:
                raise InvalidInput("{file} was written by a newer version of the studio.", "Update it.", file=path)
            self.entries = {path: Entry(*entry) for path, entry in manifest["files"].items()}
            self.about = About.model_validate(manifest)
            for name, entry in self.entries.items():
                self._check(name, entry)
        except InvalidInput:
            raise
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise self.damage_error(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise self.damage_error(str(error)) from error

    def close(self) -> None:
        self._zip.close()

    @property
    def size(self) -> int:
        """Bytes of all that counts."""
        return sum(entry.size for entry in self.entries.values())

    def copy(self, path: str, target: IO[bytes] | None, tell: Tell) -> None:
        """Writes what is kept as `path`, or only reads it. Raises InvalidInput where it is not what was kept."""
        entry, digest = self.entries[path], hashlib.sha256()
        try:
            with self._zip.open(entry.name) as source:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    tell(len(chunk))
                    if target is not None:
                        target.write(chunk)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise self.damage_error(f"{path}: {error}") from error
        if digest.hexdigest() != entry.sha256:
            raise self.damage_error(f"{path} has changed")

    def _check(self, path: str, entry: Entry) -> None:
        info = self._zip.getinfo(entry.name)
        if info.compress_type != zipfile.ZIP_STORED or not info.file_size == info.compress_size == entry.size:
            raise ValueError(f"{path} has another size")
        parts = PurePosixPath(path).parts
        inside = path == DATABASE or (len(parts) > 1 and parts[0] in FOLDERS)
        if not inside or ".." in parts or "/".join(parts) != path or set(path) & set("\\\0:"):
            raise ValueError(f"{path} leads out of the home")
        if len(parts) > _DEEPEST or len(path.encode("utf-8")) > _LONGEST:  # UnicodeError where it cannot be a path
            raise ValueError("a path in it is too long")

    def damage_error(self, reason: str) -> InvalidInput:
        return InvalidInput(
            "{file} is not a complete backup: {reason}.", "Use another copy.", file=self._path, reason=reason
        )


def no_room(folder: Path, required: int, free: int) -> StudioError:
    return StudioError(
        "{folder} has too little space: {needed} MB are needed, {free} MB are free.",
        "Free some space, or choose another disk.",
        folder=folder, needed=required // 10**6 + 1, free=free // 10**6,
    )  # fmt: skip
