"""A JSON document: an array of rows, an object that holds one, or one row alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from studio.domain.datasets.formats import recognise
from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import BROKEN, MAX_ROW_BYTES, Packed, damage_error
from studio.worker.ingest.readers.encoding import text_lines, text_pieces
from studio.worker.ingest.readers.item import Item, unread_rest
from studio.worker.ingest.readers.json_lines import is_deep, json_lines, not_json, parse_line, too_deep
from studio.worker.ingest.readers.json_stream import JsonText

_CHUNK_BYTES = 1 << 16  # bytes read at once: each fault costs a look through the window, for its line and column


def json_document(packed_file: Packed, name: str, encoding: str) -> tuple[str, Iterator[Item]]:
    """The unit in which places are counted, and the items.

    Raises:
        InvalidInput: it is an object without one list of rows in it.
    """
    sample, _ = packed_file.sample()
    lines = [line for line in sample.decode(encoding, "replace").removeprefix("\ufeff").split("\n") if line.strip()]
    if not lines:
        return "line", iter([])
    if lines[0].lstrip()[:1] == "[":
        return "line", _stream_array(packed_file, encoding)
    if len(lines) > 1 and any(map(_is_object, lines[:2])):
        return "line", _lines_of(packed_file, encoding)
    return _whole(packed_file, name, encoding) or _piecewise(packed_file, name, encoding)


def is_array(packed_file: Packed, encoding: str) -> bool:
    """One array of objects over the whole file, rather than something on each line."""
    sample, _ = packed_file.sample()
    lines = [line.strip() for line in sample.decode(encoding, "replace").split("\n", 100) if line.strip("\ufeff \t\r")]
    if not lines or lines[0].lstrip("\ufeff")[:1] != "[":
        return False
    first = parse_line(1, lines[0])
    if isinstance(first, Problem):
        return lines[0] == "[" or lines[0].lstrip("[ ")[:1] == "{"
    return len(lines) == 1 and isinstance(first[1], list) and any(isinstance(each, dict) for each in first[1])


def _is_object(line: str) -> bool:
    item = parse_line(1, line.strip())
    return not isinstance(item, Problem) and isinstance(item[1], dict)


def _lines_of(packed_file: Packed, encoding: str) -> Iterator[Item]:
    with packed_file.open() as file:
        yield from json_lines(file, encoding)


def _whole(packed_file: Packed, name: str, encoding: str) -> tuple[str, Iterator[Item]] | None:
    """None where it is too large to be read as a whole."""
    with packed_file.open() as file:
        try:
            data = file.read(MAX_ROW_BYTES + 1)
        except BROKEN as error:
            raise damage_error(name, error) from error
    if len(data) > MAX_ROW_BYTES:
        return None
    pieces = list(text_lines(io.BytesIO(data), encoding, "json_too_deep"))
    problems = [piece for piece in pieces if isinstance(piece, Problem)]
    if problems:
        return "line", iter([*problems, unread_rest(problems[-1].line)])
    text = "".join(piece[1] for piece in pieces if not isinstance(piece, Problem))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return "line", iter([replace(not_json(1, error), raw=text)])
    key = _key_of_rows(value, name) if isinstance(value, dict) else None
    unit, rows = ("line", [value]) if key is None else ("row", value[key])
    return unit, (too_deep(place) if is_deep(row) else (place, row) for place, row in enumerate(rows, 1))


def _piecewise(packed_file: Packed, name: str, encoding: str) -> tuple[str, Iterator[Item]]:
    """A large object is gone through twice: to see which of its arrays holds the rows, and for the rows."""
    members: dict[str, Any] = {}
    arrays: dict[str, list[Any]] = {}  # of each the first element, and the first that is an object
    fault: Problem | None = None
    for key, member in _members(packed_file, encoding):
        if isinstance(member, Problem):
            fault = fault or member
        elif not isinstance(member, tuple):
            members[key] = member
        elif key not in arrays or (isinstance(member[1], dict) and not _has_object(arrays[key])):
            arrays.setdefault(key, []).append(member[1])
    if fault and not any(map(_has_object, arrays.values())):
        return "line", iter([fault, unread_rest(fault.line)])
    rows = _key_of_rows(members | arrays, name)
    if rows is None:
        raise InvalidInput(
            "“{file}” is one large object.",
            "Save its rows as a JSON array, or one object per line as .jsonl.",
            file=name,
        )
    items: Iterator[Item] = (
        item for key, item in _members(packed_file, encoding)
        if isinstance(item, Problem) or (key == rows and isinstance(item, tuple))
    )  # fmt: skip
    if fault:
        return "line", items
    return "row", (item if isinstance(item, Problem) else (row, item[1]) for row, item in enumerate(items, 1))


def _members(packed_file: Packed, encoding: str) -> Iterator[tuple[str, Any]]:
    with packed_file.open() as file:
        yield from JsonText(text_pieces(file, encoding, _CHUNK_BYTES)).members()


def _key_of_rows(value: dict[str, Any], name: str) -> str | None:
    """Under which key the object has its rows; None where it is a row itself.

    Raises:
        InvalidInput: it has not one list of rows.
    """
    keys = [key for key, inner in value.items() if _has_object(inner)]
    if _is_row(value) and not any(_is_row(value[key][0]) and not _is_turn(value[key][0]) for key in keys):
        return None
    if len(keys) != 1:
        raise InvalidInput(
            "“{file}” is an object with {count} lists of rows in it, and must have one.",
            "Save the rows as a JSON array, or one object per line as .jsonl.",
            file=name, count=len(keys),
        )  # fmt: skip
    return keys[0]


def _has_object(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(inner, dict) for inner in value)


def _is_row(value: Any) -> bool:
    try:
        return isinstance(value, dict) and bool(recognise([value]))
    except InvalidInput:
        return False


def _is_turn(value: dict[str, Any]) -> bool:
    return {"role", "content"} <= value.keys() or {"from", "value"} <= value.keys()


def _stream_array(packed_file: Packed, encoding: str) -> Iterator[Item]:
    with packed_file.open() as file:
        yield from JsonText(text_pieces(file, encoding, _CHUNK_BYTES)).array()
