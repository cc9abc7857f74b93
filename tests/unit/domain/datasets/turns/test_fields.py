"""What turns have beside a role and words: reasoning, weights, and calls that are made at the same time."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.problem import Problem
from studio.domain.datasets.prompt_lines import prompt_of
from studio.domain.datasets.recognition import recognise
from studio.domain.datasets.row_parts import Row, texts_of
from studio.domain.datasets.rows import read_row
from tests.support.in_process_intake import check_words

ASKED = {"role": "user", "content": "2+2?"}
ANSWERED = {"role": "assistant", "content": "4"}
THOUGHT = {**ANSWERED, "reasoning_content": "two and two"}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def read(row: dict[str, Any]) -> tuple[Row | None, list[Problem]]:
    made, problems = read_row(recognise([row]), row, 7)
    check_words(problems)
    return made, problems


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    made, problems = read({"messages": list(messages)})
    assert not problems
    assert made is not None
    return list(made["messages"])


def faults(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.code, problem.field) for problem in read(row)[1]]


# reasoning


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning_content": "two and two"},
        {"reasoning": "two and two"},
        {"thinking": "two and two"},
        {"reasoning_content": None, "reasoning": " ", "thinking": "two and two"},
        {"reasoning": {"text": "two and two"}},
        {"thinking": [{"type": "thinking", "thinking": "two and two"}]},
        {"content": [{"type": "thinking", "thinking": "two and two", "signature": "x"}, {"type": "text", "text": "4"}]},
        {"content": [{"type": "reasoning", "text": "two and two"}, {"type": "text", "text": "4"}]},
    ],
)
def test_reasoning_is_kept_however_it_is_spelt(fields: dict[str, Any]) -> None:
    assert turns(ASKED, ANSWERED | fields) == [ASKED, THOUGHT]


@pytest.mark.parametrize("value", [None, "", " \n", [], {}, 3, True, [{"type": "image"}]])
def test_what_is_no_text_is_no_reasoning(value: Any) -> None:
    assert turns(ASKED, {**ANSWERED, "thinking": value}) == [ASKED, ANSWERED]


def test_several_thoughts_stand_apart() -> None:
    parts = [{"type": "thinking", "thinking": words} for words in ("one", "two")]
    assert turns(ASKED, {**ANSWERED, "reasoning": parts})[1]["reasoning_content"] == "one\n\ntwo"


def test_reasoning_that_the_answer_has_in_its_own_words_is_not_repeated() -> None:
    answer = {"role": "assistant", "content": "<think>\ntwo and two\n</think>\n\n4"}
    assert turns(ASKED, {**answer, "reasoning_content": "two and two"}) == [ASKED, answer]


def test_others_than_the_assistant_have_no_reasoning() -> None:
    assert turns({**ASKED, "reasoning_content": "why?"}, ANSWERED) == [ASKED, ANSWERED]


def test_reasoning_alone_is_no_answer() -> None:
    assert faults({"messages": [ASKED, {**THOUGHT, "content": ""}]}) == [("empty", "messages[1].content")]


def test_half_a_character_in_reasoning_is_a_problem() -> None:
    row = {"messages": [ASKED, {**ANSWERED, "reasoning": "\ud83d"}]}
    assert faults(row) == [("broken_character", "messages[1].reasoning")]


def test_reasoning_is_among_the_texts_of_a_row() -> None:
    assert ("messages[1].reasoning_content", "two and two") in texts_of({"messages": [ASKED, THOUGHT]})


# weights

MASKED = {**ANSWERED, "weight": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": 0}, {"weight": 0.0}, {"weight": "0"}, {"loss_weight": 0}, {"loss_scale": 0}, {"train": False},
        {"loss": False}, {"train": "false"}, {"loss": "No"}, {"weight": False}, {"train": 0},
        {"weight": 1, "train": False},
    ],
)  # fmt: skip
def test_a_turn_that_is_not_to_be_learned_is_marked_with_the_weight_0(fields: dict[str, Any]) -> None:
    assert turns(ASKED, ANSWERED | fields, ASKED, ANSWERED) == [ASKED, MASKED, ASKED, ANSWERED]


@pytest.mark.parametrize(
    "fields",
    [
        {"weight": 1},
        {"weight": 1.0},
        {"weight": "1"},
        {"train": True},
        {"loss": "true"},
        {"weight": None},
        {"weight": float("nan")},
    ],
)
def test_a_turn_that_is_to_be_learned_is_as_one_without_a_mark(fields: dict[str, Any]) -> None:
    assert turns(ASKED, ANSWERED | fields) == [ASKED, ANSWERED]


@pytest.mark.parametrize(("value", "found"), [(0.5, "0.5"), (2, "2"), ("0.3", "0.3")])
def test_a_turn_with_another_weight_is_learned_with_a_warning(value: Any, found: str) -> None:
    made, problems = read({"messages": [ASKED, {**ANSWERED, "weight": value}]})
    assert made == {"messages": [ASKED, ANSWERED]}
    assert [(p.code, p.field, p.values, p.kind.level) for p in problems] == [
        ("weight_in_part", "messages[1].weight", {"found": found}, "warning")
    ]


@pytest.mark.parametrize("value", ["much", [], {"x": 1}, -1, float("inf"), "1e999", 10**400])
def test_what_is_no_weight_is_a_problem(value: Any) -> None:
    assert faults({"messages": [ASKED, {**ANSWERED, "weight": value}]}) == [("bad_weight", "messages[1].weight")]


def test_the_weight_of_a_question_is_kept_where_it_is_0_and_no_other() -> None:
    asked = {**ASKED, "weight": 0}
    assert turns(asked, ANSWERED) == [asked, ANSWERED]
    assert turns({**ASKED, "weight": 0.5}, ANSWERED) == [ASKED, ANSWERED]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"messages": [ASKED, MASKED]}, "messages"),
        ({"conversations": [ASKED, MASKED, ASKED, MASKED]}, "conversations"),
        ({"prompt": "q", "completion": [MASKED]}, "completion"),
        ({"prompt": "q", "chosen": [MASKED], "rejected": "5"}, "chosen"),
        ({"prompt": "q", "chosen": "4", "rejected": [MASKED]}, "rejected"),
        ({"prompt": [ASKED, ANSWERED, ASKED], "completion": [MASKED], "label": True}, "completion"),
    ],
)
def test_a_row_without_an_answer_to_learn_is_a_problem(row: dict[str, Any], field: str) -> None:
    assert faults(row) == [("no_learned_answer", field)]


def test_an_answer_that_is_rated_bad_may_have_the_weight_0() -> None:
    made, problems = read({"messages": [ASKED, MASKED], "label": False})
    assert not problems
    assert made == {"prompt": [ASKED], "completion": [MASKED], "label": False}


# calls

RESULTS = [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]


def sharegpt(*said: tuple[str, str]) -> list[dict[str, Any]]:
    made, problems = read({"conversations": [{"from": role, "value": words} for role, words in said]})
    assert not problems
    assert made is not None
    return list(made["messages"])


def test_calls_that_follow_each_other_are_made_in_one_turn() -> None:
    calls = [("function_call", '{"name": "f", "arguments": {"x": 1}}'), ("function_call", '{"name": "g"}')]
    made = sharegpt(("human", "2+2?"), *calls, ("observation", "1"), ("observation", "2"), ("gpt", "4"))
    called = {"role": "assistant", "content": "", "tool_calls": [call("f", x=1), call("g")]}
    assert made == [ASKED, called, *RESULTS, ANSWERED]


def test_several_calls_may_stand_in_one_turn_as_a_list() -> None:
    calls = '[{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {}}]'
    made = sharegpt(("human", "2+2?"), ("function_call", calls), ("observation", "1"), ("gpt", "4"))
    assert made[1]["tool_calls"] == [call("f", x=1), call("g")]


def test_a_call_behind_words_is_of_the_same_turn() -> None:
    made = sharegpt(
        ("human", "2+2?"), ("gpt", "Let me see."), ("function_call", '{"name": "f"}'), ("tool", "1"), ("gpt", "4")
    )
    assert made[1] == {"role": "assistant", "content": "Let me see.", "tool_calls": [call("f")]}


def test_words_behind_a_call_are_another_turn_which_no_template_takes() -> None:
    said = [("human", "q"), ("function_call", '{"name": "f"}'), ("gpt", "4")]
    row = {"conversations": [{"from": role, "value": words} for role, words in said]}
    assert faults(row) == [("same_role", "conversations")]


def test_a_call_that_is_learned_is_not_joined_with_words_that_are_not() -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [call("f")]}
    assert faults({"messages": [ASKED, MASKED, called, *RESULTS, ANSWERED]}) == [("same_role", "messages")]


def test_calls_of_the_old_api_are_calls_of_tools() -> None:
    row = {
        "messages": [
            ASKED,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            {"role": "function", "name": "f", "content": "3"},
            ANSWERED,
        ],
        "functions": [{"name": "f", "description": "x", "parameters": {"type": "object", "properties": {}}}],
    }
    made, problems = read(row)
    assert not problems
    assert made == {
        "messages": [
            ASKED,
            {"role": "assistant", "content": "", "tool_calls": [call("f", a=1)]},
            {"role": "tool", "content": "3", "name": "f"},
            ANSWERED,
        ],
        "tools": [{"type": "function", "function": row["functions"][0]}],
    }


def test_calls_and_results_may_be_parts_of_the_content() -> None:
    uses = [{"type": "tool_use", "id": name, "name": name, "input": {"x": name}} for name in "fg"]
    results = [
        {"type": "tool_result", "tool_use_id": "f", "content": "1"},
        {"type": "tool_result", "tool_use_id": "g", "content": [{"type": "text", "text": "2"}]},
    ]
    thought = {"type": "thinking", "thinking": "hm"}
    schema = {"type": "object", "properties": {"x": {"type": "string"}}}
    row = {
        "messages": [
            ASKED,
            {"role": "assistant", "content": [thought, {"type": "text", "text": "See."}, *uses]},
            {"role": "user", "content": [*results, {"type": "text", "text": "So?"}]},
            {"role": "assistant", "content": uses[:1]},
            {"role": "user", "content": results[:1]},
            ANSWERED,
        ],
        "tools": [{"name": "f", "input_schema": schema}],
    }
    made, problems = read(row)
    assert not problems
    calls = [{**call(name, x=name), "id": name} for name in "fg"]
    told = [{**turn, "tool_call_id": name} for turn, name in zip(RESULTS, "fg", strict=True)]
    assert made == {
        "messages": [
            ASKED,
            {"role": "assistant", "content": "See.", "tool_calls": calls, "reasoning_content": "hm"},
            *told,
            {"role": "user", "content": "So?"},
            {"role": "assistant", "content": "", "tool_calls": calls[:1]},
            told[0],
            ANSWERED,
        ],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
    }


def test_a_part_of_the_content_that_is_no_call_is_a_problem() -> None:
    bad = {"role": "assistant", "content": [{"type": "tool_use", "input": {}}]}
    assert faults({"messages": [ASKED, bad]})[0] == ("bad_tool_call", "messages[1].tool_calls[0]")


def test_parallel_calls_keep_their_ids_and_so_do_their_results() -> None:
    calls = [{"id": name, "type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    results = [{"role": "tool", "tool_call_id": name, "content": name} for name in "ab"]
    made = turns(ASKED, {"role": "assistant", "content": "", "tool_calls": calls}, *results, ANSWERED)
    assert [each["id"] for each in made[1]["tool_calls"]] == ["a", "b"]
    assert made[2:4] == [{"role": "tool", "content": name, "tool_call_id": name} for name in "ab"]


@pytest.mark.parametrize(
    "nothing",
    [{"tool_calls": "[]"}, {"tool_calls": "null"}, {"tool_calls": [], "function_call": None},
     {"function_call": {"name": None, "arguments": None}}],
)  # fmt: skip
def test_a_turn_may_have_no_calls(nothing: dict[str, Any]) -> None:
    assert turns(ASKED, ANSWERED | nothing) == [ASKED, ANSWERED]


@pytest.mark.parametrize("words", ["[]", "null", "{}"])
def test_a_turn_of_calls_without_one_is_a_problem(words: str) -> None:
    row = {"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": words}]}
    assert faults(row)[0] == ("bad_tool_call", "conversations[1].value")


def test_the_reference_of_a_prompt_is_an_answer_that_is_learned() -> None:
    again = {"role": "user", "content": "Sure?"}
    found = prompt_of([ASKED, ANSWERED, again, {**MASKED, "content": "5"}])
    assert found is not None
    assert (found.messages, found.reference) == ([ASKED], "4")
    assert prompt_of([ASKED, MASKED]) is None
