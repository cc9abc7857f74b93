"""What can be wrong with a dataset's rows, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from studio.domain.errors import InvalidInput, StudioError, fill

Unit = Literal["line", "row"]
"""How a place in a file is counted, from 1 on: files of text have lines, others only rows."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in one row. `message` and `remedy` are templates for `values`.

    `field` is the path of the value at fault ("messages[1].role"), empty where the whole row is.
    """

    line: int
    field: str
    code: str
    message: str
    remedy: str
    values: Mapping[str, Any]
    unit: Unit = "line"

    @property
    def error(self) -> StudioError:
        return StudioError(self.message, self.remedy, **self.values)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, with the templates filled in."""
        return {
            "line": self.line,
            "unit": self.unit,
            "field": self.field,
            "code": self.code,
            "message": fill(self.message, self.values),
            "remedy": fill(self.remedy, self.values),
        }


class BadRows(InvalidInput):
    """Rows of a file cannot be used. `problems` holds the first of them, `count` says how many there are in all."""

    def __init__(self, file_name: str, problems: Sequence[Problem], count: int) -> None:
        self.problems = tuple(problems)
        self.count = count
        first = self.problems[0]
        super().__init__(
            "Problems in “{file}”: {count}. The first, in line {line}: {first}"
            if first.unit == "line"
            else "Problems in “{file}”: {count}. The first, in row {line}: {first}",
            "Nothing was added; mend the file and add it again.",
            file=file_name,
            count=count,
            line=first.line,
            first=first.error,
        )
