"""Every query of the catalogue, as a verb. Records come back detached: read them, change them here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, and_, delete, func, or_, select, update
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from studio.domain.errors import InvalidInput, NotFound
from studio.domain.run import RunStatus
from studio.store.catalogue.evaluations import EvaluationRecords
from studio.store.catalogue.playground import PlaygroundRecords
from studio.store.catalogue.record_files import RecordFiles
from studio.store.catalogue.restored_records import RestoredRecords
from studio.store.catalogue.runs import RunRecords
from studio.store.database import open_database
from studio.store.database_faults import CatalogueFull, fault_of
from studio.store.disk.reserve import Reserve
from studio.store.tables.core import Adapter, ColumnMap, Dataset, Model, Run, Table

Record = TypeVar("Record", bound=Table)
Named = TypeVar("Named", Model, Dataset, Adapter)

_WORDS: dict[type[Table], str] = {Model: "base model", Dataset: "dataset", Adapter: "adapter", Run: "run"}


_HASH = re.compile(r"[0-9a-f]{12,64}")
REMOVED = "removed"  # a base model's status
PROGRESS = {"stage", "done", "total"}  # of a worker; it is no news that must outlive the database
OPEN_RUNS = [status for status in RunStatus if not status.is_over]


class Catalogue(RunRecords, PlaygroundRecords, EvaluationRecords, RestoredRecords):
    """The studio's memory, in the database at `url`; in `files` what it says stands once more, if they are given.
    `reserve` is given up where there is no room for a row: then there is, when it is tried again."""

    def __init__(self, url: str, files: Path | None = None, reserve: Reserve | None = None) -> None:
        self.engine: Engine = open_database(url)
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

    def _named(self, table: type[Named], name: str) -> Named:
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

    def free_name(self, table: type[Named], wanted: str) -> str:
        """`wanted`, or `wanted 2`, `wanted 3`… where it is taken."""
        name, number = wanted, 1
        while not self._name_is_free(table, name):
            number += 1
            name = f"{wanted} {number}"
        return name

    # base models

    def add_model(self, **fields: Any) -> Model:
        """Raises InvalidInput: the name is taken."""
        return self._add(Model(created_at=time.time(), **fields))

    def model(self, name: str) -> Model:
        """Raises NotFound."""
        return self._named(Model, name)

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

    # datasets

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
            found = session.scalar(newest.where(Dataset.name == reference))
            if found is None and version.isdecimal() and len(version) < 10:
                found = session.scalar(newest.where(Dataset.name == name, Dataset.version == int(version)))
            if found is None and _HASH.fullmatch(reference):
                found = session.scalar(newest.where(Dataset.sha256.startswith(reference)))
        return found if found is not None else self._named(Dataset, reference)

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

    def _delete(self, table: type[Table], *ids: int) -> None:
        with self._session() as session:
            for id in ids:
                record = session.get(table, id)
                if record is not None:
                    session.delete(record)
        for id in ids:
            self._keep_file(table, id)

    # adapters

    def add_adapter(self, **fields: Any) -> Adapter:
        """Raises InvalidInput: the name is taken."""
        return self._add(Adapter(created_at=time.time(), **fields))

    def adapter(self, name: str) -> Adapter:
        """Raises NotFound."""
        return self._named(Adapter, name)

    def adapter_of_run(self, run_id: int, checkpoint: int = 0) -> Adapter | None:
        """What the run ended with, or what its checkpoint after that step was kept as."""
        with self._session() as session:
            return session.scalar(select(Adapter).where(Adapter.run_id == run_id, Adapter.checkpoint == checkpoint))

    def adapters_by_run(self, runs: Sequence[int]) -> dict[int, Adapter]:
        """What those runs ended with."""
        with self._session() as session:
            made = session.scalars(select(Adapter).where(Adapter.run_id.in_(runs), Adapter.checkpoint == 0)).all()
        return {adapter.run_id: adapter for adapter in made if adapter.run_id is not None}

    def adapters_of_checkpoints(self, run_id: int) -> dict[int, Adapter]:
        """What the run's checkpoints were kept as, by step."""
        with self._session() as session:
            kept = session.scalars(select(Adapter).where(Adapter.run_id == run_id, Adapter.checkpoint > 0)).all()
        return {adapter.checkpoint: adapter for adapter in kept}

    def adapters(self, search: str = "", *, model_id: int | None = None) -> Sequence[Adapter]:
        """Newest first. Every word of `search` must stand in the name, the base's or the dataset's."""
        query = select(Adapter).order_by(Adapter.id.desc())
        fields = (Adapter.name, Adapter.base_name, Adapter.base_reference, Adapter.dataset_name)
        words = [or_(*(f.icontains(word, autoescape=True) for f in fields)) for word in search.split()]
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
