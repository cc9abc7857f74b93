"""Queries of datasets and of the columns that people chose."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select, update

from studio.store.catalogue.session import OPEN_RUNS, PROGRESS, CatalogueSession
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import ColumnMap, Dataset
from studio.store.tables.runs import Run

_HASH = re.compile(r"[0-9a-f]{12,64}")


class DatasetRecords(CatalogueSession):
    def add_dataset(self, **fields: Any) -> Dataset:
        """Raises InvalidInput: there is that version of that name already."""
        return self._add(Dataset(created_at=time.time(), **fields))

    def dataset(self, reference: str) -> Dataset:
        """The newest version of that name, or the one of `name@version`, or of a hash's first 12 digits or more.

        Raises NotFound.
        """
        name, _, version = reference.rpartition("@")
        newest = select(Dataset).order_by(Dataset.version.desc(), Dataset.id.desc()).limit(1)
        with self._session() as session:
            record = session.scalar(newest.where(Dataset.name == reference))
            if record is None and version.isdecimal() and len(version) < 10:
                record = session.scalar(newest.where(Dataset.name == name, Dataset.version == int(version)))
            if record is None and _HASH.fullmatch(reference):
                record = session.scalar(newest.where(Dataset.sha256.startswith(reference)))
        return record if record is not None else self._by_name(Dataset, reference)

    def dataset_by_id(self, id: int) -> Dataset | None:
        with self._session() as session:
            return session.get(Dataset, id)

    def datasets(self, status: str = "") -> Sequence[Dataset]:
        """Every version, newest first; only those of that status, if one is given."""
        query = select(Dataset).order_by(Dataset.id.desc())
        with self._session() as session:
            return session.scalars(query.where(Dataset.status == status) if status else query).all()

    def dataset_versions(self, name: str) -> Sequence[Dataset]:
        """Newest first."""
        with self._session() as session:
            query = select(Dataset).where(Dataset.name == name).order_by(Dataset.version.desc())
            return session.scalars(query).all()

    def change_dataset(self, id: int, **fields: Any) -> None:
        with self._session() as session:
            session.execute(update(Dataset).where(Dataset.id == id).values(**fields))
        if fields.keys() - PROGRESS:
            self._keep_file(Dataset, id)

    def delete_datasets(self, ids: Iterable[int]) -> None:
        """All of them or, where the catalogue refuses, none."""
        self._delete(Dataset, *ids)

    def adapters_of_dataset(self, id: int) -> Sequence[Adapter]:
        with self._session() as session:
            return session.scalars(select(Adapter).where(Adapter.dataset_id == id)).all()

    def dataset_is_in_use(self, id: int) -> bool:
        """A run that is waiting or under way needs it."""
        with self._session() as session:
            open_ones = select(func.count()).select_from(Run).where(Run.dataset_id == id, Run.status.in_(OPEN_RUNS))
            return bool(session.scalar(open_ones))

    def column_maps(self) -> dict[str, dict[str, Any]]:
        """Layouts that people chose, by the key of the header that they are for."""
        with self._session() as session:
            return {record.header: record.layout for record in session.scalars(select(ColumnMap))}

    def remember_column_map(self, header: str, layout: dict[str, Any]) -> None:
        with self._session() as session:
            session.merge(ColumnMap(header=header, layout=layout, created_at=time.time()))
