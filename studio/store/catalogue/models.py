"""Queries of base models."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from studio.store.catalogue.session import OPEN_RUNS, PROGRESS, CatalogueSession
from studio.store.tables.adapters import Adapter
from studio.store.tables.models import REMOVED, Model
from studio.store.tables.runs import Run


class ModelRecords(CatalogueSession):
    def add_model(self, **fields: Any) -> Model:
        """Raises InvalidInput: the name is taken."""
        return self._add(Model(created_at=time.time(), **fields))

    def model(self, name: str) -> Model:
        """Raises NotFound."""
        return self._by_name(Model, name)

    def model_by_id(self, id: int) -> Model | None:
        with self._session() as session:
            return session.get(Model, id)

    def models(self, *, removed: bool = False) -> Sequence[Model]:
        """In the order they were added; also those that were removed, where that is asked."""
        query = select(Model).order_by(Model.id)
        with self._session() as session:
            return session.scalars(query if removed else query.where(Model.status != REMOVED)).all()

    def change_model(self, id: int, *, only: str = "", **fields: Any) -> bool:
        """Whether it was changed: only where its status is `only`, if one is given."""
        query = update(Model).where(Model.id == id)
        if only:
            query = query.where(Model.status == only)
        with self._session() as session:
            changed = session.scalar(query.values(**fields).returning(Model.id)) is not None
        if changed and fields.keys() - PROGRESS:
            self._keep_file(Model, id)
        return changed

    def remove_model(self, id: int) -> Sequence[Run]:
        """Takes it out of every list, unless runs that wait or are under way need it: those are returned."""
        with self._session() as session:
            if needed_by := session.scalars(select(Run).where(Run.model_id == id, Run.status.in_(OPEN_RUNS))).all():
                return needed_by
            session.execute(update(Model).where(Model.id == id).values(status=REMOVED))
        self._keep_file(Model, id)
        return []

    def forget_model(self, id: int) -> None:
        """Deletes the record of a removed model; where runs or adapters tell of it, it stays for their sake."""
        told_of = select(Run.id).where(Run.model_id == id).union(select(Adapter.id).where(Adapter.model_id == id))
        with self._session() as session:
            if session.execute(told_of.limit(1)).first() is None:
                session.execute(delete(Model).where(Model.id == id, Model.status == REMOVED))
        self._keep_file(Model, id)
