"""The formats that a dataset can have, and how one is told from its columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from studio.domain.errors import InvalidInput


class Format(StrEnum):
    CHAT = "chat"
    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    PROMPT_COMPLETION = "prompt-completion"
    TEXT = "text"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Format.CHAT: "Chat messages",
    Format.SHAREGPT: "ShareGPT conversations",
    Format.ALPACA: "Alpaca instructions",
    Format.PROMPT_COMPLETION: "Prompt and completion",
    Format.TEXT: "Plain text",
}

_ANSWER = ("output", "completion", "response", "answer")
_SYSTEM = {"system": ("system", "system_prompt")}


@dataclass(frozen=True)
class Layout:
    """A format, and which column holds each of its parts: messages; or instruction, input, output, history; or
    prompt, completion; or text; and system beside any but text."""

    format: Format
    columns: Mapping[str, str]


@dataclass(frozen=True)
class _Shape:
    """The spellings of each part's column, those that go before others first."""

    format: Format
    needed: Mapping[str, Sequence[str]]
    optional: Mapping[str, Sequence[str]] = field(default_factory=dict)


# A file with the columns of several formats has the first of them.
_SHAPES = (
    _Shape(Format.CHAT, {"messages": ("messages",)}, _SYSTEM),
    _Shape(Format.SHAREGPT, {"messages": ("conversations", "conversation")}, _SYSTEM),
    _Shape(
        Format.ALPACA,
        {"instruction": ("instruction",), "output": _ANSWER},
        {"input": ("input", "context"), "history": ("history",), **_SYSTEM},
    ),
    _Shape(
        Format.PROMPT_COMPLETION,
        {
            "prompt": ("prompt", "question", "query", "input"),
            "completion": ("completion", "response", "answer", "output"),
        },
        _SYSTEM,
    ),
    _Shape(Format.TEXT, {"text": ("text",)}),
)


def excerpt(text: str) -> str:
    """The beginning of foreign words, fit to stand in a message."""
    return text[:40].encode("utf-8", "replace").decode()


def columns_of(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every column that any row has, in the order in which they turn up."""
    return list(dict.fromkeys(column for row in rows for column in row))


def recognise(rows: Sequence[Mapping[str, Any]]) -> Layout:
    """The layout of a file from its first rows. Upper and lower case count as one.

    Raises:
        InvalidInput: the columns are those of no format, or the rows are preferences (a better and a worse answer,
            or answers with a thumb up or down), which must not be learned as if all of them were good.
    """
    columns = columns_of(rows)
    spelled = {str(column).strip().lower(): column for column in reversed(columns)}
    if {"chosen", "rejected"} <= spelled.keys():
        raise InvalidInput(
            "These are preference pairs (chosen and rejected answers), and training here is on good answers only.",
            "Make rows of the better answers alone: messages, or prompt and completion.",
        )
    for shape in _SHAPES:
        layout = _fit(shape, spelled)
        if layout is not None:
            if layout.format is not Format.TEXT and "label" in spelled and _is_verdict(rows, spelled["label"]):
                raise InvalidInput(
                    "These are rated answers (label: true or false), and training here is on good answers only.",
                    "Keep the rows that are labelled true, and leave the column “label” out.",
                )
            return layout
    raise InvalidInput(
        "The columns are those of no known format: {columns}.",
        "Rename them. Known are messages (chat), conversations (ShareGPT), instruction and output (Alpaca), "
        "prompt and completion, and text.",
        columns=", ".join(map(excerpt, columns[:20])) or "–",
    )


def _fit(shape: _Shape, spelled: Mapping[str, str]) -> Layout | None:
    found: dict[str, str] = {}
    for part, spellings in {**shape.needed, **shape.optional}.items():
        column = next((spelled[s] for s in spellings if s in spelled), None)
        if column is not None:
            found[part] = column
        elif part in shape.needed:
            return None
    return Layout(shape.format, found)


def _is_verdict(rows: Iterable[Mapping[str, Any]], column: str) -> bool:
    values = [row[column] for row in rows if row.get(column) is not None]
    return bool(values) and all(str(value).lower() in ("true", "false") for value in values)
