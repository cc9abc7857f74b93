"""Parquet, and Arrow as a file or a stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.common.memory_limit import memory_limit
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES, TOO_LONG, Packed
from studio.worker.ingest.readers.csv import MAX_LISTED
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.row_sizes import row_sizes

_BATCH_ROWS = 4000  # in memory at once
_BATCH_BYTES = 1 << 26  # as plain data
_MOST_MEMORY = 1 << 29  # bytes that reading one batch may take
_LEAST_ROW = 64  # bytes that a row counts for: a file of nothing but nulls can have any number, in no bytes at all
_ONE_THREAD = pa.ipc.IpcReadOptions(use_threads=False)  # another could not start at the limit of memory
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
            yield from _group_batches(reader, group)


def _group_batches(reader: pa.parquet.ParquetFile, group: int) -> Iterator[pa.RecordBatch]:
    """In batches that are small enough: where one takes too much memory, it is read again in smaller ones."""
    described = reader.metadata.row_group(group)
    size = max(1, min(_BATCH_ROWS, _BATCH_BYTES * described.num_rows // max(1, described.total_byte_size)))
    done = 0
    while True:
        batches = reader.iter_batches(batch_size=size, row_groups=[group], use_threads=False)
        passed = 0
        try:
            while True:
                with memory_limit(_MOST_MEMORY):
                    batch = next(batches, None)
                if batch is None:
                    return
                passed += batch.num_rows
                if passed > done:
                    yield batch.slice(max(0, batch.num_rows - (passed - done)))
                    done = passed
        except MemoryError:
            if size == 1:
                raise
            size = max(1, size // 8)


def _arrow_batches(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    is_file = file.read(6) == b"ARROW1"
    file.seek(0)
    with memory_limit(_MOST_MEMORY):
        reader = (
            pa.ipc.open_file(file, options=_ONE_THREAD) if is_file else pa.ipc.open_stream(file, options=_ONE_THREAD)
        )
    reads = (
        (partial(reader.get_batch, number) for number in range(reader.num_record_batches))
        if is_file
        else repeat(partial(next, iter(reader), None))  # a stream, as the library datasets keeps them
    )
    for read in reads:
        with memory_limit(_MOST_MEMORY):
            batch = read()
        if batch is None:
            return
        yield batch


def _blocks(packed_file: Packed, name: str, kind: str, batches: Any) -> Iterator[Block | Problem]:
    number = expanded = 0
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
                    sizes = row_sizes(batch.slice(start, _BATCH_ROWS))
                    expanded += int(np.maximum(sizes, _LEAST_ROW).sum())
                    packed_file.check_expansion(expanded)
                    for block in _small_enough(Block(number, batch.slice(start, _BATCH_ROWS)), sizes):
                        if isinstance(block, Problem):
                            yield block
                            number += 1
                        else:
                            yield from (block,) if readable else _readable_rows(block)
                            number += block.batch.num_rows
    except InvalidInput:
        raise
    except _BROKEN as error:
        reason = _reason(error)
        if number:
            yield Problem(number + 1, "", "truncated", {"reason": reason})
            return
        raise InvalidInput(
            "“{file}” cannot be read as {kind}: {reason}.", "Write it again, or add it as .jsonl.",
            file=name, kind=kind, reason=reason,
        ) from error  # fmt: skip


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    if isinstance(error, UnicodeError):
        return "a name in it is not UTF-8"
    return str(error).partition("\n")[0].rstrip(".")


def _small_enough(block: Block, sizes: NDArray[np.int64]) -> Iterator[Block | Problem]:
    """The rows in blocks that take no more memory than _BATCH_BYTES as plain data, where a row is no longer than is
    allowed."""
    if sizes.sum() <= _BATCH_BYTES:
        yield block
        return
    start = 0
    until = np.cumsum(sizes)
    while start < len(sizes):
        before = until[start - 1] if start else 0
        if sizes[start] > MAX_ROW_BYTES:
            yield Problem(block.before + start + 1, "", "json_too_deep", {"reason": TOO_LONG})
            start += 1
            continue
        end = max(start + 1, int(np.searchsorted(until, before + _BATCH_BYTES, side="right")))
        if (too_long := np.flatnonzero(sizes[start:end] > MAX_ROW_BYTES)).size:
            end = start + int(too_long[0])
        yield Block(block.before + start, block.batch.slice(start, end - start))
        start = end


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
