"""CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES, TOO_LONG, Packed
from studio.worker.ingest.readers.encoding import text_lines
from studio.worker.ingest.readers.item import Item, as_json

DELIMITERS = (",", ";", "\t", "|")
_MAX_ROW_LINES = 5000  # lines: beyond, a quotation mark has no partner
_LINE_WORK = 50  # what a line costs beside its characters, as if it had so many more
_REREAD_ALLOWANCE = MAX_ROW_BYTES + _LINE_WORK * _MAX_ROW_LINES  # work that may be done again: that of one longest row
_REREAD_FACTOR = 4  # and so many times what is read
_BATCH_LINES = 1000  # lines
_SNIFFED = 50  # rows
MAX_LISTED = 20  # columns, in a message


class _RowTooLong(Exception):
    pass


class _Lines:
    """Feeds the csv reader, and keeps the lines of the row that is under way, to read them again.

    Where many rows are broken, they may be less and less long, so that the work stays in proportion to the file.
    """

    def __init__(self, lines: Iterator[tuple[int, str] | Problem]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, str] | Problem] = deque()
        self.row: list[tuple[int, str]] = []
        self._size = 0  # work that reading the row again would be
        self._allowed = _REREAD_ALLOWANCE
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while True:
            is_new = not self._again
            item = next(self._lines) if is_new else self._again.popleft()
            if not isinstance(item, Problem):
                break
            self.problems.append(item)
        work = _work(item[1])
        if is_new:
            self._allowed += _REREAD_FACTOR * work
        if self.row and (too_long := self._too_long(work)):
            self._again.appendleft(item)
            raise _RowTooLong(too_long)
        self.row.append(item)
        self._size += work
        return item[1]

    def _too_long(self, work: int) -> str:
        """Why the row cannot go on with that much more."""
        lines, size = len(self.row), self._size + work
        if lines < _MAX_ROW_LINES and size <= min(MAX_ROW_BYTES, self._allowed):
            return ""
        return (
            f"it goes on for more than {lines} {'line' if lines == 1 else 'lines'}"
            if size <= MAX_ROW_BYTES
            else TOO_LONG
        )

    def next_row(self) -> None:
        self.row, self._size = [], 0

    def one_line_rows(self, form: dict[str, Any]) -> list[tuple[int, list[str]]]:
        """The next rows all at once, many times as quickly, where each has a line of its own. Else none, and the lines
        are read one by one. Only between two rows."""
        if self._again or self.row:
            return []
        chunk = list(islice(self._lines, _BATCH_LINES))
        try:
            numbers, texts = zip(*chunk, strict=True)  # TypeError at a problem, ValueError at the end
            rows = list(csv.reader(texts, strict=True, **form))
            if len(rows) == len(chunk):
                return [(line, cells) for line, cells in zip(numbers, rows, strict=True) if cells]
        except (csv.Error, TypeError, ValueError):  # a row of several lines, or a broken one
            pass
        self._allowed += _REREAD_FACTOR * sum(_work(item[1]) for item in chunk if not isinstance(item, Problem))
        self._again.extend(chunk)
        return []

    def give_up_first(self) -> int:
        """All lines of the row but the first are read again; says which that was."""
        (line, text), *others = self.row
        self._allowed -= self._size - _work(text)
        self._again.extendleft(reversed(others))
        self.next_row()
        return line


def _work(line: str) -> int:
    return len(line) + _LINE_WORK


def delimited(packed_file: Packed, name: str, encoding: str, delimiter: str) -> tuple[str, Iterator[Item]]:
    """The delimiter, which is found out where none is given, and the rows by the names in the first line.

    Raises:
        InvalidInput: the first line names a column twice; also while the rows are read.
    """
    csv.field_size_limit(2**31 - 1)  # the most that it takes on every system
    form = _sniff(packed_file, encoding, delimiter)
    return form["delimiter"], _rows(packed_file, name, encoding, form)


def _rows(packed_file: Packed, name: str, encoding: str, form: dict[str, Any]) -> Iterator[Item]:
    with packed_file.open() as file:
        lines = _Lines(text_lines(file, encoding, "not_csv"))
        header: list[str] | None = None
        reader = csv.reader(lines, strict=True, **form)
        while True:
            if header is not None and (simple := lines.one_line_rows(form)):
                for place, row in simple:
                    yield _item(place, row, header)
                continue
            try:
                cells: list[str] | None = next(reader, None)
            except (csv.Error, _RowTooLong) as error:
                if lines.row:
                    text = lines.row[0][1].rstrip("\r\n")
                    yield Problem(lines.give_up_first(), "", "not_csv", {"reason": str(error)}, raw=text)
                reader = csv.reader(lines, strict=True, **form)
                continue
            yield from lines.problems
            lines.problems.clear()
            if cells is None:
                return
            line = lines.row[0][0] if lines.row else 1
            lines.next_row()
            if header is None:
                if any(cells):
                    header = checked_header(cells, name)
            elif cells:
                yield _item(line, cells, header)


def _item(line: int, cells: list[str], header: list[str]) -> Item:
    if len(cells) == len(header):
        return line, dict(zip(header, cells, strict=True))
    return wrong_cell_count(line, cells, header)


def wrong_cell_count(line: int, cells: list[str], header: list[str]) -> Problem:
    """Its cells stand under the columns from the first on, and those too many under the names of their places."""
    names = header + [f"column {place}" for place in range(len(header) + 1, len(cells) + 1)]
    raw = as_json(dict(zip(names, cells, strict=False)))
    return Problem(line, "", "cell_count", {"cells": len(cells), "columns": len(header)}, raw=raw, parsed=True)


def checked_header(header: list[str], name: str) -> list[str]:
    """The names of the columns; one without a name is called by its place, as programs write empty columns at the end.

    Raises:
        InvalidInput: a name stands there twice.
    """
    header = [column if column.strip() else f"column {place}" for place, column in enumerate(header, 1)]
    duplicates = sorted(column for column, count in Counter(header).items() if count > 1)
    if duplicates:
        raise InvalidInput(
            "The header of “{file}” names a column twice: {names}.",
            "Give each column its own name in the first line.",
            file=name, names=", ".join(f"“{column}”" for column in duplicates[:MAX_LISTED]),
        )  # fmt: skip
    return header


def _sniff(packed_file: Packed, encoding: str, delimiter: str) -> dict[str, Any]:
    """The form under which the first rows have the same number of cells, and the most of them."""
    sample, complete = packed_file.sample()
    lines = _first_lines(io.BytesIO(sample), encoding)
    if not complete and len(lines) > 1:
        lines.pop()  # where the sample ends
    text = "".join(lines)
    quotes: list[dict[str, Any]] = [{"quotechar": '"', "doublequote": True}]
    if '\\"' in text:
        quotes.append({"quotechar": '"', "doublequote": False, "escapechar": "\\"})
    if '"' not in text and "'" in text:
        quotes.append({"quotechar": "'", "doublequote": True})
    forms = [{"delimiter": mark, **quote} for quote in quotes for mark in ((delimiter,) if delimiter else DELIMITERS)]
    return max(forms, key=lambda form: _score(lines, form))  # the first of equals: a comma, and quotation marks


def _first_lines(file: IO[bytes], encoding: str) -> list[str]:
    lines: list[str] = []
    for item in text_lines(file, encoding, "not_csv"):
        if not isinstance(item, Problem):
            lines.append(item[1])
        if len(lines) >= 4 * _SNIFFED:
            break
    return lines


def _score(lines: list[str], form: dict[str, Any]) -> tuple[float, int]:
    """The share of the first rows that fit the header, if it has several columns; and how many columns it has."""
    try:
        reader = csv.reader(lines, strict=True, **form)
    except (TypeError, ValueError, csv.Error) as error:
        raise InvalidInput(
            "“{delimiter}” cannot be a delimiter.", "Use one character: a comma, a semicolon, a tab or a vertical bar.",
            delimiter=form["delimiter"],
        ) from error  # fmt: skip
    columns, fitting, rows = 0, 0, 0
    try:
        for cells in reader:
            columns = columns or len(cells)
            rows += bool(cells)
            fitting += bool(cells) and len(cells) == columns
            if rows == _SNIFFED:
                break
    except csv.Error:
        rows += 1
    return (fitting / rows if columns > 1 else 0.0, columns)
