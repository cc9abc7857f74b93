"""One row of a dataset as its dialog shows it, and what cleaning would do, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain.chat.spans import is_masked
from studio.domain.datasets.clean_actions import ACTIONS
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import TURN_PARTS, Row
from studio.domain.translation import N_
from studio.services.datasets.editing import RowInFile
from studio.services.datasets.preview import Effect, Preview
from studio.ui.language import translate
from studio.ui.presenters.dataset import shown_problem

MAX_CHARACTERS = 1_000_000  # of a row that is shown to be edited; what is longer is edited in its file


def pretty(row: Row | None) -> str:
    return "" if row is None else json.dumps(row, ensure_ascii=False, indent=2)


def turn_forms(row: Row | None) -> list[dict[str, Any]]:
    """What can be edited in the row, each with the path that an edit gives: its text, or its turns."""
    if row is None:
        return []
    if "text" in row:
        return [{"path": "text", "part": "", "role": "", "content": row["text"], "reasoning": None, "calls": []}]
    return [
        {
            "path": f"{part}[{i}]",
            "part": part,
            "role": turn.get("role", "") if isinstance(turn, dict) else "",
            "content": turn["content"] if isinstance(turn, dict) and isinstance(turn.get("content"), str) else "",
            "reasoning": turn.get("reasoning_content") if isinstance(turn, dict) else None,
            "masked": isinstance(turn, dict) and turn.get("role") == "assistant" and is_masked(turn),
            "calls": _calls(turn),
        }
        for part in TURN_PARTS
        if isinstance(row.get(part), list)
        for i, turn in enumerate(row[part])
    ]


def _calls(turn: Any) -> list[str]:
    calls = turn.get("tool_calls") if isinstance(turn, dict) else None
    return (
        [json.dumps(call.get("function", call), ensure_ascii=False) for call in calls]
        if isinstance(calls, list)
        else []
    )


def shown_problems(problems: Sequence[Problem], names: Sequence[str], language: str) -> list[dict[str, Any]]:
    return [shown_problem(problem, names, language) for problem in problems]


def shown_refused(row: RowInFile, names: Sequence[str], language: str) -> dict[str, Any]:
    """A row that could not be used, in the list of them."""
    raw = row.raw
    return {
        "number": row.number,
        "line": row.line,
        "file": names[row.file] if len(names) > 1 and row.file < len(names) else "",
        "raw": None if raw is None else raw[:2000],
        "cut": 0 if raw is None else max(0, len(raw) - 2000),
        "problems": shown_problems(row.problems, names, language),
    }


_LEFT_OUT = N_("leaves out {n} {n:row|rows}")
_CHANGED = N_("changes {n} {n:row|rows}, in {places} {places:place|places}")
_HEALED = N_("makes {n} {n:row|rows} usable")
_UNKNOWN = N_("as many rows as are too long then")


def shown_preview(preview: Preview, language: str) -> dict[str, Any]:
    return {
        "rows": preview.rows,
        "bad_rows": preview.bad_rows,
        "effects": [_shown_effect(effect, language) for effect in preview.effects],
    }


def _shown_effect(effect: Effect, language: str) -> dict[str, Any]:
    action = ACTIONS[effect.action]
    way = action.way_of(effect.value)
    more = "+" if effect.at_least else ""
    sentences: Mapping[str, str] = {"": _LEFT_OUT, "texts": _CHANGED, "refused rows": _HEALED}
    template = _UNKNOWN if effect.rows is None else sentences.get(action.traits.changes, _CHANGED)
    places = effect.places or effect.rows or 0
    return {
        "name": effect.action,
        "label": translate(way.label, language),
        "text": translate(template, language, n=f"{effect.rows or 0:,}", places=f"{places:,}{more}"),
        "rows": effect.rows,
        "examples": [
            {"row": e.row, "refused": e.refused, "line": e.line, "field": e.field, "before": e.before, "after": e.after}
            for e in effect.examples
        ],
    }
