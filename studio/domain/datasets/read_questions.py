"""Questions that a person has to answer before a file can be read, as it can be read in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from studio.domain.errors import InvalidInput

Option = Literal["encoding", "delimiter", "sheet", "header", "rows"]
"""The field of ReadOptions that the answer is given in."""

MAX_CHOICES = 20
_MAX_PREVIEW_LINES = 4
_MAX_PREVIEW_CHARACTERS = 300  # of a line


class ReadChoice(BaseModel):
    """One way of reading: `value` asks for it, `label` is a template for `values`, and `preview` are the first lines or
    rows, read so."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: str
    label: str
    values: dict[str, Any] = Field(default_factory=dict)
    preview: list[str] = Field(default_factory=list)


class ReadQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    option: Option
    choices: list[ReadChoice]


class UnclearReading(InvalidInput):
    """A file can be read in several ways, and only a person knows the right one."""

    def __init__(
        self, template: str, remedy: str, option: Option, choices: Sequence[ReadChoice], **values: Any
    ) -> None:
        self.question = ReadQuestion(option=option, choices=list(choices)[:MAX_CHOICES])
        super().__init__(template, remedy, **values)


def preview_of(lines: Sequence[str]) -> list[str]:
    """The first lines, cut to what a page can show."""
    cut_lines = [line.strip()[:_MAX_PREVIEW_CHARACTERS] for line in lines if line.strip()]
    return [line.encode("utf-8", "replace").decode() for line in cut_lines[:_MAX_PREVIEW_LINES]]
