"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

import orjson

from studio.domain.dataset import Problem
from studio.worker.reading.encoding import bad_encoding, byte_lines, text_lines
from studio.worker.reading.item import Item


def json_lines(file: IO[bytes], encoding: str) -> Iterator[Item]:
    if encoding == "utf-8":
        for number, line in byte_lines(file):
            try:
                yield number, orjson.loads(line)
            except orjson.JSONDecodeError:
                if line.strip():
                    yield _second_look(number, line)
        return
    for item in text_lines(file, encoding):
        if isinstance(item, Problem):
            yield item
        elif text := item[1].strip():
            yield parsed(item[0], text)


def _second_look(number: int, line: bytes) -> Item:
    """By Python's own parser, which says where the fault is, and takes halves of characters, that the row's reader
    names better."""
    try:
        return parsed(number, line.decode().strip())
    except UnicodeDecodeError as error:
        return bad_encoding(number, line, error)


def parsed(line: int, text: str) -> Item:
    try:
        return line, json.loads(text)
    except (ValueError, RecursionError) as error:
        return not_json(line, error)


def not_json(line: int, error: Exception) -> Problem:
    """Of json's own error, whose line is counted from `line` on."""
    if isinstance(error, json.JSONDecodeError):
        values: dict[str, Any] = {"reason": error.msg, "column": error.colno}
        return Problem(line + error.lineno - 1, "", "not_json", values)
    reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error).partition(";")[0]
    return Problem(line, "", "json_too_deep", {"reason": reason})
