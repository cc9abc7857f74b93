"""A database that cannot go on, in words: its disk is full, another program holds it, its file is damaged."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from studio.domain.errors import StudioError


class CatalogueFull(StudioError):
    """The disk that holds it has no space left."""


class CatalogueDamaged(StudioError):
    """Its file is no database, or not wholly."""


def fault_of(error: DBAPIError) -> StudioError:
    match _name(error):
        case "SQLITE_FULL" | "SQLITE_IOERR_SHMSIZE" | "SQLITE_IOERR_WRITE" | "SQLITE_IOERR_FSTAT":
            return CatalogueFull(
                "There is no space left on the disk that holds the catalogue.",
                "Nothing is lost. Delete datasets, adapters or models that nobody needs, or free space elsewhere, then "
                "try again.",
            )
        case "SQLITE_BUSY" | "SQLITE_LOCKED" | "SQLITE_BUSY_SNAPSHOT" | "SQLITE_BUSY_RECOVERY":
            return StudioError(
                "Another program holds the catalogue.",
                "Nothing is lost, and nothing was changed. Close other programs that use it, then try again.",
            )
        case "SQLITE_READONLY" | "SQLITE_READONLY_DBMOVED" | "SQLITE_READONLY_DIRECTORY" | "SQLITE_PERM":
            return StudioError(
                "The catalogue cannot be written: it is read-only, or its file was moved away.",
                "Nothing is lost. Mend the permissions of the studio's home, or start the studio anew.",
            )
        case "SQLITE_CORRUPT" | "SQLITE_NOTADB" | "SQLITE_CORRUPT_INDEX" | "SQLITE_CORRUPT_SEQUENCE":
            return CatalogueDamaged(
                "The catalogue is damaged.",
                "Stop the studio and run `studio doctor --repair`: it puts the damaged file aside and makes a new "
                "catalogue from what is in the home. Or restore a backup.",
            )
    return StudioError(
        "The catalogue cannot be read or written now: {reason}.",
        "Nothing is lost. Close other programs that hold it, or free some space on its disk, then try again.",
        reason=error.orig,
    )


def _name(error: DBAPIError) -> str:
    """As SQLite calls it; empty for other databases."""
    return str(getattr(error.orig, "sqlite_errorname", ""))
