"""Rows on the disk: an Arrow file in batches of up to 1,000 rows, fewer where they are long."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from studio.store.arrow_file import ArrowFile, ArrowFileWriter

BATCH = 1000

_TURN_FIELDS = {
    **dict.fromkeys(("role", "content", "tool_calls", "name", "tool_call_id", "reasoning_content"), pa.string()),
    "weight": pa.int8(),
}
_TURNS = pa.list_(pa.struct(list(_TURN_FIELDS.items())))
_PLACE = [("line", pa.int64()), ("file", pa.int16())]
SCHEMAS: dict[str, pa.Schema] = {
    "chat": pa.schema([("messages", _TURNS), ("tools", pa.string()), ("label", pa.string()), *_PLACE]),
    "text": pa.schema([("text", pa.string()), ("label", pa.string()), *_PLACE]),
    "preference": pa.schema(
        [("prompt", _TURNS), ("chosen", _TURNS), ("rejected", _TURNS), ("tools", pa.string()), *_PLACE]
    ),
    "unpaired": pa.schema(
        [("prompt", _TURNS), ("completion", _TURNS), ("label", pa.bool_()), ("tools", pa.string()), *_PLACE]
    ),
}
"""By the kind of rows (domain.datasets.formats.Format.kind). Tools and the calls of them are JSON; `line` and `file`
say where in the original the row stands."""


class RowFileWriter:
    """Writes rows (domain.datasets.row_parts.Row) of one kind."""

    def __init__(self, path: Path, kind: str) -> None:
        self._schema = SCHEMAS[kind]
        self._file = ArrowFileWriter(path, self._schema)

    def write(
        self,
        rows: Sequence[dict[str, Any]],
        lines: Sequence[int],
        files: Sequence[int],
        arrays_by_name: Mapping[str, pa.Array] | None = None,
    ) -> pa.RecordBatch:
        """Appends one batch.

        Args:
            lines, files: Where each row stands in the original.
            known: The columns, where they are made already, instead of the rows; what is missing there is empty.
        """
        columns = {"line": pa.array(lines, pa.int64()), "file": pa.array(files, pa.int16()), **(arrays_by_name or {})}
        arrays = []
        for field in self._schema:
            if field.name not in columns:
                if arrays_by_name is None:
                    columns[field.name] = _column(field, [row.get(field.name) for row in rows])
                else:
                    columns[field.name] = pa.nulls(len(lines), field.type)
            arrays.append(columns[field.name])
        batch = pa.record_batch(arrays, schema=self._schema)
        self._file.write(batch)
        return batch

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> RowFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _column(field: pa.Field, values: list[Any]) -> pa.Array:
    if field.type == _TURNS:
        return _turn_lists(values)
    if field.name == "tools":
        values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    return pa.array(values, field.type)


def _turn_lists(lists: Sequence[Sequence[dict[str, Any]]]) -> pa.Array:
    """As pa.array(lists, type of the column), several times as quickly: each field of all turns at once."""
    turns = [turn for turns in lists for turn in turns]
    more: dict[str, pa.Array] = {}
    if any(len(turn) > 2 for turn in turns):
        calls = [turn.get("tool_calls") for turn in turns]
        encoded_calls = [None if value is None else json.dumps(value, ensure_ascii=False) for value in calls]
        more = {
            name: pa.array([turn.get(name) for turn in turns], kind)
            for name, kind in _TURN_FIELDS.items()
            if name not in ("role", "content", "tool_calls")
        }
        more["tool_calls"] = pa.array(encoded_calls, pa.string())
    role = pa.array([turn["role"] for turn in turns], pa.string())
    content = pa.array([turn["content"] for turn in turns], pa.string())
    return turn_lists([0, *accumulate(map(len, lists))], role, content, **more)


def turn_lists(offsets: Sequence[int], role: pa.Array, content: pa.Array, **more: pa.Array) -> pa.Array:
    """Lists of turns as a column. offsets: where each list begins among all turns, and where the last one ends."""
    columns = {"role": role, "content": content, **more}
    fields = [columns[name] if name in columns else pa.nulls(len(role), kind) for name, kind in _TURN_FIELDS.items()]
    struct = pa.StructArray.from_arrays(fields, fields=list(_TURNS.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct, type=_TURNS)


def rows_from(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The batch's rows as plain data, without the place and without what is not there. Older files, which have fewer
    columns, and turns with fewer fields, are read too."""
    columns = {name: _values(batch.column(name), name) for name in batch.schema.names if name not in ("line", "file")}
    if len(columns) > 1:
        columns = {name: values for name, values in columns.items() if any(value is not None for value in values)}
    names = list(columns)
    if len(names) == 1:
        return [{names[0]: value} for value in columns[names[0]]]
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*columns.values(), strict=True)
    ]


