"""Near duplicates on the disk: which rows are near an earlier one, and how near."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from studio.store.arrow_file import ArrowFile, DamagedFile, RecordFileWriter

_BATCH = 10_000
_SCHEMA = pa.schema([("row", pa.int64()), ("earlier", pa.int64()), ("similarity", pa.float64())])
"""`row` and `earlier` are indices in the rows' own file; rows that are the same as an earlier one are left out."""


class NearFileWriter(RecordFileWriter):
    """Takes near duplicates in the order of their rows."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _SCHEMA, _BATCH)

    def append(self, row: int, earlier: int, similarity: float) -> None:
        self.put(row, earlier, similarity)


def near_rows(path: str | Path, least: float) -> set[int]:
    """The rows that are near an earlier one, with that similarity or more. Raises OSError."""
    # A similarity is a fraction, and what is asked a number of percent: 0.9 is no more than 9/10.
    with _open(path) as file:
        return {
            row
            for batch in file
            for row in batch.filter(pc.greater_equal(batch["similarity"], least - 1e-9))["row"].to_pylist()
        }


def earlier_row(path: str | Path, row: int) -> tuple[int, float] | None:
    """The row that a near duplicate is near, and how near; None where it is none. Raises OSError."""
    with _open(path) as file:
        for batch in file:
            found = batch.filter(pc.equal(batch["row"], row))
            if found.num_rows:
                return found["earlier"][0].as_py(), found["similarity"][0].as_py()
    return None


def _open(path: str | Path) -> ArrowFile:
    file = ArrowFile(path)
    if file.names != _SCHEMA.names:
        file.close()
        raise DamagedFile(path)
    return file
