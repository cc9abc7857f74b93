"""A database that cannot go on, in words: its disk is full, another program holds it, its file is damaged."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from studio.domain.errors import StudioError

# Beginnings of SQLite's names (sqlite.org/rescode.html) and of PostgreSQL's states (its appendix A).
_FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHM", "53100")  # the file beside the database, that all readers share, needs room
_HELD = ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40P01")
_READ_ONLY = ("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "25006")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002")


class CatalogueFull(StudioError):
    """The disk that holds it has no space left."""


class CatalogueDamaged(StudioError):
    """Its file is no database, or not wholly."""


def fault_of(error: DBAPIError) -> StudioError:
    name = str(getattr(error.orig, "sqlite_errorname", "") or getattr(error.orig, "sqlstate", ""))
    if name.startswith(_FULL):
        return CatalogueFull(
            "There is no space left on the disk that holds the catalogue.",
            "Nothing is lost. Delete datasets, adapters or models you no longer need, or free space elsewhere, then "
            "try again.",
        )
    if name.startswith(_HELD):
        return StudioError(
            "Another program is locking the catalogue.",
            "Nothing is lost, and nothing was changed. Close other programs that use it, then try again.",
        )
    if name.startswith(_READ_ONLY):
        return StudioError(
            "The catalogue cannot be written: it is read-only, or its file was moved away.",
            "Nothing is lost. Fix the permissions of the studio's home, or restart the studio.",
        )
    if name.startswith(_DAMAGED):
        return CatalogueDamaged(
            "The catalogue is damaged.",
            "Stop the studio and run `studio doctor --repair`: it sets the damaged file aside and makes a new "
            "catalogue from what is in the home. Or restore a backup.",
        )
    return StudioError(
        "The catalogue cannot be read or written now: {reason}.",
        "Nothing is lost. Close other programs that use it, or free some space on its disk, then try again.",
        reason=error.orig,
    )
