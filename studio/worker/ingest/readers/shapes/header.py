"""Where a table begins, and whether its first row names the columns."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.read_questions import ReadChoice, UnclearReading, preview_of
from studio.domain.datasets.recognition import KNOWN_COLUMNS
from studio.domain.translation import N_

SAMPLED = 50  # rows
_MAX_ABOVE = 20  # rows above the header
_MAX_NAME_WORDS, _MAX_NAME_CHARACTERS = 6, 50
_MAX_LISTED = 20  # columns, in a note
_USUAL = frozenset(("id", "idx", "index", "title", "name", "source", "url", "date", "tags", "split", "no", "no."))
_NUMBER = re.compile(r"[-+]?[\d.,:/ -]*\d[\d.,:/ -]*[%€$]?")
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


@dataclass(frozen=True)
class TableStart:
    """`above` rows are no part of the table; `names` are those of columns that no row names; `fills` says that rows
    may leave out empty cells at their end."""

    above: int = 0
    names: Sequence[str] = ()
    fills: bool = False


def table_start(rows: Sequence[Sequence[str]], file: str, header: str) -> TableStart:
    """By the first rows that are not blank.

    Raises:
        UnclearReading: the first row may name the columns, or may be data.
    """
    if header == "none":
        return TableStart(names=_numbered(rows), fills=_leaves_out_cells(rows))
    above = rows_above(rows, header)
    table = rows[above:]
    if header != "first" and len(table) > 1 and not has_known_name(table[0]) and not _stands_out(table):
        raise _question(rows, file)
    return TableStart(above, fills=_leaves_out_cells(table))


def rows_above(rows: Sequence[Sequence[str]], header: str = "") -> int:
    """How many rows stand above the one that names the columns, such as a title."""
    count = 0
    for row in rows[:_MAX_ABOVE]:
        filled = [place for place, cell in enumerate(row) if cell.strip()]
        if len(filled) > 1 or filled[:1] > [0] or has_known_name(row):  # an index has a column without a name
            break
        count += 1
    if count >= min(len(rows), _MAX_ABOVE):
        return 0
    table = rows[count:]
    is_sure = header == "first" or has_known_name(table[0])
    short = all(len(row) < len(table[0]) for row in rows[:count])
    return count if is_sure or (short and len(table) > 1 and _stands_out(table)) else 0


def has_known_name(row: Iterable[str]) -> bool:
    return any(_plain(cell) in KNOWN_COLUMNS or _plain(cell) in _USUAL for cell in row)


def column_names(cells: Sequence[str], notes: Notes, line: int = 0) -> list[str]:
    """The names of the columns in the order of their cells: one without a name is called by its place, as programs
    write empty columns at the end, and those that come again are numbered."""
    names = [cell if cell.strip() else f"column {place}" for place, cell in enumerate(cells, 1)]
    if names and names[0].startswith("#") and has_known_name(names[:1]):
        names[0] = names[0].lstrip("# ")
    counts = Counter(names)
    if len(counts) == len(names):
        return names
    taken, seen = set(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        if seen[name] > 1:
            number = seen[name]
            while f"{name} {number}" in taken:
                number += 1
            seen[name] = number
            taken.add(f"{name} {number}")
            result.append(f"{name} {number}")
        else:
            result.append(name)
    again = [name[:_MAX_NAME_CHARACTERS] for name, count in counts.items() if count > 1]
    notes.add("columns_numbered", line, rows=0, names=", ".join(f"“{name}”" for name in again[:_MAX_LISTED]))
    return result


def _plain(cell: str) -> str:
    return cell.strip().lstrip("# ").lower()


def _stands_out(table: Sequence[Sequence[str]]) -> bool:
    """The first row differs from those below as names differ from what they name."""
    first, below = table[0], table[1:]
    columns = [[row[place] for row in below if place < len(row) and row[place].strip()] for place in range(len(first))]
    named = [(cell, values) for cell, values in zip(first, columns, strict=True) if cell.strip()]
    if any(not _may_be_name(cell) or cell in values for cell, values in named):
        return False
    return any(_differs(cell, values) for cell, values in named)


def _may_be_name(cell: str) -> bool:
    cell = cell.strip()
    return not (
        len(cell) > _MAX_NAME_CHARACTERS
        or len(cell.split()) > _MAX_NAME_WORDS
        or _NUMBER.fullmatch(cell)
        or cell.endswith(_SENTENCE_ENDS)
        or cell[0] in "{["
        or "\n" in cell
    )


def _differs(name: str, values: Sequence[str]) -> bool:
    if not values:
        return False
    return 2 * sum(not _may_be_name(value) for value in values) > len(values) or (
        median(map(len, values)) >= 2 * max(len(name), 8)
    )


def _leaves_out_cells(table: Sequence[Sequence[str]]) -> bool:
    """Rows end with their last filled cell, as some programs write them. Not where a row of several lines would look
    so, as its text has no quotation marks: then those pieces follow one upon the other."""
    if not table:
        return False
    width = len(table[0])
    short = [len(row) < width for row in table]
    if not any(short) or any(len(row) == width and not row[-1].strip() for row in table):
        return False
    pieces = itertools.pairwise(table)
    return not any(
        len(row) < width and len(after) < width and len(row) + len(after) == width + 1 for row, after in pieces
    )


def _numbered(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = Counter(map(len, rows))
    return [f"column {place}" for place in range(1, max(widths, key=widths.__getitem__, default=0) + 1)]


def _question(rows: Sequence[Sequence[str]], file: str) -> UnclearReading:
    below = rows[(_above := rows_above(rows, "first")) :]
    first = _shown(column_names(below[0], Notes()), below[1:])
    none = _shown(_numbered(rows), rows)
    return UnclearReading(
        "The first row of “{file}” may name the columns, or may be data.",
        "Say which it is.",
        "header",
        [
            ReadChoice(value="first", label=N_("The first row names the columns"), preview=preview_of(first)),
            ReadChoice(value="none", label=N_("No row names the columns"), preview=preview_of(none)),
        ],
        file=file,
    )


def _shown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        " | ".join(f"{name[:_MAX_NAME_CHARACTERS]}: {cell[:100]}" for name, cell in zip(names, row, strict=False))
        for row in rows[:3]
    ]
