"""A near duplicate beside the row it is near, with what differs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from studio.domain.datasets.row_parts import TURN_PARTS
from studio.domain.errors import NotFound, StudioError
from studio.domain.graphemes import cut
from studio.services.datasets.status import check_ready
from studio.store.datasets.folder import NEAR_FILE
from studio.store.datasets.near_file import earlier_row
from studio.store.datasets.row_file import RowLookup
from studio.store.tables.datasets import Dataset

MAX_CHARACTERS = 20_000  # of a turn that are compared and shown
MAX_PAIRS = 300_000  # of equal tokens that are tried; beyond, what differs is one piece

_WITHOUT_BLANKS = (  # scripts: Thai, Burmese, Khmer, kana, Han
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff"
    "\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"[{_WITHOUT_BLANKS}]|[^\W{_WITHOUT_BLANKS}]+\s*|\s+|[^\w\s]\s*")
_TEXTS = ("content", "reasoning_content")

Piece = tuple[str, bool]
"""A part of a text, and whether the other row has something else in its place."""


@dataclass(frozen=True)
class TwinTurn:
    """A turn, or a text that is no turn, as pieces. `part` is the part of the row that it stands in; `cut` says how
    many characters are left out behind them."""

    part: str
    role: str
    pieces: list[Piece]
    cut: int = 0


@dataclass(frozen=True)
class TwinRow:
    """A row with its place in the file that it came from."""

    number: int
    line: int
    file: int
    turns: list[TwinTurn]


@dataclass(frozen=True)
class Twins:
    similarity: float
    earlier: TwinRow
    later: TwinRow


def twins(dataset: Dataset, row: int) -> Twins:
    """The near duplicate `row` and the earlier row it is near.

    Raises:
        NotFound: that row is near none, or the version was made by a studio that did not keep which.
        InvalidInput: the dataset is not ready.
        StudioError: its files cannot be read.
    """
    check_ready(dataset)
    path = dataset.own_folder / NEAR_FILE
    try:
        found = earlier_row(path, row) if path.exists() else None
        if found is None:
            raise NotFound(
                "It is not known which row of “{name}” this one is near.", "Read its files again.", name=dataset.name
            )
        numbers = [found[0], row]
        with RowLookup(dataset.rows_path) as lookup:
            rows, places = lookup.rows(numbers), lookup.places(numbers)
    except OSError as error:
        raise StudioError(
            "The rows of “{name}” cannot be read: {reason}.", "Delete the dataset and add its file again.",
            name=dataset.name, reason=error.strerror or str(error),
        ) from error  # fmt: skip
    pairs = [_compared(*pair) for pair in zip_longest(*map(list, map(_texts, rows)))]
    sides = [[pair[side] for pair in pairs if pair[side] is not None] for side in (0, 1)]
    earlier, later = (
        TwinRow(number, line, file, turns)  # type: ignore[arg-type]
        for number, (line, file), turns in zip(numbers, places, sides, strict=True)
    )
    return Twins(found[1], earlier, later)


def _texts(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Each text of a row: its part, its role, and itself."""
    if "text" in row:
        yield "text", "", row["text"]
    for part in TURN_PARTS:
        for turn in row.get(part, ()):
            calls = [
                f"{call['function']['name']}({call['function']['arguments']})" for call in turn.get("tool_calls", ())
            ]
            texts = [turn[name] for name in _TEXTS if turn.get(name)]
            yield part, turn["role"], "\n".join([*texts, *calls])


def _compared(
    one: tuple[str, str, str] | None, other: tuple[str, str, str] | None
) -> tuple[TwinTurn | None, TwinTurn | None]:
    texts = [cut(each[2], MAX_CHARACTERS) if each else "" for each in (one, other)]
    pieces = differences(*texts)
    turns = [
        each and TwinTurn(each[0], each[1], own, len(each[2]) - len(text))
        for each, own, text in zip((one, other), pieces, texts, strict=True)
    ]
    return turns[0], turns[1]


def differences(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces that are the same or differ, by words, and by characters where words have no blanks between
    them. Joined, the pieces are the text."""
    left, right = _TOKEN.findall(one), _TOKEN.findall(other)
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    middle = [each[start : len(each) - end] for each in (left, right)]
    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for side, tokens in zip(sides, (left, right), strict=True):
        _add(side, tokens[:start], differs=False)
    for differs, *spans in _spans(*middle):
        for side, tokens in zip(sides, spans, strict=True):
            _add(side, tokens, differs=differs)
    for side, tokens in zip(sides, (left, right), strict=True):
        _add(side, tokens[len(tokens) - end :], differs=False)
    return sides


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many of the first tokens are the same."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _spans(left: list[str], right: list[str]) -> Iterator[tuple[bool, list[str], list[str]]]:
    counts = Counter(right)
    if sum(counts[token] for token in left) > MAX_PAIRS:
        yield True, left, right
        return
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        yield tag != "equal", left[i1:i2], right[j1:j2]


def _add(pieces: list[Piece], tokens: Sequence[str], *, differs: bool) -> None:
    if text := "".join(tokens):
        if pieces and pieces[-1][1] == differs:
            text = pieces.pop()[0] + text
        pieces.append((text, differs))
