"""What is opened: one file, or several as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem, Unit
from studio.worker.ingest.readers.columnar import Block, items_of
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.shapes.json_blocks import PlainLines

Classes = Mapping[str, Sequence[str]]


@dataclass
class OpenSource:
    """`unit` is how places are counted, `items` the rows; encoding, delimiter and sheet are those in use, empty where
    the kind has none; `detected` says that the encoding was found out. `position` says how many of the `total` bytes
    are read. `blocks` are the same rows in columns, where the file has them so: to be gone through instead. `notes`
    grow while it is read. Whoever says of `lines`, where there are some, what is
    plain, gets PlainBlocks among the items."""

    unit: Unit
    items: Iterator[Item]
    total: int
    position: Callable[[], int]
    encoding: str = ""
    detected: bool = False
    delimiter: str = ""
    sheets: list[str] = field(default_factory=list)
    sheet: str = ""
    blocks: Iterator[Block | Problem] | None = None
    notes: Notes = field(default_factory=Notes)
    lines: PlainLines | None = None


def as_one(openers: Sequence[Callable[[], OpenSource]], classes: Classes | None = None) -> OpenSource:
    """The sources one after the other; how they are read is told of the first. `total` and `position` are the first's
    and the current one's.

    Args:
        classes: see multi_file.open_several.
    """
    classes = classes or {}
    first = current = openers[0]()

    def sources() -> Iterator[OpenSource]:
        nonlocal current
        yield first
        for opener in openers[1:]:
            current = opener()
            yield current

    combined = replace(first, lines=None, unit="row", position=lambda: current.position())
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
