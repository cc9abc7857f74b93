"""Rows of files that were refused for the order of their turns alone, made usable."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from itertools import combinations
from typing import Any

from studio.domain.datasets.formats import Layout
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import Row, Turn
from studio.domain.datasets.rows import draft_row


def cut_to_answer(turns: list[Turn]) -> list[Turn]:
    """Up to the last answer; all of them where there is none."""
    last = max((i for i, turn in enumerate(turns) if turn["role"] == "assistant"), default=len(turns) - 1)
    return turns[: last + 1]


def join_turns(turns: list[Turn]) -> list[Turn]:
    """Those of the same role in a row as one, with a blank line between their texts; not results of tools, nor turns
    that differ in what cannot be joined."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and turn["role"] in ("user", "assistant") and (new := _join(joined[-1], turn)):
            joined[-1] = new
        else:
            joined.append(turn)
    return joined


def _join(first: Turn, second: Turn) -> Turn | None:
    new = dict(first)
    for key in dict.fromkeys([*first, *second]):
        one, other = first.get(key), second.get(key)
        if key == "tool_calls":
            new[key] = [*(one or []), *(other or [])]
        elif key in ("content", "reasoning_content"):
            new[key] = "\n\n".join(text for text in (one, other) if text)
        elif one != other:
            return None
    return new


HEALING: Mapping[str, tuple[str, Callable[[list[Turn]], list[Turn]]]] = {
    "cut_to_answer": ("no_answer", cut_to_answer),
    "join_turns": ("same_role", join_turns),
}
"""The actions of cleaning (see clean_actions) that heal rows: of which problem each, and by what."""


@dataclass(frozen=True)
class Healed:
    """A row with its warnings, and by which actions it was made usable."""

    row: Row
    actions: tuple[str, ...] = ()
    warnings: list[Problem] = field(default_factory=list)


def healed(
    layout: Layout, raw: Any, problems: Collection[Problem], line: int, file: int, among: Collection[str] = HEALING
) -> Healed | None:
    """The row as the fewest of the actions `among` make it usable; None where they cannot. `problems` are the row's."""
    if not problems or not {problem.code for problem in problems} <= {code for code, _ in HEALING.values()}:
        return None
    chosen = [action for action in HEALING if action in among]
    for count in range(1, len(chosen) + 1):
        for actions in combinations(chosen, count):
            row, left, warnings = draft_row(layout, raw, line, file, partial(_in_order, actions))
            if not left:
                return Healed(row, actions, warnings)
    return None


def _in_order(actions: Iterable[str], turns: list[Turn]) -> list[Turn]:
    return reduce(lambda done, action: HEALING[action][1](done), actions, turns)


def parse_raw(raw: str | None) -> Any:
    """What the JSON of a row that was kept says; None where it says nothing."""
    try:
        return None if raw is None else json.loads(raw)
    except (ValueError, RecursionError):
        return None
