"""Rows made into conversations, or found wanting."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.problem import Problem
from studio.domain.datasets.recognition import recognise
from studio.domain.datasets.row_parts import Row, texts_of, trained_content
from studio.domain.datasets.rows import read_row
from tests.support.dataset_zoo.making import chat
from tests.support.in_process_intake import check_words
from tests.support.tool_conversations import WEATHER

HELLO = chat(("user", "Hi"), ("assistant", "Hello."))


def read(row: dict[str, Any]) -> Row:
    made, problems = read_row(recognise([row]), row, 7)
    assert not problems
    assert made is not None
    return made


def problems_of(row: Any, like: dict[str, Any] = HELLO) -> list[tuple[str, str]]:
    """Code and field of each problem, after a look at the words of each."""
    made, problems = read_row(recognise([like]), row, 7, 1)
    assert made is None
    assert all((problem.line, problem.file) == (7, 1) for problem in problems)
    check_words(problems)
    return [(p.code, p.field) for p in problems]


# good rows


def test_chat_messages_stay_as_they_are() -> None:
    row = chat(
        ("system", "Be kind."), ("user", " Hi "), ("assistant", "Hello.\n"), ("user", "好"), ("assistant", "再见")
    )
    assert read(row) == row


@pytest.mark.parametrize(
    ("spelling", "role"),
    [
        *((s, "user") for s in ("user", "human", "Human", " USER ")),
        *((s, "system") for s in ("system", "developer")),
        *((s, "assistant") for s in ("assistant", "gpt", "chatgpt", "model", "bing", "bard", "GPT", "bot", "claude")),
        *((s, "tool") for s in ("tool", "function", "observation", "ipython")),
    ],
)
def test_every_spelling_of_a_role_is_understood(spelling: str, role: str) -> None:
    turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    turns[:0] = [{"from": spelling, "value": "x"}] if role == "system" else []
    turns += [{"from": spelling, "value": "x"}, {"from": "gpt", "value": "a"}] if role in ("user", "tool") else []
    turns += [{"from": "human", "value": "q"}, {"from": spelling, "value": "x"}] if role == "assistant" else []
    assert {"role": role, "content": "x"} in read({"conversations": turns})["messages"]


def test_sharegpt_takes_its_system_message_from_the_column_of_that_name() -> None:
    row = {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}], "system": "Be brief."}
    assert read(row) == chat(("system", "Be brief."), ("user", "Hi"), ("assistant", "Ho"))


def test_a_system_message_of_the_conversation_goes_before_the_column() -> None:
    row = {**chat(("system", "one"), ("user", "Hi"), ("assistant", "Ho")), "system": "two"}
    assert read(row)["messages"][0]["content"] == "one"


def test_conversations_may_spell_role_and_content() -> None:
    assert read({"conversations": HELLO["messages"]}) == HELLO


def test_an_alpaca_row_becomes_a_question_and_an_answer() -> None:
    row = {"instruction": "Add.", "input": "1 + 1", "output": "2"}
    assert read(row) == chat(("user", "Add.\n\n1 + 1"), ("assistant", "2"))


@pytest.mark.parametrize("nothing", [{}, {"input": ""}, {"input": None}, {"input": "  "}])
def test_an_alpaca_row_needs_no_input(nothing: dict[str, Any]) -> None:
    row = {"instruction": "Sing.", "output": "La", **nothing}
    assert read(row) == chat(("user", "Sing."), ("assistant", "La"))


def test_an_alpaca_row_may_have_its_question_in_the_input() -> None:
    row = {"instruction": "", "input": "Who?", "output": "Me."}
    assert read(row) == chat(("user", "Who?"), ("assistant", "Me."))


def test_alpaca_history_and_system_come_before_the_question() -> None:
    row = {"instruction": "c", "output": "d", "history": [["a", "b"]], "system": "s"}
    assert read(row) == chat(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))


@pytest.mark.parametrize("nothing", [None, [], ""])
def test_alpaca_history_may_be_empty(nothing: object) -> None:
    row = {"instruction": "c", "output": "d", "history": nothing}
    assert read(row) == chat(("user", "c"), ("assistant", "d"))


@pytest.mark.parametrize("columns", [("prompt", "completion"), ("prompt", "response"), ("question", "answer")])
def test_prompt_and_completion_become_a_conversation(columns: tuple[str, str]) -> None:
    row = dict(zip(columns, (" q", " a"), strict=True))
    assert read(row) == chat(("user", " q"), ("assistant", " a"))


def test_prompt_and_completion_may_be_lists_of_turns() -> None:
    turns = chat(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))["messages"]
    assert read({"prompt": turns[:4], "completion": turns[4:]}) == {"messages": turns}
    assert read({"prompt": turns[:4], "completion": "d"}) == {"messages": turns}


def test_content_in_parts_of_text_is_joined() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    row = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "Ho"}]}
    assert read(row)["messages"][0]["content"] == "Hello"


def test_plain_text_stays_as_it_is() -> None:
    assert read({"text": " once\n\nupon "}) == {"text": " once\n\nupon "}


def test_several_tools_may_answer_in_a_row_and_the_assistant_may_begin() -> None:
    row = chat(("assistant", "Ahoy"), ("user", "a"), ("tool", "1"), ("tool", "2"), ("assistant", "b"))
    assert read(row) == row


def test_an_empty_system_message_is_one() -> None:
    row = chat(("system", ""), ("user", "a"), ("assistant", "b"))
    assert read(row) == row


# bad rows


@pytest.mark.parametrize("row", [None, 3, "text", [1], True])
def test_a_row_that_is_no_object_is_a_problem(row: object) -> None:
    assert problems_of(row) == [("not_an_object", "")]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (None, [("missing", "messages")]),
        ("Hi", [("not_a_list", "messages")]),
        ("[", [("not_a_list", "messages")]),
        ({"role": "user"}, [("not_a_list", "messages")]),
        ([], [("no_turns", "messages")]),
        (["Hi"], [("not_a_turn", "messages[0]")]),
        ([{"role": "user"}], [("missing", "messages[0].content")]),
        ([{"content": "a"}], [("missing", "messages[0].role")]),
        ([{"role": "user", "content": {"x": 3}}], [("wrong_type", "messages[0].content")]),
        ([{"role": 3, "content": "a"}], [("wrong_type", "messages[0].role")]),
        ([{"role": "user", "content": " \n"}], [("empty", "messages[0].content")]),
        ([{"role": "pirate", "content": "a"}], [("unknown_role", "messages[0].role")]),
        ([{"role": "\ud800", "content": "a"}], [("broken_character", "messages[0].role")]),
        ([{"role": "user", "content": "\ud800"}], [("broken_character", "messages[0].content")]),
        ([{"role": "user", "content": [{"type": "image_url"}]}], [("media", "messages[0].content")]),
        ([{"role": "user", "content": []}], [("empty", "messages[0].content")]),
        ([{"role": "assistant", "tool_calls": [{}]}], [("bad_tool_call", "messages[0].tool_calls[0]")]),
        ([{"role": "assistant", "content": None, "tool_calls": "f"}], [("bad_tool_call", "messages[0].tool_calls")]),
        ([{"from": "function_call", "value": "f(x)"}], [("bad_tool_call", "messages[0].value")]),
    ],
)  # fmt: skip
def test_each_fault_of_a_turn_is_named_with_its_place(messages: Any, expected: list[tuple[str, str]]) -> None:
    assert problems_of({"messages": messages}) == expected


@pytest.mark.parametrize(
    ("roles", "codes"),
    [
        ("user", ["no_answer"]),
        ("system", ["no_answer"]),
        ("user assistant user", ["no_answer"]),
        ("user assistant tool", ["no_answer"]),
        ("user user assistant", ["same_role"]),
        ("user assistant assistant", ["same_role"]),
        ("user user", ["same_role", "no_answer"]),
        ("user system assistant", ["late_system"]),
        ("system system user assistant", ["late_system"]),
    ],
)
def test_turns_in_an_order_that_no_chat_template_takes_are_a_problem(roles: str, codes: list[str]) -> None:
    assert [code for code, _ in problems_of(chat(*((role, "x") for role in roles.split())))] == codes


def test_all_faults_of_a_row_are_found_at_once() -> None:
    row = {"messages": [{"role": "pirate", "content": ""}, {"from": "gpt"}]}
    assert problems_of(row) == [
        ("unknown_role", "messages[0].role"),
        ("empty", "messages[0].content"),
        ("missing", "messages[1].content"),
    ]


ALPACA = {"instruction": "a", "input": "", "output": "b", "history": None, "system": None}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"instruction": ""}, [("empty", "instruction")]),
        ({"instruction": None}, [("missing", "instruction")]),
        ({"output": " "}, [("empty", "output")]),
        ({"output": {"x": 4}}, [("wrong_type", "output")]),
        ({"input": ["x"]}, [("wrong_type", "input")]),
        ({"system": {"x": 1}}, [("wrong_type", "system")]),
        ({"history": "before"}, [("bad_history", "history[0]")]),
        ({"history": [["only a question"]]}, [("bad_history", "history[0]")]),
        ({"history": [["q", ""]]}, [("empty", "history[0][1]")]),
        ({"instruction": None, "output": None}, [("missing", "instruction"), ("missing", "output")]),
    ],
)
def test_each_fault_of_an_alpaca_row_is_named(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert problems_of({**ALPACA, **change}, like=ALPACA) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "a"}, [("missing", "completion")]),
        ({"prompt": "", "completion": ""}, [("empty", "prompt"), ("empty", "completion")]),
        ({"prompt": "a", "completion": []}, [("no_turns", "completion")]),
        ({"prompt": "a", "completion": {"x": 1}}, [("wrong_type", "completion")]),
        ({"prompt": [{"role": "assistant", "content": "a"}], "completion": "b"}, [("same_role", "completion")]),
        (
            {"prompt": "a", "completion": {"role": "user", "content": "b"}},
            [("same_role", "completion"), ("no_answer", "completion")],
        ),
    ],
)
def test_each_fault_of_a_prompt_and_its_completion_is_named(row: Any, expected: list[tuple[str, str]]) -> None:
    assert problems_of(row, like={"prompt": "", "completion": ""}) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "missing"),
        ("", "empty"),
        ({"x": 5}, "wrong_type"),
        (["a"], "wrong_type"),
        ("a\udfff", "broken_character"),
    ],
)
def test_each_fault_of_a_text_is_named(text: object, code: str) -> None:
    assert problems_of({"text": text}, like={"text": ""}) == [(code, "text")]


def test_what_is_said_of_a_problem_has_its_values_filled_in() -> None:
    problem = Problem(3, "messages[0].role", "unknown_role", {"role": "pirate"}, 1)
    assert problem.as_dict() == {
        "line": 3,
        "field": "messages[0].role",
        "code": "unknown_role",
        "level": "error",
        "message": "“messages[0].role” is “pirate”, which is not a known role.",
        "remedy": "Use system, user, assistant or tool.",
        "file": 1,
    }


def test_long_foreign_words_are_shortened_in_a_problem() -> None:
    _, (problem,) = read_row(recognise([HELLO]), {"messages": [{"role": "x" * 500, "content": "q"}]}, 1)
    assert problem.values == {"role": "x" * 40}


# what is learned

ASKED = chat(("user", "Red or blue?"))["messages"]
BLUE, RED = chat(("assistant", "Blue."))["messages"], chat(("assistant", "Red."))["messages"]
PAIR = {"prompt": ASKED, "chosen": BLUE, "rejected": RED}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": "so it is", "label": "x"}, {"text": "so it is"}),
        ({**HELLO, "label": "x"}, HELLO),
        (WEATHER, WEATHER),
        (PAIR, {"messages": ASKED + BLUE}),
        ({**PAIR, "tools": WEATHER["tools"]}, {"messages": ASKED + BLUE, "tools": WEATHER["tools"]}),
        ({"prompt": ASKED, "completion": BLUE, "label": True}, {"messages": ASKED + BLUE}),
        ({"prompt": ASKED, "completion": RED, "label": False}, None),
    ],
)
def test_only_good_answers_are_learned(row: Row, expected: Row | None) -> None:
    assert trained_content(row) == expected


def test_the_texts_of_a_row_come_with_their_places() -> None:
    assert texts_of({"text": "a"}) == [("text", "a")]
    assert texts_of(PAIR) == [
        ("prompt[0].content", "Red or blue?"), ("chosen[0].content", "Blue."), ("rejected[0].content", "Red."),
    ]  # fmt: skip
