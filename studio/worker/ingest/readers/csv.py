"""CSV and TSV."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES, TOO_LONG, Packed
from studio.worker.ingest.readers.encoding import text_lines
from studio.worker.ingest.readers.item import Item, as_json
from studio.worker.ingest.readers.shapes.header import (
    SAMPLED,
    TableStart,
    column_names,
    has_known_name,
    rows_above,
    table_start,
)
from studio.worker.ingest.readers.shapes.line_ends import open_lines, with_line_feeds

DELIMITERS = (",", ";", "\t", "|")
_MAX_ROW_LINES = 5000  # lines: beyond, a quotation mark has no partner
_LINE_WORK = 50  # what a line costs beside its characters, as if it had so many more
_REREAD_ALLOWANCE = MAX_ROW_BYTES + _LINE_WORK * _MAX_ROW_LINES  # work that may be done again: that of one longest row
_REREAD_FACTOR = 4  # and so many times what is read
_BATCH_LINES = 1000  # lines
MAX_LISTED = 20  # columns, in a message
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?')
_RETURN = re.compile(r"\r(?!\n|$)")


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

    @property
    def first_line(self) -> int:
        item = self._again[0]
        return item.line if isinstance(item, Problem) else item[0]

    def split_first(self) -> bool:
        """The first line of the row is read again as several, where carriage returns alone end them."""
        (line, text), *others = self.row
        parts = _RETURN.split(text)
        if len(parts) == 1 or '"' in text:  # between quotation marks they may be part of a text
            return False
        self._again.extendleft(reversed([*((line, part) for part in parts if part), *others]))
        self.next_row()
        return True

    def give_up_first(self) -> int:
        """All lines of the row but the first are read again; says which that was."""
        (line, text), *others = self.row
        self._allowed -= self._size - _work(text)
        self._again.extendleft(reversed(others))
        self.next_row()
        return line


def _work(line: str) -> int:
    return len(line) + _LINE_WORK


def delimited(
    packed_file: Packed, name: str, encoding: str, reading: ReadOptions, usual: str, notes: Notes
) -> tuple[str, Iterator[Item]]:
    """The delimiter, which is found out where none is given, and the rows by the names of their columns.

    Args:
        usual: The delimiter that the file's name promises, if it does.

    Raises:
        UnclearReading: it is not clear whether the first row names the columns.
        InvalidInput: the delimiter cannot be one.
    """
    csv.field_size_limit(2**31 - 1)  # the most that it takes on every system
    lines = _sample_lines(packed_file, encoding)
    said = SEPARATOR_LINE.fullmatch(lines[0].strip()) if lines else None
    delimiter = reading.delimiter or (said[1] if said else "")
    form = _sniff(lines[bool(said) :], delimiter, usual)
    if usual and not delimiter and form["delimiter"] != usual:
        notes.add("other_delimiter", rows=0, file=name, delimiter=form["delimiter"])
    comments = leading_comments(lines[bool(said) :], form["delimiter"])
    if comments:
        notes.add("above_header", 1 + bool(said), rows=comments)
    start = table_start(_parsed(lines[bool(said) + comments :], form)[0], name, reading.header)
    return form["delimiter"], _Table(notes, start).rows(packed_file, encoding, form, bool(said) + comments)


class _Table:
    """Makes rows of the cells."""

    def __init__(self, notes: Notes, start: TableStart) -> None:
        self._notes = notes
        self._start = start
        self._above = start.above
        self._header: list[str] | None = list(start.names) or None

    def rows(self, packed_file: Packed, encoding: str, form: dict[str, Any], skipped: int) -> Iterator[Item]:
        with open_lines(packed_file, encoding) as file:
            lines = _Lines(islice(text_lines(file, encoding, "not_csv"), skipped, None))
            reader = csv.reader(lines, strict=True, **form)
            while True:
                if (header := self._header) is not None and (simple := lines.one_line_rows(form)):
                    width = len(header)
                    for place, row in simple:
                        if len(row) == width and any(row):
                            yield place, dict(zip(header, row, strict=True))
                        else:
                            yield from self._item(place, row)
                    continue
                try:
                    cells: list[str] | None = next(reader, None)
                except (csv.Error, _RowTooLong) as error:
                    if lines.row:
                        if lines.split_first():
                            self._notes.add("lone_returns", lines.first_line)
                        else:
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
                if cells:
                    yield from self._item(line, cells)

    def _item(self, line: int, cells: list[str]) -> Iterator[Item]:
        header = self._header
        if header is None:
            if any(map(str.strip, cells)):
                if self._above:
                    self._above -= 1
                    self._notes.add("above_header", line)
                else:
                    self._header = column_names(cells, self._notes, line)
            return
        width = len(header)
        if not any(cells) and len(cells) > 1:
            self._notes.add("blank_rows", line)
        elif len(cells) == width:
            yield line, dict(zip(header, cells, strict=True))
        elif not any(map(str.strip, cells[width:])) and len(cells) > width:
            self._notes.add("cells_beyond", line)
            yield line, dict(zip(header, cells, strict=False))
        elif self._start.fills and 1 < len(cells) < width:
            self._notes.add("cells_left_out", line)
            yield line, dict(zip(header, cells + [""] * (width - len(cells)), strict=True))
        else:
            yield wrong_cell_count(line, cells, header)


def wrong_cell_count(line: int, cells: list[str], header: list[str]) -> Problem:
    """Its cells stand under the columns from the first on, and those too many under the names of their places."""
    names = header + [f"column {place}" for place in range(len(header) + 1, len(cells) + 1)]
    raw = as_json(dict(zip(names, cells, strict=False)))
    return Problem(line, "", "cell_count", {"cells": len(cells), "columns": len(header)}, raw=raw, parsed=True)


def leading_comments(lines: Sequence[str], delimiter: str) -> int:
    """How many lines at the beginning are remarks, which begin with “#”, as the names of columns may too."""
    count = 0
    while count < len(lines) and (not lines[count].strip() or lines[count].startswith("#")):
        count += 1
    remarks = [line for line in lines[:count] if line.strip()]
    if not remarks or count == len(lines):
        return 0
    last = [cell.strip(" \"'\r\n") for cell in remarks[-1].split(delimiter)]
    below = [cell.strip(" \"'\r\n") for cell in lines[count].split(delimiter)]
    is_header = has_known_name(last) or (len(last) == len(below) > 1 and not has_known_name(below))
    if not is_header:
        return count
    return max((place for place, line in enumerate(lines[:count]) if line is remarks[-1]), default=0)


