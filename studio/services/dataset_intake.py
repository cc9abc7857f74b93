"""One file's rows: recognised, checked one by one, and written as they will be trained on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from studio.domain.dataset import BadRows, Problem
from studio.domain.dataset_formats import Format, Layout, columns_of, excerpt, recognise
from studio.domain.dataset_rows import Row, read_row
from studio.domain.errors import InvalidInput
from studio.services.dataset_files import Item, read_items
from studio.store.row_file import RowFileWriter

KEPT_PROBLEMS = 1000
_FIRST_ROWS = 20  # by these the format is told


@dataclass
class Intake:
    """What a file turned out to hold."""

    format: Format
    columns: list[str]
    ignored: list[str]
    rows: int = 0
    turns: int = 0
    characters: int = 0
    roles: Counter[str] = field(default_factory=Counter)

    def count(self, row: Row) -> None:
        self.rows += 1
        if "text" in row:
            self.characters += len(row["text"])
        for turn in row.get("messages", ()):
            self.turns += 1
            self.characters += len(turn["content"])
            self.roles[turn["role"]] += 1

    def details(self) -> dict[str, Any]:
        """Plain data. `ignored` are columns that no part of the format stands in."""
        return {
            "columns": self.columns, "ignored": self.ignored,
            "turns": self.turns, "characters": self.characters, "roles": dict(self.roles),
        }  # fmt: skip


def take_in(source: Path, target: Path, file_name: str) -> Intake:
    """Reads the file, writes its rows to `target` (see store.row_file), and says what they are.

    Raises:
        BadRows: rows are at fault; all of the file was looked at.
        InvalidInput: the file has no rows, is of no known format, or cannot be read at all.
    """
    unit, items = read_items(source, file_name)
    first: list[Item] = []
    samples: list[dict[str, Any]] = []
    for item in items:
        first.append(item)
        if not isinstance(item, Problem) and isinstance(item[1], dict):
            samples.append(item[1])
        if len(samples) == _FIRST_ROWS or len(first) == KEPT_PROBLEMS:
            break
    if not first:
        raise InvalidInput("“{file}” has no rows.", "Add a file with at least one row.", file=file_name)
    layout = recognise(samples) if samples else Layout(Format.TEXT, {"text": "text"})  # no object: each is a problem
    columns = [excerpt(column) for column in columns_of(samples)]
    used = set(layout.columns.values())
    intake = Intake(layout.format, columns, [c for c in columns if c not in used])
    problems: list[Problem] = []
    count = 0
    with RowFileWriter(target, "text" if layout.format is Format.TEXT else "messages") as rows:
        for item in chain(first, items):
            row, found = (None, [item]) if isinstance(item, Problem) else read_row(layout, item[1], item[0], unit)
            count += len(found)
            problems += found[: KEPT_PROBLEMS - len(problems)]
            if row is not None and not count:
                rows.append(row)
                intake.count(row)
    if problems:
        raise BadRows(file_name, problems, count)
    return intake