def _values(array: pa.Array, name: str) -> list[Any]:
    if pa.types.is_list(array.type):
        return _lists_of_turns(array)
    values: list[Any] = array.to_pylist()
    return [None if value is None else json.loads(value) for value in values] if name == "tools" else values


def _lists_of_turns(array: pa.ListArray) -> list[list[dict[str, Any]]]:
    struct = array.flatten()
    names = [field.name for field in struct.type if struct.field(field.name).null_count < len(struct)]
    if not set(names) <= {"role", "content"}:
        fields = {name: struct.field(name).to_pylist() for name in names}
        if "tool_calls" in fields:
            fields["tool_calls"] = [None if value is None else json.loads(value) for value in fields["tool_calls"]]
        turns = [
            {name: value for name, value in zip(names, values, strict=True) if value is not None}
            for values in zip(*fields.values(), strict=True)
        ]
    else:
        roles, contents = struct.field("role").to_pylist(), struct.field("content").to_pylist()
        turns = [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]
    lists, here = [], 0
    for length in array.value_lengths().to_pylist():
        lists.append(turns[here : here + length])
        here += length
    return lists


def read_rows(path: str | Path, offset: int, limit: int) -> list[dict[str, Any]]:
    """Up to `limit` rows from row `offset` (from 0 on); only their batches are read. Raises OSError."""
    rows: list[dict[str, Any]] = []
    with ArrowFile(path) as file:
        first = int(np.searchsorted(file.starts, offset, side="right")) - 1
        for number in range(first, len(file)):
            start = max(0, offset - int(file.starts[number]))
            rows += rows_from(file.batch(number).slice(start, limit - len(rows)))
            if len(rows) >= limit:
                break
    return rows


def read_batches(path: str | Path) -> Iterator[pa.RecordBatch]:
    """One after the other, in bounded memory. Raises OSError."""
    with ArrowFile(path) as file:
        yield from file


class RowLookup:
    """Single rows of a file of such batches, in any order. is_own: this process has just written the file."""

    def __init__(self, path: str | Path, *, is_own: bool = False) -> None:
        self._is_checked = not is_own
        self._path = path
        self._file = ArrowFile(path)
        self._number = -1
        self._batch: Any = None

    def rows(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        return [self._row(number) for number in numbers]

    def places(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """(line, file) of each in the original; by their number where an older file does not say."""
        if "line" not in self._file.names:
            return [(number + 1, 0) for number in numbers]
        return [(one["line"][0].as_py(), one["file"][0].as_py()) for one in map(self._one, numbers)]

    def batch(self, numbers: NDArray[np.int64]) -> pa.RecordBatch:
        """Rows whose numbers ascend, as one batch."""
        batches = np.searchsorted(self._file.starts, numbers, side="right") - 1
        starts = np.flatnonzero(np.diff(batches, prepend=-1))
        pieces = []
        for start, stop in zip(starts, [*starts[1:], len(numbers)], strict=True):
            whole = self._batch_at(int(batches[start]))
            pieces.append(whole.take(pa.array(numbers[start:stop] - self._file.starts[batches[start]])))
        return pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]

    def records(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """All columns as they are in the file."""
        return [self._one(number).to_pylist()[0] for number in numbers]

    def _row(self, number: int) -> dict[str, Any]:
        return rows_from(self._one(number))[0]

    def _one(self, number: int) -> pa.RecordBatch:
        """Raises DamagedFile where the file ends before that row."""
        batch, place = self._file.place(number)
        return self._batch_at(batch).slice(place, 1)

    def _batch_at(self, number: int) -> pa.RecordBatch:
        if self._number != number:
            self._batch = self._file.batch(number, is_checked=self._is_checked)
            self._number = number
        return self._batch

    def __enter__(self) -> RowLookup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
