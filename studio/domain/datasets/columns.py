"""Columns of rows, and what stands in them: also inside objects, by a path such as "input.messages"."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_MAX_LEVELS = 3  # of objects in objects, that are looked into for columns
_MAX_NESTED = 200  # columns


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every column that any row has, in the order in which they turn up."""
    return list(dict.fromkeys(column for row in rows for column in row))


def nested_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The paths of what stands inside of objects, in the order in which they turn up."""
    found: dict[str, None] = {}
    for row in rows:
        found |= dict.fromkeys(path for path in _paths(row, "", _MAX_LEVELS) if path not in row)
    return list(found)[:_MAX_NESTED]


def _paths(value: Mapping[str, Any], prefix: str, levels: int) -> Iterator[str]:
    for key, inner in value.items():
        path = f"{prefix}{key}"
        if prefix:
            yield path
        if isinstance(inner, Mapping) and levels:
            yield from _paths(inner, f"{path}.", levels - 1)


def value_of(row: Mapping[str, Any], column: str) -> Any:
    """What stands in the column; None where there is none."""
    if column in row or "." not in column:
        return row.get(column)
    value: Any = row
    for name in column.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def has_column(columns: Sequence[str], column: str) -> bool:
    """Whether it is one of them, or stands inside of one."""
    return column in columns or any(column.startswith(f"{outer}.") for outer in columns)


def header_key(columns: Iterable[str]) -> str:
    """The same for files with the same columns in any order."""
    return hashlib.sha256("\0".join(sorted(columns)).encode("utf-8", "replace")).hexdigest()
