"""Queries of datasets and of the columns that people chose."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import String, cast, or_, select, update

from studio.domain.spec.data import MixedDataset
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

    def adapters_of_dataset(self, dataset: Dataset) -> Sequence[Adapter]:
        """Those that learned from it, alone or among others."""
        is_mixed = cast(Adapter.mixture, String) != "[]"
        with self._session() as session:
            adapters = session.scalars(select(Adapter).where(or_(Adapter.dataset_id == dataset.id, is_mixed))).all()
        return [adapter for adapter in adapters if adapter.dataset_id == dataset.id or _has_part(adapter, dataset)]

    def dataset_is_in_use(self, dataset: Dataset) -> bool:
        """A run that is waiting or under way trains on it, or measures itself by it."""
        with self._session() as session:
            open_runs = session.execute(select(Run.dataset_id, Run.spec).where(Run.status.in_(OPEN_RUNS))).all()
        return any(id == dataset.id or dataset.reference in _named_beside(spec) for id, spec in open_runs)

    def column_maps(self) -> dict[str, dict[str, Any]]:
        """Layouts that people chose, by the key of the header that they are for."""
        with self._session() as session:
            return {record.header: record.layout for record in session.scalars(select(ColumnMap))}

    def remember_column_map(self, header: str, layout: dict[str, Any]) -> None:
        with self._session() as session:
            session.merge(ColumnMap(header=header, layout=layout, created_at=time.time()))


def _named_beside(spec: Mapping[str, Any]) -> set[str]:
    """Versions of datasets that a stored spec names besides its first one."""
    data = spec.get("data", {})
    mixed = {MixedDataset.model_validate(each).name for each in data.get("mix", ())}
    return mixed | {data.get("validation_name", "")}


def _has_part(adapter: Adapter, dataset: Dataset) -> bool:
    return any(
        (each.reference, each.sha256) == (dataset.reference, dataset.sha256) for each in adapter.details.datasets[1:]
    )
