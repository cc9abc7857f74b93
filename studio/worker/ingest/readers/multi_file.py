"""Several files as one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.problem import Problem
from studio.worker.ingest.readers.columnar import Block, items_of
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.open import OpenSource, open_source

Classes = Mapping[str, Sequence[str]]


def open_several(files: Sequence[tuple[Path, str]], reading: ReadOptions, classes: Classes | None = None) -> OpenSource:
    """The files, given by their path and name, one after the other; how they are read is told of the first.

    Args:
        classes: Names of classes for columns that hold their numbers, from 0 on. What is no such number stays without
            a class: -1 means that none is known.

    Raises:
        InvalidInput: nothing can be read of one of them; also while its rows are gone through.
        OSError: one is gone, or may not be read.
    """
    classes = classes or {}
    first = open_source(*files[0], reading)
    before, current = 0, first

    def sources() -> Iterator[OpenSource]:
        nonlocal before, current
        yield first
        for path, name in files[1:]:
            before += current.total
            current = open_source(path, name, reading)
            yield current

    combined = replace(
        first,
        unit="row",
        total=sum(path.stat().st_size for path, _ in files),
        position=lambda: before + current.position(),
    )
    if first.blocks is not None:
        combined.blocks = _blocks(sources(), classes)
        combined.items = chain.from_iterable(map(items_of, combined.blocks))
    else:
        combined.items = _items(sources(), classes)
    return combined


def _items(sources: Iterator[OpenSource], classes: Classes) -> Iterator[Item]:
    for number, item in enumerate(chain.from_iterable(source.items for source in sources), 1):
        if isinstance(item, Problem):
            yield replace(item, line=number)
        else:
            yield number, _with_names(item[1], classes) if classes else item[1]


def _with_names(row: Any, classes: Classes) -> Any:
    if not isinstance(row, dict):
        return row
    return row | {column: _name(row[column], names) for column, names in classes.items() if column in row}


def _name(value: Any, names: Sequence[str]) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return names[value] if 0 <= value < len(names) else None


def _blocks(sources: Iterator[OpenSource], classes: Classes) -> Iterator[Block | Problem]:
    number = 0
    for block in chain.from_iterable(source.blocks or () for source in sources):
        if isinstance(block, Problem):
            number += 1
            yield replace(block, line=number)
        else:
            yield Block(number, _in_words(block.batch, classes))
            number += block.batch.num_rows


def _in_words(batch: pa.RecordBatch, classes: Classes) -> pa.RecordBatch:
    for column, names in classes.items():
        at = batch.schema.get_field_index(column)
        if at >= 0 and pa.types.is_integer(batch.column(at).type):
            numbers = batch.column(at)
            is_class = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names)))
            words = pa.array(names, pa.string()).take(pc.if_else(is_class, numbers, None))
            batch = batch.set_column(at, column, words)
    return batch
