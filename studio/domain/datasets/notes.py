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
    # files
    "read_as": N_("“{file}” is read as {kind}, as that is what it holds."),
    "members_together": N_("{n} {n:file|files} of “{file}” are read as one dataset: {members}."),
    # JSON
    "json_remarks": N_("Remarks in {n} {n:place|places} of the JSON were passed over."),
    "json_commas": N_("In {n} {n:place|places} of the JSON, a comma too many was passed over, or a missing one added."),
    "json_quotes": N_(
        "{n} {n:row|rows} had names or texts as Python and JavaScript write them: they are read as JSON."
    ),
    "json_controls": N_("{n} {n:row|rows} had line breaks or tabs inside of texts, which JSON writes in another way."),
    "json_several": N_("{n} {n:line|lines} had several objects: each is a row."),
    "json_sequence": N_("The file has {n} JSON objects or lists one after another, which are read as one list."),
    "json_unclosed": N_("The closing bracket at the end is missing: the file may have been cut off between two rows."),
    "json_in_text": N_("{n} {n:row|rows} had their JSON inside of a text."),
    "lists_of_turns": N_("{n} {n:row|rows} were lists of turns: each is a conversation."),
    "lists_of_cells": N_("{n} {n:row|rows} were lists of cells."),
    "texts_alone": N_("{n} {n:row|rows} were texts without a column."),
    "header_line": N_("The first row tells of the file, and is left out: none of its columns is in the rows below."),
    "rows_of_columns": N_("The rows are made of the columns of the JSON."),
    "rows_inside": N_("The rows are those inside of others, at “{path}”."),
    "nothing_inside": N_("{n} {n:row|rows} had none inside, at “{path}”."),
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
    "threads": N_("{n} {n:message was|messages were} put together as conversations, by “{field}”."),
    "unanswered": N_("{n} {n:question|questions} at the end of a conversation {n:has|have} no answer: left out."),
    "behind_missing": N_("{n} {n:message|messages} behind one that is missing {n:is|are} left out."),
    "deleted_message": N_("{n} deleted {n:message is|messages are} left out."),
    "late_column": N_(
        "“{field}” turns up in {n} {n:row|rows}, but in none of the first {first}: it is not used. Put such a row at "
        "the beginning to have it used."
    ),
    "first_of_several": N_("“{field}” has several answers in {n} {n:row|rows}: the first one is used."),
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
