"""Tables in columns: Parquet, and Arrow as a file or a stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet

from studio.domain.dataset import Problem
from studio.domain.errors import InvalidInput
from studio.worker.reading.item import Item
from studio.worker.reading.packed import Packed

_ROWS = 4000  # in memory at once
_BROKEN = (pa.ArrowException, OSError, ValueError, NotImplementedError)


@dataclass(frozen=True)
class Block:
    """Some rows in their columns; `before` is how many came before them."""

    before: int
    batch: pa.RecordBatch


def parquet(packed: Packed, name: str) -> Iterator[Block | Problem]:
    """Raises InvalidInput while it is read where it is no Parquet file."""
    return _blocks(packed, name, "Parquet", _parquet_batches)


def arrow(packed: Packed, name: str) -> Iterator[Block | Problem]:
    """Raises InvalidInput while it is read where it is no Arrow file."""
    return _blocks(packed, name, "Arrow", _arrow_batches)


def _parquet_batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    with pa.parquet.ParquetFile(file, pre_buffer=False) as opened:
        for group in range(opened.num_row_groups):  # one by one: what is before a damaged one is read
            yield from opened.iter_batches(batch_size=_ROWS, row_groups=[group])


def _arrow_batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    is_file = file.read(6) == b"ARROW1"
    file.seek(0)
    if not is_file:  # a stream, as the library datasets keeps them
        with closing(pa.ipc.open_stream(file)) as stream:
            yield from stream
        return
    opened = pa.ipc.open_file(file)
    for number in range(opened.num_record_batches):
        yield opened.get_batch(number)


def _blocks(packed: Packed, name: str, kind: str, batches: Any) -> Iterator[Block | Problem]:
    number = 0
    try:
        with packed.seekable() as file:
            for batch in batches(file):
                names = batch.schema.names
                if len(set(names)) < len(names):
                    doubled = ", ".join(sorted({f"“{column}”" for column in names if names.count(column) > 1}))
                    raise InvalidInput(
                        "“{file}” has a column twice: {names}.", "Give each column its own name.",
                        file=name, names=doubled,
                    )  # fmt: skip
                for start in range(0, batch.num_rows, _ROWS):
                    block = Block(number, batch.slice(start, _ROWS))
                    number += block.batch.num_rows
                    yield block
    except InvalidInput:
        raise
    except _BROKEN as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        if number:
            yield Problem(number + 1, "", "truncated", {"reason": reason})
            return
        raise InvalidInput(
            "“{file}” cannot be read as {kind}: {reason}.", "Write it again, or bring it as .jsonl.",
            file=name, kind=kind, reason=reason,
        ) from error  # fmt: skip


def items_of(block: Block | Problem) -> Iterator[Item]:
    """The block's rows one by one."""
    if isinstance(block, Problem):
        yield block
        return
    try:
        columns = [values_of(column) for column in block.batch.columns]
    except (UnicodeDecodeError, OverflowError, pa.ArrowException):
        yield from _one_by_one(block)
        return
    names = block.batch.schema.names
    for number, values in enumerate(zip(*columns, strict=True), block.before + 1):
        yield number, dict(zip(names, values, strict=True))


def _one_by_one(block: Block) -> Iterator[Item]:
    """Where one of the rows is at fault."""
    for i in range(block.batch.num_rows):
        number = block.before + i + 1
        try:
            yield number, block.batch.slice(i, 1).to_pylist()[0]
        except UnicodeDecodeError as error:
            byte = f"0x{error.object[error.start]:02X}"
            values = {"byte": byte, "position": error.start + 1, "encoding": "UTF-8"}
            yield Problem(number, "", "bad_encoding", values)
        except (OverflowError, pa.ArrowException) as error:
            yield Problem(number, "", "json_too_deep", {"reason": str(error)})


def values_of(array: pa.Array) -> list[Any]:
    """As array.to_pylist(), several times as fast for lists of objects: each of their fields at once."""
    kind = array.type
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)) or array.null_count:
        return list(array.to_pylist())
    struct = array.flatten()
    if struct.null_count:
        return list(array.to_pylist())
    names = [field.name for field in struct.type]
    fields = [values_of(struct.field(i)) for i in range(len(names))]
    objects = [dict(zip(names, values, strict=True)) for values in zip(*fields, strict=True)]
    lists, here = [], 0
    for length in array.value_lengths().to_pylist():
        lists.append(objects[here : here + length])
        here += length
    return lists
