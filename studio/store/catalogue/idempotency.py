"""What is submitted with a key is added once, however often it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from studio.store.catalogue.session import CatalogueSession
from studio.store.tables.evaluations import Evaluation
from studio.store.tables.runs import Run, Sweep

Keyed = TypeVar("Keyed", Run, Sweep, Evaluation)


class KeyedRecords(CatalogueSession):
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
