"""Rows that can be read, and cannot be trained on."""

from __future__ import annotations

import json
from typing import Any

from tests.support.dataset_zoo.making import CALL, PREFERRED, RATED, A, B, Case, Place, Row, lines, said, sharegpt
from tests.support.tool_conversations import WEATHER


def with_turns(*turns: Any) -> bytes:
    """A file with a good row before and after one with these turns."""
    return lines(A, {"messages": list(turns)}, B)


def turn(role: Any, content: Any, **more: Any) -> Row:
    return {"role": role, "content": content, **more}


ASKED, ANSWERED = turn("user", "q"), turn("assistant", "a")
BAD_MESSAGES: list[tuple[str, list[Any], Place]] = [
    ("a turn without content", [{"role": "user"}, ANSWERED], (2, "missing", "messages[0].content")),
    ("a turn without a role", [{"content": "a"}, ANSWERED], (2, "missing", "messages[0].role")),
    ("content that is an object", [turn("user", {"x": 3}), ANSWERED], (2, "wrong_type", "messages[0].content")),
    ("a role that is a number", [turn(3, "q"), ANSWERED], (2, "wrong_type", "messages[0].role")),
    ("blank content", [turn("user", " \n"), ANSWERED], (2, "empty", "messages[0].content")),
    ("no turns", [], (2, "no_turns", "messages")),
    ("turns that are text", ["Hi"], (2, "not_a_turn", "messages[0]")),
    ("an image", [turn("user", [{"type": "image_url"}]), ANSWERED], (2, "media", "messages[0].content")),
    ("a file", [turn("user", [{"type": "file"}]), ANSWERED], (2, "not_text", "messages[0].content")),
    ("half a character", [turn("user", "\ud83d"), ANSWERED], (2, "broken_character", "messages[0].content")),
    ("a pirate", [turn("pirate", "q"), ANSWERED], (2, "unknown_role", "messages[0].role")),
    (
        "a call without a name",
        [ASKED, turn("assistant", "", tool_calls=[{"arguments": {}}])],
        (2, "bad_tool_call", "messages[1].tool_calls[0]"),
    ),
    (
        "a call whose arguments are no JSON",
        [ASKED, turn("assistant", "", tool_calls=[{"function": {"name": "f", "arguments": "{x"}}])],
        (2, "bad_tool_call", "messages[1].tool_calls[0]"),
    ),
    (
        "a system message in the middle",
        [ASKED, ANSWERED, turn("system", "s"), ASKED, ANSWERED],
        (2, "late_system", "messages"),
    ),
    ("two questions in a row", [ASKED, turn("user", "q2"), ANSWERED], (2, "same_role", "messages")),
    ("a question at the end", [ASKED, ANSWERED, turn("user", "q2")], (2, "no_answer", "messages")),
    ("a weight that is none", [ASKED, turn("assistant", "a", weight="much")], (2, "bad_weight", "messages[1].weight")),
    ("answers that are all masked", [ASKED, turn("assistant", "a", weight=0)], (2, "no_learned_answer", "messages")),
    (
        "a tool's answer at the end",
        [ASKED, turn("assistant", "", tool_calls=[json.loads(CALL)]), turn("tool", "r")],
        (2, "no_answer", "messages"),
    ),
]


BAD_ROWS = [
    *(Case(name, "a.jsonl", with_turns(*turns), [A, B], [place]) for name, turns, place in BAD_MESSAGES),
    Case(
        "several faults in one row",
        "a.jsonl",
        with_turns(turn("pirate", ""), {"from": "gpt"}),
        [A, B],
        [
            (2, "unknown_role", "messages[0].role"),
            (2, "empty", "messages[0].content"),
            (2, "missing", "messages[1].content"),
        ],
    ),
    Case(
        "messages that are text",
        "a.jsonl",
        lines(A, {"messages": "Hi"}, {"messages": None}, {"x": 1}, B),
        [A, B],
        [(2, "not_a_list", "messages"), (3, "missing", "messages"), (4, "missing", "messages")],
    ),
    Case(
        "tools that are none",
        "a.jsonl",
        lines(WEATHER, said("q", "a", tools="many"), said("q", "a", tools=[{"x": 1}])),
        [WEATHER],
        [(2, "bad_tools", "tools"), (3, "bad_tools", "tools")],
    ),
    Case(
        "a function_call that is no JSON",
        "a.jsonl",
        lines(
            sharegpt(("human", "q"), ("gpt", "a")),
            sharegpt(("human", "q"), ("function_call", "weather()"), ("observation", "r"), ("gpt", "a")),
        ),
        [said("q", "a")],
        [(2, "bad_tool_call", "conversations[1].value")],
    ),
    Case(
        "Alpaca rows at fault",
        "a.jsonl",
        lines(
            {"instruction": "a", "input": "", "output": "b", "history": []},
            {"instruction": "", "input": "", "output": "b"},
            {"instruction": "a", "output": None},
            {"instruction": "a", "output": "b", "input": ["x"]},
            {"instruction": "a", "output": "b", "history": [["only a question"]]},
            {"instruction": "a", "output": "b", "history": "before"},
            {"instruction": "a", "output": "b", "history": [["q", ""]]},
        ),
        [said("a", "b")],
        [
            (2, "empty", "instruction"),
            (3, "missing", "output"),
            (4, "wrong_type", "input"),
            (5, "bad_history", "history[0]"),
            (6, "bad_history", "history[0]"),
            (7, "empty", "history[0][1]"),
        ],
    ),
    Case(
        "texts at fault",
        "a.jsonl",
        lines({"text": "good"}, {"text": ""}, {"text": {"x": 5}}, {"text": ["a"]}, {}, '{"text": "a\\udfff"}'),
        [{"text": "good"}],
        [
            (2, "empty", "text"),
            (3, "wrong_type", "text"),
            (4, "wrong_type", "text"),
            (5, "missing", "text"),
            (6, "broken_character", "text"),
        ],
    ),
    Case(
        "preferences at fault",
        "a.jsonl",
        lines(
            PREFERRED,
            {**PREFERRED, "rejected": PREFERRED["chosen"]},
            {**PREFERRED, "chosen": None},
            {**PREFERRED, "prompt": ""},
            {**PREFERRED, "chosen": [ASKED, ANSWERED]},
            {**PREFERRED, "rejected": [ANSWERED, ASKED]},
        ),
        [PREFERRED],
        [
            (2, "same_answers", "rejected"),
            (3, "missing", "chosen"),
            (4, "empty", "prompt"),
            (5, "not_one_answer", "chosen"),
            (6, "not_one_answer", "rejected"),
        ],
    ),
    Case(
        "preferences that share no prompt",
        "a.jsonl",
        lines({"chosen": "yes", "rejected": "no"}, PREFERRED),
        [PREFERRED],
        [(1, "missing", "prompt")],
    ),
    Case(
        "ratings at fault",
        "a.jsonl",
        lines(
            *({"prompt": "Red or blue?", "completion": "Blue, as the sea.", "label": True} for _ in range(20)),
            {"prompt": "q", "completion": "a", "label": "maybe"},
            {"prompt": "q", "completion": "a"},
        ),
        [RATED] * 20,
        [*((i, "duplicate", "") for i in range(2, 21)), (21, "no_verdict", "label"), (22, "no_verdict", "label")],
    ),
]
