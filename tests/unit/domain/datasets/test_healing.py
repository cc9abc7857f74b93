"""Rows that are refused for the order of their turns alone: what makes them usable, by the fewest changes."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.healing import healed, join_turns
from studio.domain.datasets.rows import read_row

CHAT = Layout(Format.CHAT, {"messages": "messages"})


def chat(turns: str) -> dict[str, Any]:
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return {"messages": [{"role": roles[role], "content": f"{role}{i}"} for i, role in enumerate(turns)]}


def said(row: dict[str, Any]) -> list[str]:
    return [turn["content"] for turn in row["messages"]]


@pytest.mark.parametrize(
    ("turns", "expected", "actions"),
    [
        ("uau", ["u0", "a1"], ("cut_to_answer",)),
        ("suatu", ["s0", "u1", "a2"], ("cut_to_answer",)),
        ("uauu", ["u0", "a1"], ("cut_to_answer",)),
        ("uua", ["u0\n\nu1", "a2"], ("join_turns",)),
        ("uaa", ["u0", "a1\n\na2"], ("join_turns",)),
        ("uuau", ["u0\n\nu1", "a2"], ("cut_to_answer", "join_turns")),
    ],
)
def test_a_row_is_healed_by_the_fewest_actions(turns: str, expected: list[str], actions: tuple[str, ...]) -> None:
    _, problems = read_row(CHAT, chat(turns), 1)
    found = healed(CHAT, chat(turns), problems, 1, 0)
    assert found is not None
    assert (said(found.row), found.actions) == (expected, actions)
    assert read_row(CHAT, found.row, 1) == (found.row, [])


@pytest.mark.parametrize("turns", ["u", "usa", "su"])
def test_what_has_no_answer_or_is_wrong_in_another_way_stays(turns: str) -> None:
    _, problems = read_row(CHAT, chat(turns), 1)
    assert problems
    assert healed(CHAT, chat(turns), problems, 1, 0) is None


def test_only_what_is_asked_is_done() -> None:
    _, problems = read_row(CHAT, chat("uuau"), 1)
    assert healed(CHAT, chat("uuau"), problems, 1, 0, ["join_turns"]) is None


def test_a_preference_is_not_healed_and_a_rated_answer_is() -> None:
    preference = Layout(Format.PREFERENCE, {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"})
    row = {"prompt": chat("uu")["messages"], "chosen": "Yes.", "rejected": "No."}
    _, problems = read_row(preference, row, 1)
    assert {problem.code for problem in problems} == {"same_role"}
    assert healed(preference, row, problems, 1, 0) is None

    rated = Layout(Format.UNPAIRED, {"messages": "messages", "label": "label"})
    row = chat("uau") | {"label": True}
    _, problems = read_row(rated, row, 1)
    found = healed(rated, row, problems, 1, 0)
    assert found is not None
    assert [turn["content"] for turn in found.row["completion"]] == ["a1"]


def test_turns_that_differ_in_what_cannot_be_joined_stay_apart() -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    first = {"role": "assistant", "content": "One.", "weight": 0}
    second = {"role": "assistant", "content": "", "tool_calls": [call], "weight": 0}
    assert join_turns([first, second]) == [first | {"tool_calls": [call]}]
    assert join_turns([first, second | {"weight": 1}]) == [first, second | {"weight": 1}]
