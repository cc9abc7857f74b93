"""Restores a backup into an empty home: all of it, or nothing."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.translation import N_
from studio.services.home.backup import Told
from studio.services.home.relocated_paths import Rebase, rebase_files, rebase_row, rebase_to
from studio.services.home.relocation import UNDER_WAY, leave_workers
from studio.services.runs.progress import record_events
from studio.settings import Settings
from studio.store.backup_file import DATABASE, BackupFile, no_room
from studio.store.catalogue import Catalogue
from studio.store.database import NEWEST, open_database
from studio.store.lock import HomeLock
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from studio.store.tables.runs import Run

_ASIDE = ".restoring"
_ALLOWED = {_ASIDE, "studio.lock", "studio.holder"}  # by a restore that was broken off
# What a disk says of paths that no backup has.
_IMPOSSIBLE = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)
_RESTORED = N_("It was running when the backup was made.")


def restore(settings: Settings, file: Path, tell: Told) -> dict[str, Any]:
    """Returns what is in the home now.

    Raises:
        InvalidInput: the home is not empty, or the file is no whole backup or one of a newer studio.
        StudioError: there is no room, or another studio uses the home.
    """
    home = settings.home
    backup = BackupFile(file.expanduser().absolute())
    try:
        schema = backup.about.schema_number
        if schema is not None and schema > NEWEST:
            raise InvalidInput("{file} was written by a newer version of the studio.", "Update the studio.", file=file)
        if schema is not None and settings.database_url:
            raise InvalidInput(
                "The backup contains its own catalogue, which goes into the home.",
                "Do not set --database-url or STUDIO_DATABASE_URL.",
            )
        if home.exists() and (not home.is_dir() or {entry.name for entry in home.iterdir()} - _ALLOWED):
            raise InvalidInput("{home} is not empty.", "Give another --home: nothing is overwritten.", home=home)
        settings.check_home()
        lock = HomeLock(home)
        if not lock.acquire("studio restore"):
            raise StudioError(
                "Another studio is using the home {home}: {holder}.", "Stop it, or give another --home.",
                home=home, holder=lock.holder() or "another process",
            )  # fmt: skip
        try:
            return _fill(home, backup, tell)
        finally:
            lock.release()
    finally:
        backup.close()


def _fill(home: Path, backup: BackupFile, tell: Told) -> dict[str, Any]:
    aside = home / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)  # ours by its name
    if backup.size > (free := shutil.disk_usage(home).free):
        raise no_room(home, backup.size, free)
    moved_paths: list[Path] = []
    try:
        _extract(backup, aside, tell)
        rebase = rebase_to(backup.about.homes, home)
        rebase_files(aside, rebase)
        missing = _update_catalogue(aside, home, rebase) if (aside / DATABASE).exists() else []
        for part in sorted(aside.iterdir(), key=lambda path: path.name == DATABASE):  # the catalogue last
            part.rename(home / part.name)
            moved_paths.append(home / part.name)
    except BaseException as error:
        for path in moved_paths:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        if isinstance(error, OSError) and error.errno in _IMPOSSIBLE:
            raise backup.damage_error(f"{error.filename}: {error.strerror}") from error
        if isinstance(error, OSError):
            raise StudioError(
                "The backup could not be restored into {home}: {reason}.",
                "Free some space or fix its permissions. No partial file is left.",
                home=home, reason=error.strerror or str(error),
            ) from error  # fmt: skip
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    about = backup.about.model_dump(include={"made_at", "counts", "elsewhere"})
    return about | {"home": str(home), "missing": missing, "database": DATABASE in backup.entries}


def _extract(backup: BackupFile, aside: Path, tell: Told) -> None:
    done = 0
    aside.mkdir()

    def read(count: int) -> None:
        nonlocal done
        done += count
        tell("Restoring files", done, backup.size)

    for path in backup.entries:
        target = aside / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            backup.copy(path, file, read)


def _update_catalogue(aside: Path, home: Path, rebase: Rebase) -> list[str]:
    """Brings it up to date. What was under way has no worker here. Returns what the backup does not have the files of,
    since they were outside of the home; their rows lead to nothing now, so that deleting them deletes nothing."""
    _record_last_words(aside)
    engine = open_database(f"sqlite:///{aside / DATABASE}")
    missing: list[str] = []
    own: dict[type[Model | Dataset | Run | Adapter], tuple[str, ...]] = {
        Model: ("folder",), Dataset: ("path", "rows_path", "folder"), Run: ("folder",), Adapter: ("path",),
    }  # fmt: skip
    try:
        with Session(engine) as session, session.begin():
            for table, columns in own.items():
                for row in session.scalars(select(table)):
                    rebase_row(row, rebase)
                    fields = row.as_dict()
                    for column in columns:
                        path = getattr(row, column)
                        if path and not Path(os.path.normpath(path)).is_relative_to(home):
                            setattr(row, column, str(home / table.__tablename__ / "missing" / str(fields["id"])))
                            missing.append(fields["name"])
            leave_workers(session, _RESTORED)
    finally:
        engine.dispose()
    return sorted(set(missing))


def _record_last_words(aside: Path) -> None:
    """What runs told after the catalogue was copied: their checkpoints may be of those steps."""
    catalogue = Catalogue(f"sqlite:///{aside / DATABASE}")
    try:
        for run in catalogue.runs(*UNDER_WAY):
            run.folder = str(aside / "runs" / Path(run.folder).name)  # for now: it is not kept
            record_events(catalogue, run)
    finally:
        catalogue.close()
