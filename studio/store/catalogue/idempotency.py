"""The catalogue's transactions, and what is submitted with a key: once, however often it is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.store.catalogue.record_files import RecordFiles
from studio.store.tables.core import Run, Sweep, Table
from studio.store.tables.playground import Evaluation

Keyed = TypeVar("Keyed", Run, Sweep, Evaluation)


class KeyedRecords(ABC):
    engine: Engine
    files: RecordFiles | None = None

    @abstractmethod
    def _session(self) -> AbstractContextManager[Session]:
        """A transaction of the catalogue's."""

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

    def _by_key(self, table: type[Keyed], key: str) -> Keyed | None:
        with self._session() as session:
            return session.scalar(select(table).where(table.key == key))

    def _once(self, table: type[Keyed], key: str | None, make: Callable[[Session], Keyed]) -> Keyed:
        """What `make` adds, or what was added with that key before."""
        if key and (earlier := self._by_key(table, key)):
            return earlier
        try:
            with self._session() as session:
                return make(session)
        except IntegrityError:
            if key and (earlier := self._by_key(table, key)):  # the other click was faster
                return earlier
            raise
