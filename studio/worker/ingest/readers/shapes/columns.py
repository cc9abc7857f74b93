"""Rows that a JSON document has in columns, or as a table, as pandas and other programs write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain.datasets.recognition import CONVERSATION
from studio.domain.datasets.turns.lists import is_turn as is_any_turn
from studio.domain.datasets.turns.spellings import turns_of_columns
from studio.worker.ingest.readers.shapes.header import has_known_name

_TABLE_ROWS = ("data", "rows")


def is_turn(value: Any) -> bool:
    return isinstance(value, dict) and ({"role", "content"} <= value.keys() or {"from", "value"} <= value.keys())


def is_conversation(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_turn, value))


def rows_of_columns(value: Mapping[str, Any]) -> list[Any] | None:
    """The rows, where the object is a table; else None."""
    return _of_table(value) or _of_lists(value) or _of_objects(value) or _of_conversations(value)


def _of_table(value: Mapping[str, Any]) -> list[Any] | None:
    """{"columns": ["prompt", …], "data": [["…", …], …]}"""
    columns = value.get("columns")
    cells = next((value[key] for key in _TABLE_ROWS if isinstance(value.get(key), list)), None)
    if not isinstance(columns, list) or not cells or not all(isinstance(row, list) for row in cells):
        return None
    names: list[Any] = [column.get("name") if isinstance(column, dict) else column for column in columns]
    if not names or not all(isinstance(name, str) for name in names):
        return None
    return [named(names, row) for row in cells]


def named(names: Sequence[str], cells: Sequence[Any]) -> dict[str, Any]:
    """The cells by the names of their columns; those too many by their place."""
    more = [f"column {place}" for place in range(len(names) + 1, len(cells) + 1)]
    return dict(zip([*names, *more], cells, strict=False))


def _of_lists(value: Mapping[str, Any]) -> list[Any] | None:
    """{"prompt": ["…", …], "completion": ["…", …]}"""
    columns = list(value.values())
    if not columns or not all(isinstance(column, list) and column for column in columns):
        return None
    if len({len(column) for column in columns}) > 1 or not (len(columns) > 1 or has_known_name(value)):
        return None
    is_dialogue = len(columns) == 1 and str(next(iter(value))).strip().lower() in CONVERSATION
    if is_dialogue and not all(isinstance(cell, list) and cell and all(map(is_any_turn, cell)) for cell in columns[0]):
        return None
    if any(isinstance(cell, dict) for column in columns for cell in column):  # turns: the object is a row
        return None
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _of_objects(value: Mapping[str, Any]) -> list[Any] | None:
    """{"prompt": {"0": "…", …}, "completion": {"0": "…", …}}, or {"0": {"prompt": "…", "completion": "…"}, …}"""
    columns = list(value.values())
    if not columns or not all(isinstance(column, dict) and column for column in columns):
        return None
    inner = columns[0].keys()
    if any(column.keys() != inner or turns_of_columns(column) is not None for column in columns):
        is_by_number = all(map(str.isdecimal, value)) and has_known_name([name for row in columns for name in row])
        return columns if is_by_number else None
    if has_known_name(value) or all(map(str.isdecimal, inner)):
        return [{name: column[key] for name, column in value.items()} for key in inner]
    if (has_known_name(inner) or all(map(str.isdecimal, value))) and _of_lists(columns[0]) is None:
        return columns
    return None


def _of_conversations(value: Mapping[str, Any]) -> list[Any] | None:
    """{"first": [turn, …], "second": [turn, …]}, each conversation by a name of its own"""
    if len(value) < 2 or has_known_name(value) or not all(map(is_conversation, value.values())):
        return None
    return list(value.values())
