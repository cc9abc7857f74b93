"""JSON Lines: one object per line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO, Any

import orjson

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.worker.ingest.readers.compressed import TOO_LONG
from studio.worker.ingest.readers.encoding import OVERLONG, bad_encoding, byte_lines, text_lines
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.shapes.json_blocks import (
    LinesAhead,
    Plain,
    PlainBlock,
    PlainLines,
    next_block,
    plain_blocks,
)
from studio.worker.ingest.readers.shapes.lenient import note_all, read_mended

_MAX_LEVELS = 300  # levels: what goes through a row level by level can go no deeper than Python's stack
_CAN_BE_DEEP = 2 * _MAX_LEVELS  # bytes: each level has two brackets


def json_lines(
    file: IO[bytes], encoding: str, notes: Notes, lines: PlainLines | None = None
) -> Iterator[Item | PlainBlock]:
    """A row or a Problem for each line; where `lines` says what is plain, a block for many at once."""
    if encoding == "utf-8":
        for number, line in byte_lines(file):
            yield from _items_of_line(number, line, notes)
            if lines is not None and lines.plain is not None:
                yield from _in_blocks(file, number, notes, lines.plain)
                return
        return
    for item in text_lines(file, encoding, "json_too_deep"):
        if isinstance(item, Problem):
            yield item
        elif text := item[1].strip():
            yield from read_line(item[0], text, notes)


def _in_blocks(file: IO[bytes], before: int, notes: Notes, plain: Plain) -> Iterator[Item | PlainBlock]:
    while data := next_block(file):
        if (blocks := plain_blocks(data, plain, before)) is not None:
            yield from blocks
            before = blocks[-1].line
            continue
        for number, line in byte_lines(LinesAhead(data, file), before + 1):
            yield from _items_of_line(number, line, notes)
            before = number


def _items_of_line(number: int, line: bytes, notes: Notes) -> Iterable[Item]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return _second_look(number, line, notes) if line.strip() else ()
    if len(line) > _CAN_BE_DEEP and line.count(b"{") + line.count(b"[") > _MAX_LEVELS and is_deep(row):
        return (replace(too_deep(number), raw=line.decode().strip()),)
    return ((number, row),)


def _second_look(number: int, line: bytes, notes: Notes) -> list[Item]:
    """By Python's own parser, which says where the fault is, and takes halves of characters, that the row's reader
    names better."""
    if line is OVERLONG:
        return [Problem(number, "", "json_too_deep", {"reason": TOO_LONG})]
    try:
        return read_line(number, line.decode().strip(), notes)
    except UnicodeDecodeError as error:
        return [bad_encoding(number, line, error, "utf-8")]


def read_line(line: int, text: str, notes: Notes) -> list[Item]:
    """One item, or as many as there are in a line that is not quite JSON."""
    item = parse_line(line, text)
    if not isinstance(item, Problem) or item.code != "not_json" or (mended := read_mended(text)) is None:
        return [item]
    values, kinds = mended
    if any(map(is_deep, values)):
        return [replace(too_deep(line), raw=text)]
    note_all(kinds, line, notes)
    return [(line, value) for value in values]


def parse_line(line: int, text: str) -> Item:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        return replace(not_json(line, error), raw=text)
    return replace(too_deep(line), raw=text) if is_too_deep(row, text, 0, len(text)) else (line, row)


def is_too_deep(value: Any, text: str, start: int, end: int) -> bool:
    """is_deep of a value that stands in text[start:end], which mostly tells at once."""
    if end - start <= _CAN_BE_DEEP or text.count("{", start, end) + text.count("[", start, end) <= _MAX_LEVELS:
        return False
    return is_deep(value)


def is_deep(value: Any) -> bool:
    """Has more levels of lists and objects than can be gone through."""
    level = [value]
    for _ in range(_MAX_LEVELS + 1):
        level = [
            inner for outer in level if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]  # fmt: skip
        if not level:
            return False
    return True


def too_deep(line: int) -> Problem:
    return Problem(line, "", "json_too_deep", {"reason": "it is nested too deep"})


def not_json(line: int, error: Exception) -> Problem:
    """Of json's own error, whose line is counted from `line` on."""
    if isinstance(error, json.JSONDecodeError):
        values: dict[str, Any] = {"reason": error.msg, "column": error.colno}
        return Problem(line + error.lineno - 1, "", "not_json", values)
    if isinstance(error, RecursionError):
        return too_deep(line)
    return Problem(line, "", "json_too_deep", {"reason": str(error).partition(";")[0]})
