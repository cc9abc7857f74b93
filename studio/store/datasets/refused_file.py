"""Rows of the files that could not be used, as they came: an Arrow file, so that they can be shown and mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from studio.store.arrow_file import ArrowFile, DamagedFile, RecordFileWriter

BATCH = 1000
MAX_BATCH_BYTES = 1 << 24  # of raw rows, which wait in memory until they are written
MAX_RAW_BYTES = 1 << 20  # of one row
MAX_TOTAL_BYTES = 1 << 26  # of all rows of a version
SCHEMA = pa.schema([("line", pa.int64()), ("file", pa.int16()), ("raw", pa.string()), ("parsed", pa.bool_())])


@dataclass(frozen=True)
class RefusedRow:
    """A row that could not be used, with its place in the file that it stands in.

    `raw` is the JSON of what was read, or where it is not `parsed`, what stands in the file; None where that was not
    kept: it is too long, or cannot be shown as text.
    """

    line: int
    file: int
    raw: str | None
    parsed: bool = False


class RefusedFileWriter(RecordFileWriter):
    """Writes rows in the order of their numbers, from 0 on. `kept` counts those that are there with their words."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA, BATCH)
        self.rows = 0
        self.kept = 0
        self._waiting_bytes = self._total_bytes = 0

    def append(self, row: RefusedRow) -> bool:
        """Gives whether it is kept with its words."""
        encoded = None if row.raw is None else row.raw.encode("utf-8", "replace")
        raw, size = (None, 0) if encoded is None else (encoded.decode(), len(encoded))
        if size > MAX_RAW_BYTES or self._total_bytes + size > MAX_TOTAL_BYTES:
            raw, size = None, 0
        self.put(row.line, row.file, raw, row.parsed)
        self.rows += 1
        self.kept += raw is not None
        self._total_bytes += size
        self._waiting_bytes += size
        if self._waiting_bytes > MAX_BATCH_BYTES:
            self.flush()
        return raw is not None

    def flush(self) -> None:
        super().flush()
        self._waiting_bytes = 0


def read_refused(path: str | Path, offset: int = 0, limit: int | None = None) -> Iterator[tuple[int, RefusedRow]]:
    """Each row with its number, from the `offset`-th on; none where an older studio has written no such file.
    Raises OSError."""
    if not Path(path).is_file():
        return
    with ArrowFile(path) as file:
        if file.names != SCHEMA.names:
            raise DamagedFile(path)
        before = 0
        end = None if limit is None else offset + limit
        for batch in file:
            if before + batch.num_rows > offset:
                for number, one in enumerate(batch.to_pylist(), before):
                    if end is not None and number >= end:
                        return
                    if number >= offset:
                        yield number, RefusedRow(**one)
            before += batch.num_rows


def count_refused(path: str | Path) -> int:
    """How many there are. Raises OSError."""
    if not Path(path).is_file():
        return 0
    with ArrowFile(path) as file:
        return sum(batch.num_rows for batch in file)
