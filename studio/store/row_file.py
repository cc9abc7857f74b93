"""Rows on the disk: an Arrow file whose batches have 1,000 rows each, so that any page is found at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

BATCH = 1000


class RowFileWriter:
    """Writes the rows of `column`, in batches: "messages" (lists of role and content) or "text".

    Arrow's schema is messages: list<struct<role: string, content: string>>, or text: string.
    """

    def __init__(self, path: Path, column: str) -> None:
        import pyarrow as pa

        turn = pa.struct([("role", pa.string()), ("content", pa.string())])
        self._schema = pa.schema([(column, pa.list_(turn) if column == "messages" else pa.string())])
        self._column = column
        self._rows: list[Any] = []
        self._file = pa.ipc.new_file(str(path), self._schema)

    def append(self, row: dict[str, Any]) -> None:
        self._rows.append(row[self._column])
        if len(self._rows) == BATCH:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        values = pa.array(self._rows, self._schema.field(0).type)
        self._file.write_batch(pa.record_batch([values], schema=self._schema))
        self._rows.clear()

    def __enter__(self) -> RowFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._flush()
        self._file.close()


def read_rows(path: str | Path, offset: int, limit: int) -> Sequence[dict[str, Any]]:
    """Up to `limit` rows from row `offset` (from 0 on); only their batches are read. Raises OSError."""
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    with pa.memory_map(str(path)) as source:
        file = pa.ipc.open_file(source)
        for number in range(offset // BATCH, file.num_record_batches):
            start = max(0, offset - number * BATCH)
            rows += file.get_batch(number).slice(start, limit - len(rows)).to_pylist()
            if len(rows) >= limit:
                break
    return rows
