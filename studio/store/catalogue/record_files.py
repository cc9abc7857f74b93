"""What the catalogue says of models, datasets, runs and adapters, as files too: if the database is lost, they tell the
names, the notes and the whole lineage that the folders alone do not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.store.job_folder import read_json, write_json
from studio.store.tables.base import Table

logger = logging.getLogger(__name__)


class RecordFiles:
    """`<folder>/<table>/<id>.json`, each with every column of the row. The database counts: a file that cannot be
    written holds nothing up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, record: Table) -> None:
        path = self._path(type(record), record.as_dict()["id"])
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, record.as_dict())
        except OSError as error:
            logger.warning("%s could not be written: %s", path, error)

    def remove(self, table: type[Table], id: int) -> None:
        with suppress(OSError):
            self._path(table, id).unlink(missing_ok=True)

    def all(self, table: type[Table]) -> Iterator[dict[str, Any]]:
        """By id; what is damaged is left out."""
        columns = {column.key for column in table.__table__.columns}
        required = {
            c.key for c in table.__table__.columns if not (c.nullable or c.default is not None or c.primary_key)
        }
        for id in sorted(self.ids(table)):
            record = read_json(self._path(table, id))
            if isinstance(record, dict) and record.get("id") == id and required <= record.keys():
                yield {key: value for key, value in record.items() if key in columns}

    def ids(self, table: type[Table]) -> set[int]:
        folder = self._folder / table.__tablename__
        return {int(file.stem) for file in folder.glob("*.json") if file.stem.isdecimal()}

    def _path(self, table: type[Table], id: int) -> Path:
        return self._folder / str(table.__tablename__) / f"{id}.json"
