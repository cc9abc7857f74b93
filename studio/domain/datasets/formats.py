"""The dataset formats, and how one is recognised by its columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.domain.translation import N_


class Format(StrEnum):
    CHAT = "chat"
    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    PROMPT_COMPLETION = "prompt-completion"
    TEXT = "text"
    PREFERENCE = "preference"
    UNPAIRED = "unpaired"

    @property
    def label(self) -> str:
        return _LABELS[self]

    @property
    def kind(self) -> str:
        """What its rows become: chat, text, preference or unpaired."""
        return self.value if self in (Format.TEXT, Format.PREFERENCE, Format.UNPAIRED) else "chat"


def trained_part(format: str | None) -> str:
    """What of rows in that format is trained on, in a sentence; empty where that is all of them, or where an older
    studio has kept no format, or one of its own."""
    return _NOTES.get(format or "", "")


_LABELS = {
    Format.CHAT: N_("Chat messages"),
    Format.SHAREGPT: N_("ShareGPT conversations"),
    Format.ALPACA: N_("Alpaca instructions"),
    Format.PROMPT_COMPLETION: N_("Prompt and completion"),
    Format.TEXT: N_("Plain text"),
    Format.PREFERENCE: N_("Preference pairs"),
    Format.UNPAIRED: N_("Rated answers"),
}


_NOTES: Mapping[str, str] = {
    Format.PREFERENCE: N_("Of each pair, only the chosen answer is trained on."),
    Format.UNPAIRED: N_("Only the answers rated good are trained on."),
}


@dataclass(frozen=True)
class Layout:
    """A format, and which column holds each of its parts (see PARTS)."""

    format: Format
    columns: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        return {"format": self.format.value, "columns": dict(self.columns)}


@dataclass(frozen=True)
class Parts:
    """The parts of a format. Of `either`, where there is one, all of a group must be there."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.needed, *(p for group in self.either for p in group), *self.optional)))


PARTS: dict[Format, Parts] = {
    Format.CHAT: Parts(("messages",), ("system", "tools", "label")),
    Format.SHAREGPT: Parts(("messages",), ("system", "tools", "label")),
    Format.PREFERENCE: Parts(("chosen", "rejected"), ("prompt", "system", "tools")),
    Format.UNPAIRED: Parts(("label",), ("system", "tools"), either=(("messages",), ("prompt", "completion"))),
    Format.ALPACA: Parts(("instruction", "output"), ("input", "history", "system", "label")),
    Format.PROMPT_COMPLETION: Parts(("prompt", "completion"), ("system", "label")),
    Format.TEXT: Parts(("text",), ("label",)),
}

_ANSWER = ("output", "completion", "response", "answer")
_OPTIONAL: dict[str, Sequence[str]] = {
    "system": ("system", "system_prompt"),
    "tools": ("tools", "functions"),
    "label": ("label", "labels", "category", "class", "topic", "intent"),
    "input": ("input", "context"),
    "history": ("history",),
    "prompt": ("prompt", "question", "query", "instruction", "messages", "conversations", "conversation"),
}


@dataclass(frozen=True)
class _Shape:
    """The spellings of each part's column that make a format, those that go before others first."""

    format: Format
    needed: Mapping[str, Sequence[str]]
    without: Sequence[str] = field(default_factory=tuple)  # optional parts that it has not


# A file with the columns of several formats has the first of them.
_SHAPES = (
    _Shape(
        Format.PREFERENCE,
        {
            "chosen": ("chosen", "chosen_response", "response_chosen"),
            "rejected": ("rejected", "rejected_response", "response_rejected"),
        },
    ),
    _Shape(Format.CHAT, {"messages": ("messages",)}),
    _Shape(Format.SHAREGPT, {"messages": ("conversations", "conversation")}),
    _Shape(Format.ALPACA, {"instruction": ("instruction",), "output": _ANSWER}),
    _Shape(
        Format.PROMPT_COMPLETION,
        {
            "prompt": ("prompt", "question", "query", "input"),
            "completion": ("completion", "response", "answer", "output"),
        },
    ),
    _Shape(Format.TEXT, {"text": ("text", "content")}),
)
_VERDICTS = ("label", "kto_tag")
KNOWN_COLUMNS = frozenset(
    spelling
    for spellings in (*_OPTIONAL.values(), *(each for shape in _SHAPES for each in shape.needed.values()), _VERDICTS)
    for spelling in spellings
)
"""Every spelling of a column's name that some format knows, in lower case."""
VERDICT_OF = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
"""What a rated answer's label may say, in lower case."""


class UnclearFormat(InvalidInput):
    """The columns do not tell the format. `guess` is a layout that may be meant, for a person to look at."""

    def __init__(self, problem: StudioError, columns: Sequence[str], guess: Layout | None) -> None:
        self.columns = list(columns)
        self.guess = guess
        super().__init__(problem.template, problem.remedy_template, **problem.values)


