"""Edits of single rows: what is asked, and the row that comes of it, checked as a row of a file is."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from studio.domain.datasets.formats import PARTS, Format, Layout
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import TURN_PARTS, Row, texts_of
from studio.domain.datasets.rows import read_row
from studio.domain.datasets.text_checks import text_faults
from studio.domain.errors import InvalidInput

MAX_EDITS = 10_000
_PATH = re.compile(r"(?P<part>[a-z]+)(?:\[(?P<index>\d{1,6})\](?:\.(?P<key>[a-z_]+))?)?")
_TURN_KEYS = ("role", "content", "reasoning_content", "weight", "name", "tool_call_id", "tool_calls")


class Edit(BaseModel):
    """What becomes of one row: `row` of the version, `refused` of the rows that could not be used, both counted from 0
    on, or, without either, a new one.

    It begins as it is, or as the JSON in `raw` says; then `set` gives values by their path ("messages[1].content"; a
    turn behind the last is added, null takes a value away), and the turns in `remove` ("messages[2]") are taken out,
    all counted as they were before. With `drop` it is left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    row: int | None = Field(None, ge=0)
    refused: int | None = Field(None, ge=0)
    drop: bool = False
    raw: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    remove: list[str] = Field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.row is None and self.refused is None

    @property
    def target(self) -> tuple[int | None, int | None]:
        return self.row, self.refused

    @property
    def done(self) -> str:
        """As it is counted: edited, dropped, added or mended."""
        if self.drop:
            return "dropped"
        return "added" if self.is_new else "edited" if self.refused is None else "mended"


@dataclass(frozen=True)
class EditedRow:
    """The row that comes of an edit, and what is wrong with it: `row` is None where that is an error. `draft` is the
    row as far as it can be read."""

    row: Row | None
    draft: Row | None
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.kind.level == "error"]


def read_edits(values: Sequence[Any]) -> list[Edit]:
    """Raises InvalidInput where one of them cannot be meant, or a row is edited twice."""
    if not values:
        raise InvalidInput("There is no edit.", "Change, add or drop a row first.")
    if len(values) > MAX_EDITS:
        raise InvalidInput(
            "These are {count} edits, and {most} can be saved at once.", "Save them in parts.",
            count=len(values), most=MAX_EDITS,
        )  # fmt: skip
    try:
        edits = [value if isinstance(value, Edit) else Edit.model_validate(value) for value in values]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise InvalidInput("“{field}” cannot be used: {reason}.", field=name, reason=first["msg"]) from error
    seen: set[tuple[int | None, int | None]] = set()
    for edit in edits:
        if not edit.is_new and edit.target in seen:
            number = edit.refused if edit.row is None else edit.row
            raise InvalidInput("Row {row} is edited twice.", "Make one edit of both.", row=(number or 0) + 1)
        seen.add(edit.target)
    return edits


def own_layout(kind: str) -> Layout:
    """How the studio itself writes rows of a kind (see row_parts)."""
    format = Format(kind)
    names = {
        Format.CHAT: ("messages", "tools", "label"),
        Format.TEXT: ("text", "label"),
        Format.PREFERENCE: ("prompt", "chosen", "rejected", "tools"),
        Format.UNPAIRED: ("prompt", "completion", "label", "tools"),
    }[format]
    return Layout(format, {name: name for name in names if name in PARTS[format].all})


def edited(
    edit: Edit, base: Row | None, kind: str, layout: Layout | None = None, line: int = 0, file: int = 0
) -> EditedRow:
    """The row that an edit makes of `base`, in rows of that kind.

    Args:
        layout: That of the file; JSON may be written in it, too.

    Raises:
        InvalidInput: a path leads nowhere.
    """
    own = own_layout(kind)
    if edit.raw is not None:
        try:
            value = json.loads(edit.raw)
        except (ValueError, RecursionError) as error:
            return EditedRow(None, None, [_not_json(error, line, file)])
        from_file = layout is not None and not _is_own(value, own)
        row, problems = read_row(layout if layout is not None and from_file else own, value, line, file)
        if row is None and not (edit.set or edit.remove):
            return EditedRow(None, value if _is_own(value, own) else None, problems)
        base = value if row is None and _is_own(value, own) else row
    if base is None and not edit.is_new:
        raise InvalidInput("This row cannot be read, so that nothing can be changed in it.", "Write it anew as JSON.")
    draft = _changed(base if base is not None else _empty(kind), edit, kind)
    row, problems = read_row(own, draft, line, file)
    return EditedRow(row, draft, [*problems, *_warnings(row, line, file)])


def _is_own(value: Any, own: Layout) -> bool:
    """Has the names that the studio gives the parts of a row, and turns in them where they belong there."""
    needed = [name for name in own.columns if name in ("text", *TURN_PARTS)]
    return isinstance(value, dict) and all(
        isinstance(value.get(name), str if name == "text" else list) for name in needed
    )


def _empty(kind: str) -> Row:
    return {
        name: [] if name in TURN_PARTS else "" for name in own_layout(kind).columns if name in ("text", *TURN_PARTS)
    }


def _changed(base: Row, edit: Edit, kind: str) -> Row:
    row: Row = copy.deepcopy(base)
    parts = own_layout(kind).columns
    for path, value in edit.set.items():
        part, index, key = _parse(path, parts)
        if index is None:
            _put(row, part, value)
        elif key not in _TURN_KEYS or not isinstance(row.setdefault(part, []), list):
            raise _no_such(path)
        else:
            turns = row[part]
            if index >= len(turns) + MAX_EDITS:
                raise _no_such(path)
            turns += ({"role": "", "content": ""} for _ in range(index + 1 - len(turns)))
            if not isinstance(turns[index], dict):
                raise _no_such(path)
            _put(turns[index], key, value)
    gone: dict[str, set[int]] = {}
    for path in edit.remove:
        part, index, key = _parse(path, parts)
        if index is None or key or not isinstance(row.get(part), list) or index >= len(row[part]):
            raise _no_such(path)
        gone.setdefault(part, set()).add(index)
    for part, indexes in gone.items():
        row[part] = [turn for i, turn in enumerate(row[part]) if i not in indexes]
    return row


def _parse(path: str, parts: Mapping[str, str]) -> tuple[str, int | None, str]:
    match = _PATH.fullmatch(path)
    if match is None or match["part"] not in parts or (match["index"] is None) == (match["part"] in TURN_PARTS):
        raise _no_such(path)
    return match["part"], None if match["index"] is None else int(match["index"]), match["key"] or ""


def _put(place: dict[str, Any], key: str, value: Any) -> None:
    if value is None:
        place.pop(key, None)
    else:
        place[key] = value


def _no_such(path: str) -> InvalidInput:
    return InvalidInput(
        "There is no field “{field}” in the row.", "Write it as text, or as messages[1].content: turns count from 0.",
        field=path,
    )  # fmt: skip


def _not_json(error: Exception, line: int, file: int) -> Problem:
    if isinstance(error, json.JSONDecodeError):
        return Problem(line, "", "not_json", {"reason": error.msg, "column": error.colno}, file)
    return Problem(line, "", "json_too_deep", {"reason": str(error).partition(";")[0] or "it is nested too deep"}, file)


def _warnings(row: Row | None, line: int, file: int) -> list[Problem]:
    if row is None:
        return []
    return [
        Problem(line, path, code, values, file) for path, text in texts_of(row) for code, values in text_faults(text)
    ]
