"""Notes: what was done to read a dataset that is no fault of a row, each said once with how many rows it concerns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from studio.domain.errors import fill
from studio.domain.translation import N_

MAX_UNUSED = 200  # paths of what is not used that are told apart: a row's names may be data

NOTE_KINDS: Mapping[str, str] = {
    "number_as_text": N_("“{field}” has numbers or booleans in {n} {n:row|rows}: they are read as their text."),
    # tables
    "above_header": N_("{n} {n:line|lines} above the names of the columns {n:was|were} passed over."),
    "columns_numbered": N_("Columns that have the same name are numbered: {names}."),
    "blank_rows": N_("{n} {n:row|rows} without a filled cell {n:was|were} passed over."),
    "cells_beyond": N_("{n} {n:row|rows} had empty cells beyond the last column: they are left out."),
    "cells_left_out": N_("{n} {n:row|rows} had fewer cells than there are columns: those at the end are empty."),
    "lone_returns": N_("In {n} {n:line|lines}, carriage returns alone end a row, as old Macs wrote them."),
    "other_delimiter": N_("“{file}” is read with the delimiter “{delimiter}”, which is not the one of its kind."),
    "other_sheets": N_("The sheet “{sheet}” is read; {n} {n:other is|others are} not: {others}."),
    "garbled_file": N_(
        "Most lines beyond plain English look garbled as {encoding}: choose the file's encoding, or fix its text at "
        "the source."
    ),
}
"""By code: a template for the values of a note and `n`, its rows."""


class Note(BaseModel):
    """`line` is the first place that it is of, 0 where it is of the whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str
    rows: int = 1
    line: int = 0
    values: dict[str, Any] = Field(default_factory=dict)

    @property
    def template(self) -> str:
        return NOTE_KINDS.get(self.code, "")

    @property
    def template_values(self) -> dict[str, Any]:
        return {"n": self.rows, **self.values}

    @property
    def text(self) -> str:
        return fill(self.template, self.template_values)


class Notes:
    """Collects them while a dataset is read: those of the same code and values become one. `unused` counts rows by what
    they have and what is not used: a column, or a field inside turns ("messages[].name")."""

    def __init__(self) -> None:
        self.unused: Counter[str] = Counter()
        self._notes: dict[tuple[Any, ...], tuple[int, int]] = {}  # first line, rows

    def add(self, code: str, line: int = 0, rows: int = 1, **values: str | int) -> None:
        key = (code, *values.items())
        first, count = self._notes.get(key, (line, 0))
        self._notes[key] = first, count + rows

    def add_unused(self, paths: Iterable[str], rows: int = 1) -> None:
        for path in paths:
            if path in self.unused or len(self.unused) < MAX_UNUSED:
                self.unused[path] += rows

    def found(self) -> list[Note]:
        """In the order in which they turned up."""
        return [
            Note(code=code, rows=rows, line=line, values=dict(values))
            for (code, *values), (line, rows) in self._notes.items()
        ]
