"""Blocks of plain JSON Lines, parsed by Arrow into columns at once: several times as quickly as line by line."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.json

from studio.domain.datasets.formats import Format, Layout
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES

_BLOCK_BYTES = 1 << 20  # read at once
_MAX_ROWS = 1000  # of a block
_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])


Columns = dict[str, pa.Array]


@dataclass(frozen=True)
class PlainBlock:
    """Rows that need no closer look, as the columns that are kept of them; `before` is how many lines came before."""

    before: int
    rows: int
    columns: Columns

    @property
    def line(self) -> int:
        """Of its last row."""
        return self.before + self.rows


@dataclass(frozen=True)
class Plain:
    """What every line of a block has to be like: an object of that schema, of which `columns` makes what is kept, or
    None where one of them needs a closer look."""

    schema: pa.Schema
    columns: Callable[[pa.RecordBatch], Columns | None]


@dataclass
class PlainLines:
    """Of a file of JSON Lines that is being read. Who knows the columns says what is `plain`; until then, lines are
    read one by one."""

    plain: Plain | None = None


def plain_schema(layout: Layout) -> pa.Schema | None:
    """That of the layouts that fast_path knows; None of others."""
    columns = list(layout.columns.values())
    match layout.format:
        case Format.CHAT if len(columns) == 1:
            return pa.schema([(columns[0], pa.list_(_TURN))])
        case Format.PROMPT_COMPLETION if set(layout.columns) == {"prompt", "completion"}:
            return pa.schema([(column, pa.string()) for column in columns])
        case Format.TEXT if len(columns) == 1:
            return pa.schema([(columns[0], pa.string())])
    return None


def next_block(file: IO[bytes]) -> bytes:
    """The next whole lines; of the last one only the beginning, where it is longer than MAX_ROW_BYTES."""
    data = file.read(_BLOCK_BYTES)
    return data if data.endswith(b"\n") else data + file.readline(MAX_ROW_BYTES)


def plain_blocks(data: bytes, plain: Plain, before: int) -> list[PlainBlock] | None:
    """The lines in blocks of up to _MAX_ROWS; None where one of them is not plain.

    Arrow's parser takes what stands behind an object for the next row, and passes over blank lines: the number of rows
    tells only where each line begins one.
    """
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if data[:1] != b"{" or data.count(b"\n{") != lines - 1:
        return None
    try:
        table = pa.json.read_json(
            pa.BufferReader(data),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pa.json.ParseOptions(explicit_schema=plain.schema, unexpected_field_behavior="error"),
        )
    except pa.ArrowException:
        return None
    blocks = []
    for batch in table.to_batches(_MAX_ROWS):
        if (columns := plain.columns(batch)) is None:
            return None
        blocks.append(PlainBlock(before, batch.num_rows, columns))
        before += batch.num_rows
    return blocks if table.num_rows == lines else None


class LinesAhead:
    """The lines of what was read ahead of a file, the last of them to its end."""

    def __init__(self, data: bytes, file: IO[bytes]) -> None:
        self._ahead = io.BytesIO(data)
        self._file = file
        self._is_within = False

    def readline(self, size: int) -> bytes:
        line = self._ahead.readline(size)
        if not line and self._is_within:
            line = self._file.readline(size)
        self._is_within = bool(line) and not line.endswith(b"\n")
        return line
