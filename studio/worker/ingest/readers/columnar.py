"""Parquet, and Arrow as a file or a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet

from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import Packed
from studio.worker.ingest.readers.csv import MAX_LISTED
from studio.worker.ingest.readers.item import Item

_BATCH_ROWS = 4000  # in memory at once
_BROKEN = (pa.ArrowException, OSError, ValueError, NotImplementedError, MemoryError)
_NO_VALUE = (ValueError, LookupError, ArithmeticError, TypeError, NotImplementedError, pa.ArrowException)
"""What Arrow raises at a value that Python has none for, such as a time in a zone that is not known."""


@dataclass(frozen=True)
class Block:
    """Some rows in their columns; `before` is how many came before them."""

    before: int
    batch: pa.RecordBatch


def parquet(packed_file: Packed, name: str) -> Iterator[Block | Problem]:
    """Raises InvalidInput while it is read where it is no Parquet file."""
    return _blocks(packed_file, name, "Parquet", _parquet_batches)


def arrow(packed_file: Packed, name: str) -> Iterator[Block | Problem]:
    """Raises InvalidInput while it is read where it is no Arrow file."""
    return _blocks(packed_file, name, "Arrow", _arrow_batches)


def _parquet_batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    with pa.parquet.ParquetFile(file, pre_buffer=False) as reader:
        for group in range(reader.num_row_groups):  # one by one: what is before a damaged one is read
            yield from reader.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group])


def _arrow_batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    is_file = file.read(6) == b"ARROW1"
    file.seek(0)
    if not is_file:  # a stream, as the library datasets keeps them
        with closing(pa.ipc.open_stream(file)) as stream:
            yield from stream
        return
    reader = pa.ipc.open_file(file)
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _blocks(packed_file: Packed, name: str, kind: str, batches: Any) -> Iterator[Block | Problem]:
    number = 0
    try:
        with packed_file.seekable() as file:
            for batch in batches(file):
                names = batch.schema.names
                if len(set(names)) < len(names):
                    counts = Counter(names)
                    duplicate_names = ", ".join(
                        sorted(f"“{column}”" for column in counts if counts[column] > 1)[:MAX_LISTED]
                    )
                    raise InvalidInput(
                        "“{file}” has a column twice: {names}.", "Give each column its own name.",
                        file=name, names=duplicate_names,
                    )  # fmt: skip
                readable = _is_readable(batch)
                for start in range(0, batch.num_rows, _BATCH_ROWS):
                    block = Block(number, batch.slice(start, _BATCH_ROWS))
                    yield from (block,) if readable else _readable_rows(block)
                    number += block.batch.num_rows
    except InvalidInput:
        raise
    except _BROKEN as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        if number:
            yield Problem(number + 1, "", "truncated", {"reason": reason})
            return
        raise InvalidInput(
            "“{file}” cannot be read as {kind}: {reason}.", "Write it again, or add it as .jsonl.",
            file=name, kind=kind, reason=reason,
        ) from error  # fmt: skip


def _is_readable(batch: pa.RecordBatch) -> bool:
    """Whether all text is UTF-8. Arrow trusts the bytes of a file, and a wrong offset would end the process.

    Raises:
        pa.ArrowException: the bytes are damaged in another way.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        for column in batch.columns:
            column.view(_as_bytes(column.type)).validate(full=True)
        return False
    return True


def _readable_rows(block: Block) -> Iterator[Block | Problem]:
    """The rows one by one, with problems for those whose text is no UTF-8."""
    for i in range(block.batch.num_rows):
        row = Block(block.before + i, block.batch.slice(i, 1))
        try:
            row.batch.to_pylist()
        except UnicodeDecodeError as error:
            values = {"byte": f"0x{error.object[error.start]:02X}", "position": error.start + 1, "encoding": "UTF-8"}
            yield Problem(row.before + 1, "", "bad_encoding", values)
            continue
        except _NO_VALUE:
            pass  # told by items_of
        yield row


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    """The type with bytes for text, which are not looked at for UTF-8."""
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in kind])
    for is_it, make in _NESTED:
        if is_it(kind):
            return make(kind.value_field.with_type(_as_bytes(kind.value_type)))
    return _BYTES.get(kind, kind)


_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}
_NESTED = ((pa.types.is_list, pa.list_), (pa.types.is_large_list, pa.large_list))


def items_of(block: Block | Problem) -> Iterator[Item]:
    """The block's rows one by one."""
    if isinstance(block, Problem):
        yield block
        return
    try:
        columns = [
            without_nulls(values_of(column)) if pa.types.is_nested(column.type) else values_of(column)
            for column in block.batch.columns
        ]
    except _NO_VALUE:
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
            row = block.batch.slice(i, 1).to_pylist()[0]
            yield number, {name: without_nulls(value) for name, value in row.items()}
        except _NO_VALUE as error:
            yield Problem(number, "", "json_too_deep", {"reason": str(error)})


def values_of(array: pa.Array) -> list[Any]:
    """As array.to_pylist(), several times as fast for lists of objects: each of their fields at once."""
    kind = array.type
    if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)) or array.null_count:
        return list(array.to_pylist())
    struct = array.flatten()
    names = [field.name for field in struct.type]
    if struct.null_count or not names or len(set(names)) < len(names):
        return list(array.to_pylist())
    fields = [values_of(struct.field(i)) for i in range(len(names))]
    objects = [dict(zip(names, values, strict=True)) for values in zip(*fields, strict=True)]
    lists, here = [], 0
    for length in array.value_lengths().to_pylist():
        lists.append(objects[here : here + length])
        here += length
    return lists


def without_nulls(value: Any) -> Any:
    """Nested objects without the fields that are null: in columns, every object has the fields of all the others, such
    as the arguments of other tools."""
    if isinstance(value, dict):
        return {
            name: without_nulls(inner) if isinstance(inner, dict | list) else inner
            for name, inner in value.items()
            if inner is not None
        }
    return list(map(without_nulls, value)) if isinstance(value, list) else value
