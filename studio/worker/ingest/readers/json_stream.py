"""JSON in a sliding window: an array's elements or an object's members, one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES
from studio.worker.ingest.readers.item import MAX_KEPT, Item, unread_rest
from studio.worker.ingest.readers.json_lines import is_too_deep, not_json, too_deep
from studio.worker.ingest.readers.shapes.lenient import extent, note_all, read_mended

_BLANKS = re.compile(r"[ \t\r\n]*")
_LOOK_ALLOWANCE, _LOOK_FACTOR = 1 << 20, 4  # characters that may be looked at again; and times what is passed
_MAX_MARGIN_CHARACTERS = 200  # characters of a margin
_MAX_BEHIND_CHARACTERS = (
    1 << 17
)  # characters; more are dropped at a fault, as the next one is told by counting the lines before it


class JsonText:
    """Is gone through once, by `values` or by `members`. `whole` says that the last array was read to its end."""

    def __init__(self, texts: Iterator[str], notes: Notes) -> None:
        self._texts = texts
        self._notes = notes
        self._text = ""
        self._here = 0
        self._line = 1
        self._is_at_end = False
        self._deep = False  # the last element, too deep
        self._dropped = 0  # characters before the window
        self._looked_at = 0  # characters, for the end of an element that is not quite JSON
        self.whole = False
        self._decode = json.JSONDecoder().raw_decode

    def values(self) -> Iterator[Item]:
        """The elements of the array that the text is, and the objects and the arrays' elements where several follow
        one another, each with the line that it begins in."""
        here, count = self._blanks(), 0
        while here in ("[", "{"):
            count += 1
            if here == "[":
                yield from self._elements()
                if not self.whole:
                    return
            else:
                begin, margin = self._line, self._margin()
                try:
                    value = self._element()
                    yield too_deep(begin) if self._deep else (begin, value)
                except (ValueError, RecursionError) as error:
                    problem, goes_on = self._fault_and_next(error, begin, margin)
                    yield problem
                    if not goes_on:
                        yield unread_rest(begin)
                        return
            while (here := self._blanks()) == ",":
                self._step()
        if here:
            yield self._missing("Extra data")
        elif count > 1:
            self._notes.add("json_sequence", rows=count)

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
                problem, goes_on = self._fault_and_next(error, begin, margin)
                yield problem
                if not goes_on:
                    yield unread_rest(begin)
                    return
                continue
            here = self._blanks()
            if here == ",":
                while here == ",":
                    self._step()
                    here = self._blanks()
                if here == "]":
                    self._notes.add("json_commas", self._line)
            elif here in ("{", "["):
                self._notes.add("json_commas", self._line)
            elif here not in ("]", ""):
                yield self._missing("Expecting ',' delimiter")
                if self._resume(margin)[0]:
                    continue
                yield unread_rest(self._line)
                return
            if not here:
                self._notes.add("json_unclosed", self._line, rows=0)
                self.whole = True
                return
        self._step()
        self.whole = True

    def _fault_and_next(self, error: Exception, begin: int, margin: str | None) -> tuple[Problem, bool]:
        """Why the value that begins here cannot be read, and whether the next one was found."""
        fault = self._fault(error, begin)
        goes_on, passed = self._resume(margin)
        return replace(fault, raw=passed), goes_on

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
                    before = self._here
                    if (mended := self._mended()) is not None:
                        return mended[0]
                    error.pos += self._here - before  # the window may have moved
                    raise

    def _mended(self) -> list[Any] | None:
        """The list or object that begins here, where it is not quite JSON but ends."""
        if self._text[self._here : self._here + 1] not in ("{", "["):
            return None
        allowed = min(MAX_ROW_BYTES, _LOOK_ALLOWANCE + _LOOK_FACTOR * (self._dropped + self._here) - self._looked_at)
        while True:
            size = len(self._text) - self._here
            if size > allowed and self._looked_at:
                return None
            end = extent(self._text, self._here)
            self._looked_at += size if end is None else end - self._here
            if end is not None:
                break
            if not self._more():
                return None
        read = read_mended(self._text[self._here : end])
        if read is None or len(read[0]) != 1:
            return None
        note_all(read[1], self._line, self._notes)
        self._deep = is_too_deep(read[0][0], self._text, self._here, end)
        self._advance(end)
        return read[0]

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
            here = self._text[self._here : self._here + 1]
            if here and here not in "/#":
                return here
            if not (self._passes_remark(here) if here else self._more()):
                return here

    def _passes_remark(self, here: str) -> bool:
        if here == "/":
            while len(self._text) < self._here + 2 and self._more():
                pass
            here = self._text[self._here : self._here + 2]
        if here not in ("#", "//", "/*"):
            return False
        self._notes.add("json_remarks", self._line)
        end = "*/" if here == "/*" else "\n"
        self._advance(self._here + len(here))
        while (place := self._text.find(end, self._here)) < 0:
            self._advance(max(self._here, len(self._text) - len(end) + 1))
            if not self._more():
                self._advance(len(self._text))
                return True
        self._advance(place + len(end))
        return True

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
        self._dropped += start