def _sample_lines(packed_file: Packed, encoding: str) -> list[str]:
    sample, complete = packed_file.sample()
    lines: list[str] = []
    for item in text_lines(io.BytesIO(with_line_feeds(sample, encoding)), encoding, "not_csv"):
        if not isinstance(item, Problem):
            lines.append(item[1])
        if len(lines) >= 4 * SAMPLED:
            return lines
    if not complete and len(lines) > 1:
        lines.pop()  # where the sample ends
    return lines


def _sniff(lines: Sequence[str], delimiter: str, usual: str) -> dict[str, Any]:
    """The form under which the first rows have the same number of cells, and the most of them."""
    begin = next((place for place, line in enumerate(lines) if not line.startswith("#")), 0)
    lines = lines[begin:]
    text = "".join(lines)
    quotes: list[dict[str, Any]] = [{"quotechar": '"', "doublequote": True}]
    if '\\"' in text:
        quotes.append({"quotechar": '"', "doublequote": False, "escapechar": "\\"})
    if '"' not in text and "'" in text:
        quotes.append({"quotechar": "'", "doublequote": True})
    marks = (delimiter,) if delimiter else sorted(DELIMITERS, key=lambda mark: mark != usual)
    forms = [{"delimiter": mark, **quote} for quote in quotes for mark in marks]
    if usual and not delimiter and _score(lines, forms[0])[1] > 1:  # what the name says, where it makes columns
        forms = [form for form in forms if form["delimiter"] == usual]
    return max(forms, key=lambda form: _score(lines, form))  # the first of equals: a comma, and quotation marks


def _score(lines: Sequence[str], form: dict[str, Any]) -> tuple[float, int, float]:
    """The share of the first rows that fit the header, if it has several columns; how many columns it has; and that
    share anyway."""
    rows, broken = _parsed(lines, form)
    rows = rows[rows_above(rows) :]
    if not rows:
        return 0.0, 0, 0.0
    columns = len(rows[0])
    share = sum(len(row) == columns for row in rows) / (len(rows) + broken)
    return share if columns > 1 else 0.0, columns, share


def _parsed(lines: Sequence[str], form: dict[str, Any]) -> tuple[list[list[str]], bool]:
    """The first rows that are not blank, and whether one is broken."""
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(lines, strict=True, **form):
            if any(map(str.strip, cells)):
                rows.append(cells)
            if len(rows) == SAMPLED:
                break
    except csv.Error:
        return rows, True
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "“{delimiter}” cannot be a delimiter.", "Use one character: a comma, a semicolon, a tab or a vertical bar.",
            delimiter=form["delimiter"],
        ) from error  # fmt: skip
    return rows, False