def excerpt(text: str) -> str:
    """The beginning of foreign words, fit to stand in a message."""
    return cut(text, 40).encode("utf-8", "replace").decode()


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every column that any row has, in the order in which they turn up."""
    return list(dict.fromkeys(column for row in rows for column in row))


def header_key(columns: Iterable[str]) -> str:
    """The same for files with the same columns in any order."""
    return hashlib.sha256("\0".join(sorted(columns)).encode("utf-8", "replace")).hexdigest()


def recognise(rows: Sequence[Mapping[str, Any]]) -> Layout:
    """The layout of a file from its first rows. Upper and lower case count as one.

    Raises:
        UnclearFormat: the columns are those of no format.
    """
    columns = columns_of(rows)
    column_by_spelling = {str(column).strip().lower(): column for column in reversed(columns)}
    for shape in _SHAPES:
        layout = _fit(shape, column_by_spelling)
        if layout is not None:
            return _layout_with_verdicts(layout, rows, column_by_spelling) or layout
    raise UnclearFormat(
        StudioError(
            "The columns match no known format: {columns}.",
            "Say which column holds what.",
            columns=", ".join(map(excerpt, columns[:20])) or "–",
        ),
        columns,
        guess(rows),
    )


def _fit(shape: _Shape, column_by_spelling: Mapping[str, str]) -> Layout | None:
    columns: dict[str, str] = {}
    optional = {part: _OPTIONAL[part] for part in PARTS[shape.format].optional}
    for part, spellings in {**shape.needed, **optional}.items():
        column = next(
            (
                column_by_spelling[s]
                for s in spellings
                if s in column_by_spelling and column_by_spelling[s] not in columns.values()
            ),
            None,
        )
        if column is not None:
            columns[part] = column
        elif part in shape.needed:
            return None
    return Layout(shape.format, columns)


def _layout_with_verdicts(
    layout: Layout, rows: Sequence[Mapping[str, Any]], column_by_spelling: Mapping[str, str]
) -> Layout | None:
    """The layout with verdicts, where a column says of each answer whether it is good."""
    if layout.format in (Format.TEXT, Format.PREFERENCE, Format.ALPACA):
        return None
    column = next(
        (
            column_by_spelling[s]
            for s in _VERDICTS
            if s in column_by_spelling and _holds_verdicts(rows, column_by_spelling[s])
        ),
        None,
    )
    return (column and Layout(Format.UNPAIRED, {**layout.columns, "label": column})) or None


def _holds_verdicts(rows: Iterable[Mapping[str, Any]], column: str) -> bool:
    values = [row[column] for row in rows if row.get(column) is not None]
    return bool(values) and all(str(value).lower() in ("true", "false") for value in values)


def guess(rows: Sequence[Mapping[str, Any]]) -> Layout | None:
    """What the columns may be by what they hold: turns, or a shorter and a longer text, or one text."""
    columns = columns_of(rows)
    for column in columns:
        value = next((row[column] for row in rows if row.get(column) is not None), None)
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            turn = value[0]
            if {"role", "content"} <= turn.keys():
                return Layout(Format.CHAT, {"messages": column})
            if {"from", "value"} <= turn.keys():
                return Layout(Format.SHAREGPT, {"messages": column})
    texts = [c for c in columns if any(isinstance(row.get(c), str) and row[c].strip() for row in rows)]
    if len(texts) == 1:
        return Layout(Format.TEXT, {"text": texts[0]})
    if len(texts) < 2:
        return None
    length = {c: sum(len(row[c]) for row in rows if isinstance(row.get(c), str)) for c in texts}
    two = sorted(sorted(texts, key=lambda c: -length[c])[:2], key=columns.index)
    return Layout(Format.PROMPT_COMPLETION, dict(zip(("prompt", "completion"), two, strict=True)))


def read_layout(value: Mapping[str, Any], columns: Sequence[str] | None = None) -> Layout:
    """The layout in plain data {"format", "columns": {part: column}}; parts without a column are left out.

    Raises:
        InvalidInput: the format is unknown, a part that it needs has no column, or a column is not among `columns`.
    """
    try:
        format = Format(value["format"])
    except (KeyError, ValueError):
        raise InvalidInput(
            "There is no format “{format}”.", "Choose one of {known}.",
            format=value.get("format", ""), known=", ".join(Format),
        ) from None  # fmt: skip
    parts = PARTS[format]
    mapping = {part: column for part, column in dict(value.get("columns", {})).items() if column and part in parts.all}
    faults = {part: StudioError("Choose the column that holds it.") for part in parts.needed if part not in mapping}
    if parts.either and not any(all(part in mapping for part in group) for group in parts.either):
        faults |= {part: StudioError("Choose the column that holds it.") for part in parts.either[-1]}
    if columns is not None:
        unknown = StudioError("There is no such column.", "Available columns: {columns}.", columns=", ".join(columns))
        faults |= {part: unknown for part, column in mapping.items() if column not in columns}
    if faults:
        raise InvalidInput("The column mapping is incomplete: {parts}.", parts=", ".join(faults), fields=faults)
    return Layout(format, mapping)
