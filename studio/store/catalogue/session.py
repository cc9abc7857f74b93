"""Transactions of the catalogue, and what every kind of record shares: names, files, deletion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from studio.domain.errors import InvalidInput, NotFound
from studio.domain.run import RunStatus
from studio.store.catalogue.record_files import RecordFiles
from studio.store.database import open_database
from studio.store.database_faults import CatalogueFull, fault_of
from studio.store.disk.reserve import Reserve
from studio.store.lock import HomeLock
from studio.store.tables.adapters import Adapter
from studio.store.tables.base import Table
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from studio.store.tables.runs import Run

Record = TypeVar("Record", bound=Table)
Named = TypeVar("Named", Model, Dataset, Adapter)

_WORDS: dict[type[Table], str] = {Model: "base model", Dataset: "dataset", Adapter: "adapter", Run: "run"}


PROGRESS = {"stage", "done", "total"}  # of a worker; it is no news that must outlive the database
OPEN_RUNS = [status for status in RunStatus if not status.is_over]


class CatalogueSession:
    """The studio's memory, in the database at `url`; in `files` what it says stands once more, if they are given.
    `reserve` is given up where there is no room for a row: then there is, when it is tried again. `lock` is that of its
    home: see open_database."""

    def __init__(
        self, url: str, files: Path | None = None, reserve: Reserve | None = None, lock: HomeLock | None = None
    ) -> None:
        self.engine: Engine = open_database(url, lock)
        self.files = RecordFiles(files) if files else None
        self._reserve = reserve

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except IntegrityError:
            raise
        except DatabaseError as error:
            fault = fault_of(error)
            if self._reserve and isinstance(fault, CatalogueFull):
                self._reserve.give_up()
            raise fault from error

    def _add(self, record: Record) -> Record:
        try:
            with self._session() as session:
                session.add(record)
        except IntegrityError as error:
            what = _WORDS[type(record)]
            name = getattr(record, "name", "")
            fault = InvalidInput(
                "The name “{name}” is taken by another {what}.", "Choose another name.", what=what, name=name
            )
            raise InvalidInput.at("name", fault) from error
        if self.files is not None:
            self.files.write(record)
        return record

    def _by_name(self, table: type[Named], name: str) -> Named:
        with self._session() as session:
            record = session.scalar(select(table).where(table.name == name))
            if record is None:
                names = session.scalars(select(table.name).order_by(table.created_at.desc()).limit(8)).all()
                raise NotFound(
                    "There is no {what} named “{name}”.",
                    "There are: {names}." if names else "There are none yet.",
                    what=_WORDS[table],
                    name=name,
                    names=", ".join(names),
                )
        return record

    def _name_is_free(self, table: type[Named], name: str) -> bool:
        with self._session() as session:
            return session.scalar(select(func.count()).select_from(table).where(table.name == name)) == 0

    def free_name(self, table: type[Named], preferred_name: str) -> str:
        """`preferred_name`, or with a 2, 3… behind it where it is taken."""
        name, number = preferred_name, 1
        while not self._name_is_free(table, name):
            number += 1
            name = f"{preferred_name} {number}"
        return name

    def _delete(self, table: type[Table], *ids: int) -> None:
        with self._session() as session:
            for id in ids:
                record = session.get(table, id)
                if record is not None:
                    session.delete(record)
        for id in ids:
            self._keep_file(table, id)

    def _keep_file(self, table: type[Table], id: int) -> None:
        """Lets the row's file say what the row says now."""
        if self.files is None:
            return
        with self._session() as session:
            record = session.get(table, id)
        if record is None:
            self.files.remove(table, id)
        else:
            self.files.write(record)
