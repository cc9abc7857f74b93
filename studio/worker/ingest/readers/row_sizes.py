"""How much memory the rows of a batch take as plain data, without making it: a few bytes can stand for much."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_VALUE = 32  # bytes: what a value takes beside its words, about

Sizes = NDArray[np.int64] | int
"""Of each value, or of all the same."""


def row_sizes(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Bytes of each row."""
    total = np.full(batch.num_rows, _VALUE, dtype=np.int64)
    for column in batch.columns:
        total += _sizes(column)
    return total


def _sizes(array: pa.Array) -> Sizes:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return _sizes(array.storage)
    if pa.types.is_dictionary(kind):
        return _taken(_sizes(array.dictionary), array.indices)
    if pa.types.is_run_end_encoded(kind):
        return _repeated(array)
    if pa.types.is_struct(kind):
        return _VALUE + sum((_sizes(array.field(i)) for i in range(kind.num_fields)), start=0)
    if pa.types.is_union(kind):
        return _of_union(array)
    if pa.types.is_fixed_size_list(kind):
        return _spans(_sizes(array.values), array.offset * kind.list_size + np.arange(len(array) + 1) * kind.list_size)
    if pa.types.is_map(kind):
        return _spans(_VALUE + _sizes(array.keys) + _sizes(array.items), _offsets(array))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _spans(_sizes(array.values), _offsets(array))
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        starts, lengths = (_numbers(each) for each in (array.offsets, array.sizes))
        return _between(_sizes(array.values), starts, starts + lengths)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _VALUE + _numbers(pc.binary_length(array))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _VALUE + _numbers(pc.binary_length(array))
    if kind in (pa.string_view(), pa.binary_view()):
        return _VALUE + _view_lengths(array)
    if pa.types.is_fixed_size_binary(kind):
        return _VALUE + int(kind.byte_width)
    return _VALUE


def _numbers(array: pa.Array) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = pc.fill_null(array, 0).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    return numbers


def _offsets(array: pa.Array) -> NDArray[np.int64]:
    """Where each list begins, and where the last one ends. Of nulls the offsets are ignored by who reads them."""
    offsets: NDArray[np.int64] = array.offsets.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    ascending: NDArray[np.int64] = np.maximum.accumulate(offsets)
    return ascending


def _spans(sizes: Sizes, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    return _between(sizes, offsets[:-1], offsets[1:])


def _between(sizes: Sizes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each list that has the values from a start to an end."""
    lengths: NDArray[np.int64] = np.maximum(0, ends - starts)
    if not isinstance(sizes, int):
        until = np.concatenate([[0], np.cumsum(sizes)])
        last = len(sizes)
        lengths = np.maximum(0, until[np.clip(ends, 0, last)] - until[np.clip(starts, 0, last)])
        return lengths + _VALUE
    return lengths * sizes + _VALUE


def _taken(sizes: Sizes, indices: pa.Array) -> Sizes:
    if isinstance(sizes, int):
        return sizes
    if not len(sizes):
        return _VALUE
    return sizes[np.clip(_numbers(indices), 0, len(sizes) - 1)]


def _repeated(array: pa.Array) -> Sizes:
    sizes = _sizes(array.values)
    if isinstance(sizes, int):
        return sizes
    ends = _numbers(array.run_ends)
    runs = np.searchsorted(ends, np.arange(array.offset, array.offset + len(array)), side="right")
    return sizes[np.clip(runs, 0, len(sizes) - 1)]


def _of_union(array: pa.Array) -> Sizes:
    """As if each value were the largest that there is of any kind: unions are rare."""
    children = (_sizes(array.field(i)) for i in range(array.type.num_fields))
    return max((each if isinstance(each, int) else int(each.max(initial=0)) for each in children), default=_VALUE)


def _view_lengths(array: pa.Array) -> NDArray[np.int64]:
    """The first four bytes of each view, which has sixteen."""
    views = array.buffers()[1]
    if views is None:
        return np.zeros(len(array), dtype=np.int64)
    whole = np.frombuffer(views, dtype="<i4")
    lengths: NDArray[np.int64] = whole[4 * array.offset : 4 * (array.offset + len(array)) : 4].astype(np.int64)
    return np.maximum(lengths, 0)
