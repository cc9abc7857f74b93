"""Pairs of a better and a worse answer, and answers that are rated."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.recognition import recognise
from studio.domain.datasets.row_parts import Row
from studio.domain.datasets.rows import read_row
from tests.support.dataset_zoo.making import chat
from tests.support.in_process_intake import check_words

HELLO = chat(("user", "Hi"), ("assistant", "Hello."))


def read(row: dict[str, Any]) -> Row:
    made, problems = read_row(recognise([row]), row, 7)
    assert not problems
    assert made is not None
    return made


def problems_of(row: Any, like: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and field of each problem, after a look at the words of each."""
    made, problems = read_row(recognise([like]), row, 7, 1)
    assert made is None
    assert all((problem.line, problem.file) == (7, 1) for problem in problems)
    check_words(problems)
    return [(p.code, p.field) for p in problems]


ASKED = chat(("user", "Red or blue?"))["messages"]
BLUE, RED = chat(("assistant", "Blue."))["messages"], chat(("assistant", "Red."))["messages"]
PAIR = {"prompt": ASKED, "chosen": BLUE, "rejected": RED}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Red or blue?", "chosen": "Blue.", "rejected": "Red."},
        {"question": "Red or blue?", "chosen_response": "Blue.", "rejected_response": "Red."},
        PAIR,
        {"chosen": ASKED + BLUE, "rejected": ASKED + RED},
        {"prompt": "Red or blue?", "chosen": ASKED + BLUE, "rejected": ASKED + RED},
        {"prompt": ASKED[0], "chosen": BLUE[0], "rejected": {"from": "gpt", "value": "Red."}},
        {"conversations": [{"from": "human", "value": "Red or blue?"}], "chosen": BLUE[0], "rejected": RED[0]},
    ],
)
def test_preference_pairs_are_read_in_every_spelling(row: dict[str, Any]) -> None:
    assert read(row) == PAIR


def test_two_conversations_that_part_late_share_all_before() -> None:
    before = ASKED + BLUE + chat(("user", "Why?"))["messages"]
    row = {"chosen": before + BLUE, "rejected": before + RED}
    assert read(row) == {"prompt": before, "chosen": BLUE, "rejected": RED}
    assert read({**row, "prompt": "Red or blue?"}) == read(row)
    assert read({**row, "prompt": "Why?"}) == read(row)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"rejected": BLUE}, [("same_answers", "rejected")]),
        ({"chosen": None}, [("missing", "chosen")]),
        ({"prompt": None}, [("missing", "prompt")]),
        ({"rejected": []}, [("no_turns", "rejected")]),
        ({"chosen": chat(("user", "Green?"), ("assistant", "No."))["messages"]}, [("not_one_answer", "chosen")]),
        ({"rejected": RED + ASKED}, [("not_one_answer", "rejected")]),
        ({"prompt": ASKED + BLUE}, [("same_role", "chosen"), ("same_role", "rejected")]),
    ],
)
def test_each_fault_of_a_preference_pair_is_named(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems_of({**PAIR, **change}, like=PAIR) == expected


@pytest.mark.parametrize(("label", "verdict"), [(True, True), ("no", False), ("TRUE", True), (0, False), ("1", True)])
def test_a_verdict_may_be_said_in_many_ways(label: object, verdict: bool) -> None:
    layout = Layout(Format.UNPAIRED, {"prompt": "prompt", "completion": "completion", "label": "label"})
    row, problems = read_row(layout, {"prompt": "Red or blue?", "completion": "Blue.", "label": label}, 1)
    assert problems == []
    assert row == {"prompt": ASKED, "completion": BLUE, "label": verdict}


@pytest.mark.parametrize("label", [None, "maybe", 2, "", [True]])
def test_a_label_without_a_verdict_is_a_problem(label: object) -> None:
    assert problems_of({**HELLO, "label": label}, like={**HELLO, "label": True}) == [("no_verdict", "label")]


def test_a_rated_conversation_ends_with_the_rated_answer() -> None:
    row = {**chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")), "label": True}
    made = read(row)
    assert (made["prompt"], made["completion"]) == (row["messages"][:3], row["messages"][3:])
