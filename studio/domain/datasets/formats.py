"""The dataset formats: their parts, and which column holds each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from studio.domain.datasets.columns import has_column
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

    @cached_property
    def used_columns(self) -> frozenset[str]:
        """Those of the file that something is read of, be it of what stands inside of them."""
        return frozenset(name for column in self.columns.values() for name in (column, column.partition(".")[0]))


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
    Format.PREFERENCE: Parts(
        ("rejected",), ("prompt", "input", "history", "system", "tools"), either=(("prompt",), ("chosen",))
    ),
    Format.UNPAIRED: Parts(
        ("label",), ("input", "history", "system", "tools"), either=(("messages",), ("prompt", "completion"))
    ),
    Format.ALPACA: Parts(("instruction", "output"), ("input", "history", "reasoning", "system", "label")),
    Format.PROMPT_COMPLETION: Parts(
        ("prompt", "completion"), ("input", "history", "reasoning", "system", "tools", "label")
    ),
    Format.TEXT: Parts(("text",), ("label",)),
}
"""Of a preference pair the chosen answer may be the end of its prompt."""

VERDICT_OF = {
    **dict.fromkeys(("true", "1", "1.0", "yes", "good", "desirable"), True),
    **dict.fromkeys(("false", "0", "0.0", "no", "bad", "undesirable"), False),
}
"""What a rated answer's label may say, in lower case."""


def excerpt(text: str) -> str:
    """The beginning of foreign words, fit to stand in a message."""
    return cut(text, 40).encode("utf-8", "replace").decode()


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
        faults |= {part: unknown for part, column in mapping.items() if not has_column(columns, column)}
    if faults:
        raise InvalidInput(
            "The column mapping is incomplete: {parts}.", "Choose a column of this file for each of them.",
            parts=", ".join(faults), fields=faults,
        )  # fmt: skip
    return Layout(format, mapping)
