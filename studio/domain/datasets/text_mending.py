"""Mends the text of rows: what is garbled is repaired, e-mail addresses and secrets are replaced.

Text in which text_checks finds nothing stays as it is, to the byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import ftfy

from studio.domain.datasets.row_parts import TURN_PARTS, TURN_TEXTS, Row, Turn
from studio.domain.datasets.text_checks import CONTROL, EMAIL, KEY_BEGIN, KEY_END, SECRETS, text_faults

EMAIL_PLACEHOLDER, SECRET_PLACEHOLDER = "[EMAIL]", "[SECRET]"

_BEFORE_AT = frozenset("._%+-")
_LAST_LATIN = 0x24F
_TERMINAL_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_REST_OF_KEY = re.compile(r"(?:\s|\\[nr]|[A-Za-z0-9+/=]{8,}|[A-Za-z0-9+/=]+(?=\s*(?:-----|\Z)))*")
_SECRET_MARKS = (
    "hf_", "sk-", "gh", "glpat-", "AKIA", "ASIA", "AIza", "xox", "k_live_", "eyJ", "PRIVATE KEY",
)  # fmt: skip

Replacement = Callable[[str], str]
Mended = tuple[str, int]
"""A text, and in how many places it was changed."""


def replace_emails(text: str, by: Replacement = lambda found: EMAIL_PLACEHOLDER) -> Mended:
    """With each e-mail address replaced by what `by` makes of it."""
    if "@" not in text:
        return text, 0
    spans: list[tuple[int, int]] = []
    for match in EMAIL.finditer(text):
        start, least = match.start(), spans[-1][1] if spans else 0
        while start > least and _is_local(text[start - 1]):
            start -= 1
        spans.append((start, match.end()))
    return _replaced(text, spans, by)


def _is_local(character: str) -> bool:
    """Can stand in an address before its @. Text of other scripts may go before it without a space."""
    return character in _BEFORE_AT or (character.isalnum() and ord(character) <= _LAST_LATIN)


def replace_secrets(text: str, by: Replacement = lambda found: SECRET_PLACEHOLDER) -> Mended:
    """With each likely secret replaced by what `by` makes of it; of a private key the whole block."""
    if not any(mark in text for mark in _SECRET_MARKS):
        return text, 0
    spans = _key_blocks(text)
    spans += [match.span() for pattern in SECRETS.values() for match in pattern.finditer(text)]
    whole: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if whole and start < whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return _replaced(text, whole, by)


def _key_blocks(text: str) -> list[tuple[int, int]]:
    """Private keys up to their last line, or where that is missing, as far as what follows can be of one."""
    spans = []
    here, has_end = 0, True
    while begin := KEY_BEGIN.search(text, here):
        end = KEY_END.search(text, begin.end()) if has_end else None
        has_end = end is not None
        next_begin = KEY_BEGIN.search(text, begin.end()) if end else None
        if end and not (next_begin and next_begin.start() < end.start()):
            here = end.end()
        else:
            rest = _REST_OF_KEY.match(text, begin.end())
            here = begin.end() + len(rest[0].rstrip()) if rest else begin.end()
        spans.append((begin.start(), here))
    return spans


def _replaced(text: str, spans: list[tuple[int, int]], by: Replacement) -> Mended:
    pieces: list[str] = []
    here = 0
    for start, end in spans:
        pieces += text[here:start], by(text[start:end])
        here = end
    return "".join(pieces) + text[here:], len(spans)


def repair(text: str) -> Mended:
    """With garbled characters as they were meant, as far as that can be told, and without control characters. Good text
    is left as it is: nothing is normalised."""
    codes = {code for code, _ in text_faults(text)}
    new = text
    if "mojibake" in codes:
        new = "".join(map(ftfy.fix_encoding, new.splitlines(keepends=True)))
    if "control_characters" in codes:
        new = CONTROL.sub("", re.sub("[\x0b\x0c]", "\n", _TERMINAL_ESCAPES.sub("", new)))
    if not new.strip():  # a row cannot be without it
        return text, 0
    return new, int(new != text)


TEXT_ACTIONS: Mapping[str, Callable[[str], Mended]] = {
    "repair_text": repair,
    "redact_secrets": replace_secrets,
    "redact_emails": replace_emails,
}
"""What an action of cleaning (see clean_actions) does to each text of a row, by its name."""


def mend_row(row: Row, mend: Callable[[str], Mended], note: Callable[[str, str, str], None] | None = None) -> Row:
    """The row with each of its texts mended: what was written, thought, and handed over to tools.

    Args:
        note: Is told of each text that was changed: its path, how it was, and how it is.
    """

    def new(text: str, path: str) -> str:
        changed, places = mend(text)
        if places and note is not None:
            note(path, text, changed)
        return changed

    if "text" in row:
        return row | {"text": new(row["text"], "text")}
    parts = {
        part: [_turn(turn, f"{part}[{i}]", new) for i, turn in enumerate(row[part])]
        for part in TURN_PARTS
        if part in row
    }
    if "tools" in row:
        parts["tools"] = _described(row["tools"], "tools", new)
    return row | parts


def _turn(turn: Turn, path: str, new: Callable[[str, str], str]) -> Turn:
    texts = {key: new(turn[key], f"{path}.{key}") for key in TURN_TEXTS if isinstance(turn.get(key), str)}
    if calls := turn.get("tool_calls"):
        texts["tool_calls"] = [  # type: ignore[assignment]
            call | {"function": call["function"] | {
                "arguments": _nested(call["function"]["arguments"], f"{path}.tool_calls[{i}]", new)
            }}
            for i, call in enumerate(calls)
        ]  # fmt: skip
    return turn | texts


def _nested(value: Any, path: str, new: Callable[[str, str], str]) -> Any:
    match value:
        case str():
            return new(value, path)
        case dict():
            return {key: _nested(inner, path, new) for key, inner in value.items()}
        case list():
            return [_nested(inner, path, new) for inner in value]
        case _:
            return value


def _described(value: Any, path: str, new: Callable[[str, str], str]) -> Any:
    """Only descriptions: the rest of a tool are names."""
    match value:
        case dict():
            return {
                key: new(inner, path)
                if key == "description" and isinstance(inner, str)
                else _described(inner, path, new)
                for key, inner in value.items()
            }
        case list():
            return [_described(inner, path, new) for inner in value]
        case _:
            return value
