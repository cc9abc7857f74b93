"""Backs the home up into one file while the studio runs.

The catalogue is copied by SQLite itself, and after it the files: what a row speaks of is there before the row is. What
changed while large files were copied is copied again, with a newer catalogue.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any

from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from studio import __version__
from studio.domain.errors import InvalidInput, StudioError
from studio.services.home.folders import OF_WORKERS, is_original
from studio.settings import Settings
from studio.store.backup_file import DATABASE, FOLDERS, BackupFile, BackupWriter, no_room
from studio.store.database import NEWEST, open_database
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from studio.store.tables.runs import Run

_PASSES = 6
_LITTLE = 64 << 20  # bytes: copied so fast that hardly anything changes meanwhile
_SCRATCH = (*OF_WORKERS, "reserve")  # the room that is kept for a worker's last word

Told = Callable[[str, int, int], None]  # what is being done, bytes done, bytes in all
State = tuple[int, int, int]


def back_up(settings: Settings, file: Path, tell: Told) -> dict[str, Any]:
    """Writes the backup, checks it by reading it, and only then gives it its name. Returns what is in it.

    Raises:
        InvalidInput: the file is there already or would lie in the home, or the home has no catalogue.
        StudioError: there is no room, or the catalogue is damaged or of a newer studio.
    """
    file, home = file.expanduser().absolute(), settings.home
    if file.exists():
        raise InvalidInput("{file} already exists.", "Choose another name.", file=file)
    if file.parent.resolve().is_relative_to(home.resolve()):
        raise InvalidInput("{file} would be inside the home itself.", "Choose a location outside it.", file=file)
    partial, copy = file.with_name(f"{file.name}.partial"), file.with_name(f"{file.name}.partial.db")
    try:
        with partial.open("xb") as target:
            try:
                about = _Home(settings, copy, tell).write(target)
                target.flush()
                os.fsync(target.fileno())
                _check(partial, tell)
                partial.replace(file)
            finally:
                for leftover in (partial, copy, *(Path(f"{copy}{end}") for end in ("-wal", "-shm", "-journal"))):
                    leftover.unlink(missing_ok=True)
    except FileExistsError as error:
        raise InvalidInput(
            "{file} exists: another backup is in progress, or one was interrupted.",
            "Wait for it, or delete that file.",
            file=partial,
        ) from error
    except OSError as error:
        raise StudioError(
            "The backup {file} could not be written: {reason}.",
            "Free some space or choose another location. No partial file is left.",
            file=file, reason=error.strerror or str(error),
        ) from error  # fmt: skip
    return about | {"file": str(file), "size": file.stat().st_size}


class _Home:
    def __init__(self, settings: Settings, copy: Path, tell: Told) -> None:
        self._home = settings.home
        self._copy = copy
        self._tell = tell
        url = make_url(settings.url)
        self._database = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
        self._states: dict[str, State] = {}

    def write(self, target: IO[bytes]) -> dict[str, Any]:
        self._check_room()
        with closing(BackupWriter(target)) as writer:
            return self._write(writer)

    def _write(self, writer: BackupWriter) -> dict[str, Any]:
        missing_before: set[Path] = set()
        for _ in range(_PASSES):
            required, counts, elsewhere = self._catalogue()  # before the files: theirs is the newer state
            byte_count = self._write_changed(writer)
            there = {path for path in writer.paths if (self._home / path).exists()}
            missing = {path for path in required if not self._has(there, path)}
            # What a newer catalogue still speaks of was gone before; the rest was deleted after the copy of its row.
            if byte_count <= _LITTLE and missing <= missing_before:
                break
            missing_before = missing
        writer.drop(path for path in writer.paths if not (self._home / path).exists())  # deleted meanwhile
        if self._database:
            with self._copy.open("rb") as source:
                writer.add(DATABASE, source, lambda _: None)
        about = {
            "studio": __version__, "schema": NEWEST if self._database else None, "made_at": time.time(),
            "homes": list(dict.fromkeys([str(self._home), str(self._home.resolve())])),
            "counts": counts, "elsewhere": elsewhere,
        }  # fmt: skip
        writer.finish(about)
        return about

    def _catalogue(self) -> tuple[list[Path], dict[str, int], list[str]]:
        """Copies it; returns the paths in the home that it speaks of, how much of each kind there is, and which base
        models lie elsewhere and are no part of the backup."""
        if self._database is None:
            return [], {}, []
        if not self._database.is_file():
            raise InvalidInput("{home} is not a studio home.", "Give another --home.", home=self._home)
        for end in ("", "-wal", "-shm"):
            Path(f"{self._copy}{end}").unlink(missing_ok=True)
        try:
            uri = f"{self._database.absolute().as_uri()}?mode=ro"
            with (
                closing(sqlite3.connect(uri, uri=True, timeout=30)) as source,
                closing(sqlite3.connect(self._copy)) as copy,
            ):
                source.backup(copy)
                state = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            state = str(error)
        if state != "ok":
            raise StudioError(
                "The catalogue {place} cannot be copied: {reason}.",
                "Free some space if the disk is full; restore an earlier backup if the catalogue is damaged.",
                place=self._database, reason=state,
            )  # fmt: skip
        engine = open_database(f"sqlite:///{self._copy}")
        try:
            with Session(engine) as session:
                models = session.scalars(select(Model)).all()
                datasets = session.scalars(select(Dataset)).all()
                runs, adapters = session.scalars(select(Run)).all(), session.scalars(select(Adapter)).all()
        finally:
            engine.dispose()
        paths = [
            *(m.path for m in models if m.status == "ready"), *(d.rows_path for d in datasets if d.status == "ready"),
            *(r.folder for r in runs), *(a.path for a in adapters),
        ]  # fmt: skip
        counts = {"models": len(models), "datasets": len(datasets), "runs": len(runs), "adapters": len(adapters)}
        inside = [Path(path) for path in paths if path and self._relative(Path(path))]
        outside = [m.name for m in models if m.status == "ready" and not self._relative(Path(m.path))]
        return inside, counts, outside

    def _relative(self, path: Path) -> str:
        """Within the home, with slashes; empty where it lies elsewhere."""
        for home in (self._home, self._home.resolve()):
            if path.is_relative_to(home):
                return path.relative_to(home).as_posix()
        return ""

    def _has(self, there: set[str], path: Path) -> bool:
        relative = self._relative(path)
        return (
            relative in there
            or any(name.startswith(f"{relative}/") for name in there)
            or (path.exists() and not _holds_files(path))
        )

    def _write_changed(self, writer: BackupWriter) -> int:
        """Copies what is new or has changed since the last time; returns how many bytes."""
        changes = [(path, state) for path, state in self._files() if self._states.get(path) != state]
        total, done = sum(size for _, (size, _, _) in changes), 0

        def read(count: int) -> None:
            nonlocal done
            done += count
            self._tell("Copying files", done, total)

        for path, state in changes:
            with suppress(FileNotFoundError), (self._home / path).open("rb") as source:
                writer.add(path, source, read)
                self._states[path] = state
        return done

    def _files(self) -> Iterator[tuple[str, State]]:
        for top in FOLDERS:
            for folder, folders, files in os.walk(self._home / top):
                # What begins with a dot is being written or deleted.
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(files):
                    path = Path(folder, name)
                    inside = path.relative_to(self._home)
                    is_scratch = name.startswith(".") or name in _SCRATCH
                    if (is_scratch and not (is_original(inside) and len(inside.parts) > 3)) or not path.is_file():
                        continue
                    with suppress(FileNotFoundError):
                        state = path.stat()
                        yield inside.as_posix(), (state.st_size, state.st_mtime_ns, state.st_ino)

    def _check_room(self) -> None:
        required = sum(size for _, (size, _, _) in self._files())
        if self._database and self._database.is_file():
            required += 2 * self._database.stat().st_size
        free = shutil.disk_usage(self._copy.parent).free
        if required > free:
            raise no_room(self._copy.parent, required, free)


def _holds_files(path: Path) -> bool:
    return path.is_file() or any(child.is_file() for child in path.rglob("[!.]*"))


def _check(file: Path, tell: Told) -> None:
    backup = BackupFile(file)
    try:
        done = 0

        def read(count: int) -> None:
            nonlocal done
            done += count
            tell("Checking", done, backup.size)

        for path in backup.entries:
            backup.copy(path, None, read)
    finally:
        backup.close()
