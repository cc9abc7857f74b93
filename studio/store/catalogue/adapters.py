"""Queries of adapters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.exc import IntegrityError

from studio.domain.errors import InvalidInput
from studio.store.catalogue.search import matches
from studio.store.catalogue.session import CatalogueSession
from studio.store.tables.adapters import Adapter


class AdapterRecords(CatalogueSession):
    def add_adapter(self, **fields: Any) -> Adapter:
        """Raises InvalidInput: the name is taken."""
        return self._add(Adapter(created_at=time.time(), **fields))

    def adapter(self, name: str) -> Adapter:
        """Raises NotFound."""
        return self._by_name(Adapter, name)

    def adapter_of_run(self, run_id: int, checkpoint: int = 0) -> Adapter | None:
        """What the run ended with, or what its checkpoint after that step was kept as."""
        with self._session() as session:
            return session.scalar(select(Adapter).where(Adapter.run_id == run_id, Adapter.checkpoint == checkpoint))

    def adapters_by_run(self, runs: Sequence[int]) -> dict[int, Adapter]:
        """What those runs ended with."""
        with self._session() as session:
            adapters = session.scalars(select(Adapter).where(Adapter.run_id.in_(runs), Adapter.checkpoint == 0)).all()
        return {adapter.run_id: adapter for adapter in adapters if adapter.run_id is not None}

    def adapters_of_checkpoints(self, run_id: int) -> dict[int, Adapter]:
        """What the run's checkpoints were kept as, by step."""
        with self._session() as session:
            adapters = session.scalars(select(Adapter).where(Adapter.run_id == run_id, Adapter.checkpoint > 0)).all()
        return {adapter.checkpoint: adapter for adapter in adapters}

    def adapters(self, search: str = "", *, model_id: int | None = None) -> Sequence[Adapter]:
        """Newest first. Every word of `search` must stand in the name, the base's or the dataset's."""
        query = select(Adapter).order_by(Adapter.id.desc())
        fields = (Adapter.name, Adapter.base_name, Adapter.base_reference, Adapter.dataset_name)
        words = [matches(word, fields, Adapter.mixture) for word in search.split()]
        query = query.where(and_(True, *words))
        if model_id is not None:
            query = query.where(Adapter.model_id == model_id)
        with self._session() as session:
            return session.scalars(query).all()

    def change_adapter(self, id: int, **fields: Any) -> None:
        """Raises InvalidInput: the new name is taken."""
        try:
            with self._session() as session:
                session.execute(update(Adapter).where(Adapter.id == id).values(**fields))
            self._keep_file(Adapter, id)
        except IntegrityError as error:
            fault = InvalidInput("There is already an adapter with this name.", "Choose another name.")
            raise InvalidInput.at("name", fault) from error

    def delete_adapter(self, id: int) -> None:
        self._delete(Adapter, id)
