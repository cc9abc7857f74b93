"""What has to be asked before anything is trained on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.domain.datasets.formats import Format, Layout, read_layout
from studio.domain.datasets.recognition import UnclearFormat, recognise
from studio.domain.datasets.rows import check_first_rows, read_row


def unclear(*rows: dict[str, Any]) -> UnclearFormat:
    with pytest.raises(UnclearFormat) as caught:
        recognise(rows)
    return caught.value


@pytest.mark.parametrize("label", ["pos", 1, True])
@pytest.mark.parametrize("column", ["text", "input", "sentence"])
def test_a_text_with_a_label_is_proposed_as_prompt_and_completion(column: str, label: object) -> None:
    rows = [{column: f"great film {i}", "label": label} for i in range(3)]
    guess = unclear(*rows).guess
    assert guess == Layout(Format.PROMPT_COMPLETION, {"prompt": column, "completion": "label"})
    row, problems = read_row(guess, rows[0], 1)
    assert not problems
    assert row is not None
    assert [turn["content"] for turn in row["messages"]] == [
        "great film 0",
        str(label) if label == "pos" else json.dumps(label),
    ]


def test_a_text_that_is_a_transcript_is_proposed_as_a_conversation() -> None:
    rows = [{"text": "### Human: Hi### Assistant: Ho"}, {"text": "### Human: So?### Assistant: So.### Human: Ah."}]
    error = unclear(*rows)
    assert error.guess == Layout(Format.CHAT, {"messages": "text"})
    assert read_row(error.guess, rows[0], 1)[0] == {
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    }


def test_turns_inside_of_an_object_are_proposed() -> None:
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    row = {"custom_id": "1", "body": {"model": "x", "messages": turns}}
    guess = unclear(row).guess
    assert guess == Layout(Format.CHAT, {"messages": "body.messages"})
    assert read_layout(guess.as_dict(), list(row)) == guess
    assert read_row(guess, row, 1) == ({"messages": turns}, [])


def test_a_column_whose_own_name_has_a_dot_goes_before_a_path() -> None:
    row = {"a.b": "own", "a": {"b": "inner"}, "completion": "c"}
    layout = read_layout({"format": "prompt-completion", "columns": {"prompt": "a.b", "completion": "completion"}})
    made, _ = read_row(layout, row, 1)
    assert made is not None
    assert made["messages"][0]["content"] == "own"


def test_a_conversation_in_words_is_no_list_of_turns() -> None:
    error = unclear({"dialogue": "Ann: Hi. Bob: Ho.", "summary": "They meet."})
    assert error.guess == Layout(Format.PROMPT_COMPLETION, {"prompt": "dialogue", "completion": "summary"})


def test_a_format_that_none_of_the_first_rows_fits_is_asked_for() -> None:
    rows = [{"prompt": {"a": i}, "completion": "b"} for i in range(3)]
    with pytest.raises(UnclearFormat) as caught:
        check_first_rows(recognise(rows), rows)
    assert "“prompt” must be text" in caught.value.problem
    check_first_rows(recognise(rows), [*rows, {"prompt": "a", "completion": "b"}])
    check_first_rows(recognise(rows), [{"prompt": "", "completion": "b"}])


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"text": "a long text", "summary": "s"}, {"prompt": "text", "completion": "summary"}),
        ({"text": "a", "target": "b"}, {"prompt": "text", "completion": "target"}),
        (
            {"premise": "p", "hypothesis": "h", "label": 1},
            {"prompt": "premise", "input": "hypothesis", "completion": "label"},
        ),
        (
            {"context": [{"role": "user", "content": "a"}], "response1": "b"},
            {"prompt": "context", "completion": "response1"},
        ),
        ({"texts": [{"user": "a", "assistant": "b"}], "id": 3}, {"messages": "texts"}),
    ],
)
def test_what_may_be_meant_uses_what_the_columns_hold(row: dict[str, object], columns: dict[str, str]) -> None:
    guess = unclear(row).guess
    assert guess is not None and guess.columns == columns
    assert read_row(guess, row, 1)[1] == []


def test_what_is_offered_leaves_out_a_column_that_none_of_the_rows_can_be_read_with() -> None:
    row = {"question": "a", "answer": "b", "context": {"title": ["t"], "sentences": [["s"]]}}
    layout = recognise([row])
    assert layout.columns["input"] == "context"
    with pytest.raises(UnclearFormat) as caught:
        check_first_rows(layout, [row])
    assert caught.value.guess is not None and "input" not in caught.value.guess.columns
    assert read_row(caught.value.guess, row, 1)[1] == []


@pytest.mark.parametrize("labels", [(True, None, "maybe"), (1, -1), ("good", "off topic", "bad")])
def test_labels_of_which_only_some_are_ratings_are_asked_about(labels: tuple[object, ...]) -> None:
    rows = [{"prompt": "p", "completion": "c", "label": label} for label in labels]
    guess = unclear(*rows).guess
    assert guess is not None
    assert guess.format is Format.UNPAIRED


def test_a_transcript_beside_a_system_message_is_proposed_as_a_conversation() -> None:
    row = {"system": "Be kind.", "chat": "USER: Hi\n\nASSISTANT: Ho"}
    guess = unclear(row).guess
    assert guess == Layout(Format.CHAT, {"messages": "chat", "system": "system"})
    made, _ = read_row(guess, row, 1)
    assert made is not None
    assert [turn["role"] for turn in made["messages"]] == ["system", "user", "assistant"]
