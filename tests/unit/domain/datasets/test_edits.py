"""Edits of single rows: what comes of them, checked as rows of files are, with all else in the row kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.domain.datasets.edits import Edit, edited, own_layout, read_edits
from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.row_parts import Row
from studio.domain.datasets.rows import read_row
from studio.domain.errors import InvalidInput

CALL = {"type": "function", "function": {"name": "add", "arguments": {"big": 12345678901234567890123}}}
CHAT: Row = {
    "messages": [
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": "", "tool_calls": [CALL], "reasoning_content": "Count them.", "weight": 0},
        {"role": "tool", "content": "7", "name": "add", "tool_call_id": "1"},
        {"role": "assistant", "content": "Seven."},
    ],
    "tools": [{"type": "function", "function": {"name": "add"}}],
    "label": "count",
}
PREFERENCE: Row = {
    "prompt": [{"role": "user", "content": "Hi"}],
    "chosen": [{"role": "assistant", "content": "Ho"}],
    "rejected": [{"role": "assistant", "content": "Hm"}],
}
RATED: Row = {
    "prompt": [{"role": "user", "content": "Hi"}],
    "completion": [{"role": "assistant", "content": "Ho"}],
    "label": False,
}


@pytest.mark.parametrize(
    ("kind", "row"), [("chat", CHAT), ("text", {"text": "Ahoy"}), ("preference", PREFERENCE), ("unpaired", RATED)]
)
def test_the_studios_own_shapes_are_read_as_they_are(kind: str, row: Row) -> None:
    assert read_row(own_layout(kind), row, 1) == (row, [])
    assert edited(Edit(row=0), row, kind).row == row
    assert edited(Edit(row=0, raw=json.dumps(row)), row, kind).row == row


def test_a_text_is_changed_and_every_other_field_of_the_row_is_kept() -> None:
    new = edited(Edit(row=0, set={"messages[1].content": "Let me see."}), CHAT, "chat").row
    assert new is not None
    assert new["messages"][1] == CHAT["messages"][1] | {"content": "Let me see."}
    assert {**new, "messages": None} == {**CHAT, "messages": None}
    assert CHAT["messages"][1]["content"] == ""


def test_turns_are_removed_and_added_by_their_places_before() -> None:
    edit = Edit(
        row=0, set={"messages[4].role": "user", "messages[4].content": "And now?", "messages[5].role": "assistant",
                    "messages[5].content": "Eight."}, remove=["messages[1]", "messages[2]"],
    )  # fmt: skip
    new = edited(edit, CHAT, "chat").row
    assert new is not None
    assert [turn["content"] for turn in new["messages"]] == ["How many?", "Seven.", "And now?", "Eight."]


@pytest.mark.parametrize(
    ("edit", "code", "field"),
    [
        (Edit(row=0, set={"messages[3].content": " "}), "empty", "messages[3].content"),
        (Edit(row=0, set={"messages[3].role": "pirate"}), "unknown_role", "messages[3].role"),
        (Edit(row=0, remove=["messages[3]"]), "no_answer", "messages"),
        (
            Edit(row=0, set={"messages[0].content": 7.5, "messages[3].content": ["x"]}),
            "wrong_type",
            "messages[3].content",
        ),
        (Edit(row=0, raw='{"messages": [}'), "not_json", ""),
        (Edit(row=0, raw="3"), "not_an_object", ""),
        (Edit(row=0, raw='{"messages": []}'), "no_turns", "messages"),
    ],
)
def test_what_cannot_be_trained_on_is_said_with_its_field(edit: Edit, code: str, field: str) -> None:
    result = edited(edit, CHAT, "chat")
    assert result.row is None
    assert [(problem.code, problem.field) for problem in result.errors] == [(code, field)]


def test_warnings_are_said_and_do_not_refuse_the_row() -> None:
    result = edited(Edit(row=0, set={"messages[0].content": "Ask joe@b.com"}), CHAT, "chat")
    assert result.row is not None
    assert [(problem.code, problem.field) for problem in result.problems] == [("email", "messages[0].content")]
    assert result.errors == []


@pytest.mark.parametrize(
    ("path", "taken"),
    [("words", False), ("messages", False), ("messages[0].colour", False), ("messages[0]", False),
     ("prompt[0].content", False), ("messages[9]", True), ("text", True), ("messages[0].content", True)],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_refused(path: str, taken: bool) -> None:
    edit = Edit(row=0, remove=[path]) if taken else Edit(row=0, set={path: "x"})
    with pytest.raises(InvalidInput, match="no field"):
        edited(edit, CHAT, "chat")


def test_json_may_be_written_as_the_file_has_it_or_as_the_studio_has() -> None:
    layout = Layout(Format.ALPACA, {"instruction": "frage", "output": "antwort"})
    own: dict[str, Any] = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
    as_file = Edit(refused=0, raw='{"frage": "Q", "antwort": "A"}')
    assert edited(as_file, None, "chat", layout).row == own
    assert edited(Edit(refused=0, raw=json.dumps(own)), None, "chat", layout).row == own
    errors = edited(Edit(refused=0, raw='{"frage": "", "antwort": "A"}'), None, "chat", layout).errors
    assert [(problem.code, problem.field) for problem in errors] == [("empty", "frage")]


def test_a_new_row_begins_empty() -> None:
    assert edited(Edit(set={"text": "Ahoy"}), None, "text").row == {"text": "Ahoy"}
    assert [p.code for p in edited(Edit(), None, "text").errors] == ["empty"]


@pytest.mark.parametrize(
    "values",
    [[], [{"row": -1}], [{"melt": 1}], [{"row": 1, "drop": True}, {"row": 1}], [{"refused": 2}, {"refused": 2}]],
)
def test_edits_that_cannot_be_meant_are_refused(values: list[Any]) -> None:
    with pytest.raises(InvalidInput):
        read_edits(values)
    assert len(read_edits([{"row": 1}, {"refused": 1}, {"raw": "{}"}, {"raw": "{}"}])) == 4
