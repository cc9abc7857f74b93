"""A problem in a dataset: what is wrong, and where."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from studio.domain.datasets.problem_kinds import PROBLEM_KINDS, ProblemKind
from studio.domain.errors import StudioError, fill

Unit = Literal["line", "row"]
"""How a place in a file is counted, from 1 on: files of text have lines, others only rows."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong in one row; what is said of it stands in PROBLEM_KINDS under its `code`.

    `line` is 0 where it is of no single row. `field` is the path of the value at fault ("messages[1].role"), empty
    where the whole row is. `file` counts the files that a dataset was made of, from 0 on. `raw` is what stands in the
    file in the place of a row that could not even be read, where the reader knows it; as JSON where it is `parsed`.
    """

    line: int
    field: str
    code: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    file: int = 0
    raw: str | None = dataclasses.field(default=None, compare=False, repr=False)
    parsed: bool = dataclasses.field(default=False, compare=False, repr=False)

    @property
    def kind(self) -> ProblemKind:
        return PROBLEM_KINDS[self.code]

    @property
    def error(self) -> StudioError:
        return StudioError(self.kind.message, self.kind.remedy, **self._template_values)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, with the templates filled in."""
        return {
            "line": self.line,
            "field": self.field,
            "code": self.code,
            "level": self.kind.level,
            "message": fill(self.kind.message, self._template_values),
            "remedy": fill(self.kind.remedy, self._template_values),
            "file": self.file,
        }

    @property
    def _template_values(self) -> dict[str, Any]:
        return {"field": self.field, **self.values}
