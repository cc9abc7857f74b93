"""Rows of JSON that are no objects, and lines that are no rows: told from the first of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.shapes.columns import is_conversation, named
from studio.worker.ingest.readers.shapes.documents import fits, unnested
from studio.worker.ingest.readers.shapes.header import has_known_name

_SAMPLED = 20  # rows
_LOOKED_AT = 1000  # items, to find them

_Convert = Callable[[int, Any], dict[str, Any] | None]


def shaped(items: Iterator[Item], file: str, chosen: str, notes: Notes) -> tuple[Iterator[Item], bool]:
    """The items with objects in the place of what stands for them, such as a list of turns; and whether these are all
    items as they were.

    Raises:
        UnclearReading, InvalidInput: see documents.unnested.
    """
    first, as_they_were = _peeked(items)
    items = as_they_were
    values = [item[1] for item in first if not isinstance(item, Problem)]
    if values and not isinstance(values[0], dict):
        convert, skips = _conversion(values, notes)
        if convert is not None:
            first, items = _peeked(_converted(_without(items, skips), convert))
    elif _has_other_first(values):
        notes.add("header_line", first[0].line if isinstance(first[0], Problem) else first[0][0])
        first, items = _peeked(_without(items, True))
    items = unnested(items, first, file, chosen, notes)
    return items, items is as_they_were


def _peeked(items: Iterator[Item]) -> tuple[list[Item], Iterator[Item]]:
    first: list[Item] = []
    rows = 0
    for item in islice(items, _LOOKED_AT):
        first.append(item)
        rows += not isinstance(item, Problem)
        if rows == _SAMPLED:
            break
    return first, chain(first, items)


def _without(items: Iterator[Item], skips: bool) -> Iterator[Item]:
    """Without the first row."""
    for item in items:
        if skips and not isinstance(item, Problem):
            skips = False
            continue
        yield item


def _converted(items: Iterator[Item], convert: _Convert) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Problem) or isinstance(item[1], dict) or (row := convert(*item)) is None:
            yield item
        else:
            yield item[0], row


def _conversion(values: Sequence[Any], notes: Notes) -> tuple[_Convert | None, bool]:
    """How the values become objects, where they can; and whether the first only names columns."""

    def of_turns(line: int, value: Any) -> dict[str, Any] | None:
        if not is_conversation(value):
            return None
        notes.add("lists_of_turns", line)
        return {"messages" if "role" in value[0] else "conversations": value}

    def of_json(line: int, value: Any) -> dict[str, Any] | None:
        if (row := _decoded(value)) is not None:
            notes.add("json_in_text", line)
        return row

    def of_text(line: int, value: Any) -> dict[str, Any] | None:
        if not isinstance(value, str):
            return None
        notes.add("texts_alone", line)
        return {"text": value}

    def of_cells(line: int, value: Any) -> dict[str, Any] | None:
        if not isinstance(value, list):
            return None
        notes.add("lists_of_cells", line)
        return named(names, value)

    first = values[0]
    if is_conversation(first):
        return of_turns, False
    if isinstance(first, str):
        if _decoded(first) is not None:
            return of_json, False
        return (of_text if all(isinstance(value, str) for value in values) else None), False
    if isinstance(first, list) and first and all(_is_cells(value, len(first)) for value in values):
        is_header = len(values) > 1 and all(isinstance(cell, str) for cell in first) and has_known_name(first)
        names = first if is_header else [f"column {place}" for place in range(1, len(first) + 1)]
        return of_cells, is_header
    return None, False


def _decoded(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, str) or value.lstrip()[:1] != "{":
        return None
    try:
        row = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _is_cells(value: Any, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and not any(isinstance(cell, list | dict) for cell in value)


def _has_other_first(values: Sequence[Any]) -> bool:
    """The first object tells of the file, not of a row: the others are alike, and have none of its columns."""
    if len(values) < 3 or not all(isinstance(value, dict) for value in values):
        return False
    first, second = values[0].keys(), values[1].keys()
    return (
        not first & second
        and all(second & value.keys() for value in values[1:])
        and not fits(values[:1])
        and fits(values[1:])
    )
