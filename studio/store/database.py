"""The database: its connection rules, and the migrations that bring it up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.secrecy import keep_secret
from studio.store.database_faults import CatalogueFull, fault_of
from studio.store.lock import SECONDS_FOR_LOCK, HomeLock

MIGRATIONS = Path(__file__).parent / "migrations"
NEWEST = "0010"
SECONDS_TO_WAIT = 30  # for another program that holds it; a `timeout` in the URL goes before


def open_database(url: str, lock: HomeLock | None = None) -> Engine:
    """An engine on the database, migrated to the newest schema. The catalogue of a home is migrated under the home's
    `lock`: an older studio that runs there would not find its columns any more.

    Raises:
        InvalidInput: the URL is not one of a database of SQLite or PostgreSQL.
        CatalogueFull: there is no room for what its readers share.
        StudioError: it cannot be opened, is damaged, was written by a newer studio, or must be migrated while another
            process has the home.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_rules)
    try:
        _migrate(engine, lock)
    except DatabaseError as error:
        fault = fault_of(error)
        if isinstance(fault, CatalogueFull):
            raise fault from error
        raise StudioError(
            "The catalogue {place} cannot be opened: {reason}.",
            "Close other programs that use it, restore it from a backup, or choose another --home.",
            place=engine.url.render_as_string(hide_password=True),
            reason=error.orig,
        ) from error
    return engine


def _engine(url: str) -> Engine:
    try:
        place = make_url(url)
        keep_secret(place.password)
        backend = place.get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise ValueError(backend)
        waits = backend == "sqlite" and "timeout" not in place.query
        return create_engine(place, connect_args={"timeout": SECONDS_TO_WAIT} if waits else {})
    except (ArgumentError, ValueError) as error:  # what it says may be a part of the password
        raise InvalidInput(
            "The database URL cannot be used.",
            "Write it as postgresql://user:password@host/database, or leave it out: the catalogue is a SQLite file in "
            "the home then.",
        ) from error
    except ImportError as error:
        raise StudioError(
            "The catalogue is in a database that needs the Python package {package}, which is not installed.",
            "For PostgreSQL, install “psycopg[binary]” with pip into the environment of the studio.",
            package=error.name or str(error),
        ) from error


def _sqlite_rules(connection: Any, _record: Any) -> None:
    # WAL lets pages read while the dispatcher writes; NORMAL is safe with it against everything but power loss
    # of the last transactions, and those are read again from the run folder.
    cursor = connection.cursor()
    for rule in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {rule}")
    cursor.close()


def _migrate(engine: Engine, lock: HomeLock | None) -> None:
    current = _schema(engine)
    if current == NEWEST:
        return
    if lock is None or current is None:  # nobody can be at work with what is only made now
        _upgrade(engine)
        return
    has_lock = lock.acquire(seconds=SECONDS_FOR_LOCK)
    try:
        if _schema(engine) == NEWEST:  # whoever had the home has migrated it
            return
        if not has_lock:
            raise StudioError(
                "This version of the studio must update the catalogue first, and another studio is using the home "
                "{home}: {holder}.",
                "Stop that one, then try again. Nothing was changed.",
                home=lock.home, holder=lock.holder() or "another process",
            )  # fmt: skip
        _upgrade(engine)
    finally:
        if has_lock:
            lock.release()


def _schema(engine: Engine) -> str | None:
    """The number of its newest migration; None where it has none yet. Raises StudioError: a newer studio wrote it."""
    with engine.connect() as connection:
        has_version = inspect(connection).has_table("alembic_version")
        current = (
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if has_version else None
        )
    if current is not None and current > NEWEST:
        raise StudioError(
            "The catalogue was written by a newer version of the studio.",
            "Update the studio, or choose another --home.",
        )
    return current


def _upgrade(engine: Engine) -> None:
    from alembic import command  # 0.2 s: not at every start
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            # SQLite changes a table by making it anew: dropping the old one must not empty what refers to it. The rule
            # can only be switched outside of a transaction.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def is_damaged(path: Path) -> bool:
    """Whether that is a file which SQLite cannot make out as a database, or not wholly."""
    if not path.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.OperationalError:  # held by another program, or not to be opened
        return False
    except sqlite3.DatabaseError:
        return True


def put_aside(path: Path, at: str) -> Path:
    """Renames a damaged database, with what SQLite has put beside it; returns its new name."""
    aside = path.with_name(f"{path.name}.damaged-{at}")
    path.rename(aside)
    for end in ("-wal", "-shm", "-journal"):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(f"{aside}{end}")
    return aside
