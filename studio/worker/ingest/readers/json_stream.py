"""JSON in a sliding window: an array's elements or an object's members, one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from studio.domain.datasets.problem import Problem
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES
from studio.worker.ingest.readers.item import MAX_KEPT, Item, unread_rest
from studio.worker.ingest.readers.json_lines import is_too_deep, not_json, too_deep

_BLANKS = re.compile(r"[ \t\r\n]*")
_MAX_MARGIN_CHARACTERS = 200  # characters of a margin
_MAX_BEHIND_CHARACTERS = (
    1 << 17
)  # characters; more are dropped at a fault, as the next one is told by counting the lines before it


class JsonText:
    """Is gone through once, by `array` or by `members`. `whole` says that the last array was read to its end."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._text = ""
        self._here = 0
        self._line = 1
        self._is_at_end = False
        self._deep = False  # the last element, too deep
        self.whole = False
        self._decode = json.JSONDecoder().raw_decode

    def array(self) -> Iterator[Item]:
        """The elements, each with the line that it begins in, of the array that the text is."""
        self._blanks()
        yield from self._elements()
        if self.whole and self._blanks():
            yield self._missing("Extra data")

    def members(self) -> Iterator[tuple[str, Any]]:
        """Of the object that the text is: each key with its value; a key whose value is an array with each of its
        elements as an Item; and where it is broken, a Problem."""
        self._blanks()
        self._step()  # the opening brace
        key, here = "", self._blanks()
        try:
            while here == '"':
                key = self._element()
                if self._blanks() != ":":
                    yield key, self._missing("Expecting ':' delimiter")
                    return
                self._step()
                if self._blanks() == "[":
                    for item in self._elements():
                        yield key, item
                    if not self.whole:
                        return
                else:
                    yield key, self._element()
                here = self._blanks()
                if here == ",":
                    self._step()
                    here = self._blanks()
                    if here != '"':
                        yield key, self._missing("Expecting property name enclosed in double quotes")
                        return
                elif here != "}":
                    yield key, self._missing("Expecting ',' delimiter")
                    return
        except (ValueError, RecursionError) as error:
            yield key, self._fault(error, self._line)
            return
        self._step()
        if self._blanks():
            yield key, self._missing("Extra data")

    def _elements(self) -> Iterator[Item]:
        """Of the array that begins here."""
        self.whole = False
        self._step()  # the opening bracket
        here = self._blanks()
        while here != "]":
            begin, margin = self._line, self._margin()
            try:
                value = self._element()
                yield too_deep(begin) if self._deep else (begin, value)
            except (ValueError, RecursionError) as error:
                fault = self._fault(error, begin)
                goes_on, passed = self._resume(margin)
                yield replace(fault, raw=passed)
                if not goes_on:
                    yield unread_rest(begin)
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
                    if here and self._resume(margin)[0]:
                        continue
                    if here:
                        yield unread_rest(self._line)
                    return
        self._step()
        self.whole = True

    def _missing(self, reason: str) -> Problem:
        column = self._here - self._text.rfind("\n", 0, self._here)
        self._drop_much()
        return Problem(self._line, "", "not_json", {"reason": reason, "column": column})

    def _element(self) -> Any:
        while True:
            try:
                value, end = self._decode(self._text, self._here)
                if end < len(self._text) or not self._more():
                    self._deep = is_too_deep(value, self._text, self._here, end)
                    self._advance(end)
                    return value
            except json.JSONDecodeError as error:
                may_go_on = error.msg.startswith("Unterminated") or error.pos > len(self._text) - 12
                if not may_go_on or len(self._text) - self._here > MAX_ROW_BYTES or not self._more():
                    raise

    def _fault(self, error: Exception, begin: int) -> Problem:
        if not isinstance(error, json.JSONDecodeError):
            return not_json(begin, error)
        before = self._text.rfind("\n", 0, error.pos)
        line = self._line + self._text.count("\n", self._here, error.pos)
        self._drop_much()
        return Problem(line, "", "not_json", {"reason": error.msg, "column": error.pos - before})

    def _margin(self) -> str | None:
        """The blanks before an element that begins its line."""
        before = self._text.rfind("\n", max(0, self._here - _MAX_MARGIN_CHARACTERS), self._here)
        if before < 0:
            return None
        margin = self._text[before + 1 : self._here]
        return None if margin.strip() else margin

    def _resume(self, margin: str | None) -> tuple[bool, str | None]:
        """Goes to the next line that begins as the rows before it did, so that one fault costs one row. Gives whether
        there is one, and what was passed over, where that is known to be the row and not too long to be kept."""
        if margin is None:
            return False, None
        passed: list[str] = []
        size = 0

        def advance(to: int) -> None:
            nonlocal size
            size += to - self._here
            if size <= MAX_KEPT:
                passed.append(self._text[self._here : to])
            self._advance(to)

        begin = re.compile(rf"\n{re.escape(margin)}(?=[{{\[\"])")
        advance(min(self._here + 1, len(self._text)))
        goes_on = None
        while goes_on is None:
            if match := begin.search(self._text, self._here):
                advance(match.end())
                goes_on = True
                continue
            keep = max(self._here, len(self._text) - len(margin) - 2)
            advance(keep)
            if not self._more():
                advance(len(self._text))
                goes_on = False
        return goes_on, "".join(passed).strip().rstrip(",") if size <= MAX_KEPT else None

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
        if self._is_at_end:
            return False
        pieces, size = [], 0
        want = len(self._text) - self._here  # doubling keeps a long row from being read over and over
        while not self._is_at_end and size <= want:
            piece = next(self._texts, "")
            pieces.append(piece)
            size += len(piece)
            self._is_at_end = not piece
        self._drop("".join(pieces))
        return size > 0

    def _drop_much(self) -> None:
        if self._here > _MAX_BEHIND_CHARACTERS:
            self._drop()

    def _drop(self, more: str = "") -> None:
        """What lies behind, but for the line that is under way."""
        start = max(self._text.rfind("\n", 0, self._here), self._here - 1000, 0)
        self._text = self._text[start:] + more
        self._here -= start
