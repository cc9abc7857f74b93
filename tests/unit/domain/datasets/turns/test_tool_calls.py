"""Tools and their calls, in the spellings that datasets have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.domain.datasets.recognition import recognise
from studio.domain.datasets.rows import read_row
from studio.domain.datasets.turns.tool_calls import WrongTools, read_call, read_calls, read_tools
from tests.support.tool_conversations import WEATHER

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
CALL = WEATHER["messages"][1]["tool_calls"][0]
TOOL = WEATHER["tools"][0]


@pytest.mark.parametrize(
    "value",
    [
        CALL,
        CALL["function"],
        {"name": "weather", "parameters": {"city": "Brest"}},
        {"name": "weather", "arguments": '{"city": "Brest"}'},
        '{"name": "weather", "arguments": {"city": "Brest"}}',
    ],
)
def test_a_tool_call_is_read_in_every_spelling(value: Any) -> None:
    assert read_call(value) == CALL


def test_a_call_keeps_its_id_and_may_have_no_arguments() -> None:
    assert read_call({"id": "c1", "function": {"name": "now"}}) == {
        "type": "function", "id": "c1", "function": {"name": "now", "arguments": {}},
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [None, 3, "f(x)", [], {}, {"name": ""}, {"name": 3}, {"name": "f", "arguments": "x"},
     {"name": "f", "arguments": [1]}, {"name": "f", "arguments": {"x": "\ud83d"}}],
)  # fmt: skip
def test_what_is_no_tool_call_is_refused_with_its_place(value: Any) -> None:
    with pytest.raises(WrongTools) as caught:
        read_calls([CALL, value])
    assert caught.value.place == "[1]"


@pytest.mark.parametrize("value", [[TOOL], [TOOL["function"]], TOOL, json.dumps([TOOL]), json.dumps(TOOL["function"])])
def test_tools_are_read_in_every_spelling(value: Any) -> None:
    assert read_tools(value) == [TOOL]


@pytest.mark.parametrize("value", ["many", 3, [3], [{}], [{"function": {}}], [{"name": 3}], "[", [{"name": "\ud83d"}]])
def test_what_are_no_tools_is_refused(value: Any) -> None:
    with pytest.raises(WrongTools):
        read_tools(value)
    row = {**HELLO, "tools": value}
    made, problems = read_row(recognise([row]), row, 1)
    assert made is None
    assert [(problem.code, problem.field) for problem in problems] == [("bad_tools", "tools")]


@pytest.mark.parametrize("nothing", [None, [], "", "[]"])
def test_a_conversation_may_have_no_tools(nothing: Any) -> None:
    row = {**HELLO, "tools": nothing}
    assert read_row(recognise([row]), row, 1) == (HELLO, [])
