"""A JSON document: an array of rows, an object that holds one, or one row alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from studio.domain.dataset import Problem
from studio.domain.dataset_formats import recognise
from studio.domain.errors import InvalidInput
from studio.worker.reading.encoding import text_lines, text_pieces
from studio.worker.reading.item import Item, unread
from studio.worker.reading.json_lines import json_lines, not_json, parsed
from studio.worker.reading.packed import BROKEN, Packed, damaged

_BLANKS = re.compile(r"[ \t\r\n]*")
_PIECE = 1 << 20  # characters read at once
_LONGEST = 1 << 28  # characters of one row
MOST_AT_ONCE = 1 << 28  # bytes of a document that cannot be read piece by piece


def json_document(packed: Packed, name: str, encoding: str) -> tuple[str, Iterator[Item]]:
    """The unit in which places are counted, and the items.

    Raises:
        InvalidInput: it is an object without one list of rows in it.
    """
    sample, _ = packed.sample()
    lines = [line for line in sample.decode(encoding, "replace").removeprefix("\ufeff").split("\n") if line.strip()]
    if not lines:
        return "line", iter([])
    if lines[0].lstrip()[:1] == "[":
        return "line", _streamed(packed, encoding)
    if len(lines) > 1 and any(map(_is_object, lines[:2])):
        return "line", _lines_of(packed, encoding)
    if packed.total > MOST_AT_ONCE:
        raise InvalidInput(
            "“{file}” is one large object.", "Save its rows as a JSON array, or one object a line as .jsonl.", file=name
        )
    return _whole(packed, name, encoding)


def _is_object(line: str) -> bool:
    item = parsed(1, line.strip())
    return not isinstance(item, Problem) and isinstance(item[1], dict)


def _lines_of(packed: Packed, encoding: str) -> Iterator[Item]:
    with packed.opened() as file:
        yield from json_lines(file, encoding)


def _whole(packed: Packed, name: str, encoding: str) -> tuple[str, Iterator[Item]]:
    with packed.opened() as file:
        try:
            pieces = list(text_lines(file, encoding))
        except BROKEN as error:
            raise damaged(name, error) from error
    broken = [piece for piece in pieces if isinstance(piece, Problem)]
    if broken:
        return "line", iter([*broken, unread(broken[-1].line)])
    text = "".join(piece[1] for piece in pieces if not isinstance(piece, Problem))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return "line", iter([not_json(1, error)])
    if not isinstance(value, dict):
        return "line", iter([(1, value)])
    arrays = [inner for inner in value.values() if isinstance(inner, list) and any(isinstance(i, dict) for i in inner)]
    if _is_row(value) and not any(_is_row(array[0]) and not _is_turn(array[0]) for array in arrays):
        return "line", iter([(1, value)])
    if len(arrays) != 1:
        raise InvalidInput(
            "“{file}” is an object with {count} lists of rows in it, and must have one.",
            "Save the rows as a JSON array, or one object a line as .jsonl.",
            file=name, count=len(arrays),
        )  # fmt: skip
    return "row", iter(enumerate(arrays[0], 1))


def _is_row(value: Any) -> bool:
    try:
        return isinstance(value, dict) and bool(recognise([value]))
    except InvalidInput:
        return False


def _is_turn(value: dict[str, Any]) -> bool:
    return {"role", "content"} <= value.keys() or {"from", "value"} <= value.keys()


def _streamed(packed: Packed, encoding: str) -> Iterator[Item]:
    with packed.opened() as file:
        yield from _Array(text_pieces(file, encoding, _PIECE)).items()


class _Array:
    """The elements of an array, each with the line that it begins in, from a window over the text."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._text = ""
        self._here = 0
        self._line = 1
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode

    def items(self) -> Iterator[Item]:
        self._blanks()
        self._step()  # the opening bracket
        here = self._blanks()
        while here != "]":
            begin, margin = self._line, self._margin()
            try:
                yield begin, self._element()
            except (ValueError, RecursionError) as error:
                yield self._fault(error, begin)
                if not self._resume(margin):
                    yield unread(begin)
                    return
                continue
            here = self._blanks()
            if here == ",":
                self._step()
                here = self._blanks()
                if here == "]":
                    yield self._missing("Expecting value")
            elif here != "]":
                yield self._missing("Expecting ',' delimiter")
                if here not in ("{", "["):
                    if here and self._resume(margin):
                        continue
                    if here:
                        yield unread(self._line)
                    return
        self._step()
        if self._blanks():
            yield self._missing("Extra data")

    def _missing(self, reason: str) -> Problem:
        column = self._here - self._text.rfind("\n", 0, self._here)
        return Problem(self._line, "", "not_json", {"reason": reason, "column": column})

    def _element(self) -> Any:
        while True:
            try:
                value, end = self._decode(self._text, self._here)
                if end < len(self._text) or not self._more():
                    self._advance(end)
                    return value
            except json.JSONDecodeError as error:
                may_go_on = error.msg.startswith("Unterminated") or error.pos > len(self._text) - 12
                if not may_go_on or len(self._text) - self._here > _LONGEST or not self._more():
                    raise

    def _fault(self, error: Exception, begin: int) -> Problem:
        if not isinstance(error, json.JSONDecodeError):
            return not_json(begin, error)
        before = self._text.rfind("\n", 0, error.pos)
        line = self._line + self._text.count("\n", self._here, error.pos)
        return Problem(line, "", "not_json", {"reason": error.msg, "column": error.pos - before})

    def _margin(self) -> str | None:
        """The blanks before an element that begins its line."""
        start = self._text.rfind("\n", 0, self._here) + 1
        margin = self._text[start : self._here]
        return margin if start and not margin.strip() else None

    def _resume(self, margin: str | None) -> bool:
        """Goes to the next line that begins as the rows before it did, so that one fault costs one row."""
        if margin is None:
            return False
        begin = re.compile(rf"\n{re.escape(margin)}(?=[{{\[\"])")
        self._advance(min(self._here + 1, len(self._text)))
        while True:
            if match := begin.search(self._text, self._here):
                self._advance(match.end())
                return True
            keep = max(self._here, len(self._text) - len(margin) - 2)
            self._advance(keep)
            if not self._more():
                return False

    # the window

    def _blanks(self) -> str:
        """Goes on to what is not blank, and says what it is; empty at the end."""
        while True:
            match = _BLANKS.match(self._text, self._here)
            self._advance(match.end() if match else self._here)
            if self._here < len(self._text) or not self._more():
                return self._text[self._here : self._here + 1]

    def _step(self) -> None:
        self._advance(self._here + 1)

    def _advance(self, to: int) -> None:
        self._line += self._text.count("\n", self._here, to)
        self._here = to

    def _more(self) -> bool:
        """Reads on; what lies behind is dropped, but for the line that is under way."""
        if self._ended:
            return False
        pieces, size = [], 0
        want = len(self._text) - self._here  # doubling keeps a long row from being read over and over
        while not self._ended and size <= want:
            piece = next(self._texts, "")
            pieces.append(piece)
            size += len(piece)
            self._ended = not piece
        start = self._text.rfind("\n", 0, self._here)
        start = max(start, self._here - 1000, 0)
        self._text = self._text[start:] + "".join(pieces)
        self._here -= start
        return size > 0
