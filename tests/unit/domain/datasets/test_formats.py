"""Formats told from columns, and the maps that people make where they do not tell."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.columns import header_key
from studio.domain.datasets.formats import PARTS, Format, Layout, read_layout, trained_part
from studio.domain.datasets.recognition import UnclearFormat, guess, recognise
from studio.domain.errors import InvalidInput

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}


@pytest.mark.parametrize(
    ("row", "format"),
    [
        (HELLO, Format.CHAT),
        ({"conversations": []}, Format.SHAREGPT),
        ({"instruction": "", "input": "", "output": ""}, Format.ALPACA),
        ({"instruction": "", "context": "", "response": "", "category": ""}, Format.ALPACA),
        ({"instruction": "", "output": "", "text": ""}, Format.ALPACA),
        ({"prompt": "", "completion": ""}, Format.PROMPT_COMPLETION),
        ({"prompt": "", "response": ""}, Format.PROMPT_COMPLETION),
        ({"Question": "", " Answer ": ""}, Format.PROMPT_COMPLETION),
        ({"input": "", "output": ""}, Format.PROMPT_COMPLETION),
        ({"prompt": "", "prompt_id": "", "messages": []}, Format.CHAT),
        ({"text": "", "language": "en"}, Format.TEXT),
    ],
)
def test_a_format_is_told_from_the_columns(row: dict[str, Any], format: Format) -> None:
    assert recognise([row]).format is format


def test_columns_of_all_first_rows_count() -> None:
    layout = recognise([{"prompt": "a"}, {"completion": "b", "prompt": "c"}])
    assert layout.columns == {"prompt": "prompt", "completion": "completion"}


def test_unknown_columns_are_named_with_a_guess_of_what_they_are() -> None:
    with pytest.raises(UnclearFormat) as caught:
        recognise([{"foo": "short", "bar": "a longer text", "id": 7}])
    assert "foo, bar, id" in caught.value.problem
    assert caught.value.remedy
    assert caught.value.columns == ["foo", "bar", "id"]
    assert caught.value.guess == Layout(Format.PROMPT_COMPLETION, {"prompt": "foo", "completion": "bar"})


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"talk": HELLO["messages"]}, Layout(Format.CHAT, {"messages": "talk"})),
        ({"talk": [{"from": "human", "value": "Hi"}]}, Layout(Format.SHAREGPT, {"messages": "talk"})),
        ({"id": 1, "poem": "so it is"}, Layout(Format.TEXT, {"text": "poem"})),
        ({"id": 1, "score": 2.5, "blank": " "}, None),
    ],
)
def test_what_columns_hold_tells_what_they_may_be(row: dict[str, Any], expected: Layout | None) -> None:
    assert guess([row]) == expected


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [], "chosen": {}, "rejected": {}},
        {"prompt": "", "chosen": "", "rejected": ""},
        {"prompt": "", "Chosen": "", "Rejected": ""},
        {"chosen": [], "rejected": [], "messages": []},
    ],
)
def test_preference_pairs_go_before_every_other_format(row: dict[str, Any]) -> None:
    assert recognise([row]).format is Format.PREFERENCE


@pytest.mark.parametrize("label", [True, False, "true", "False"])
@pytest.mark.parametrize("row", [HELLO, {"prompt": "a", "completion": "b"}, {"conversations": []}])
def test_rated_answers_are_told_from_what_their_label_says(row: dict[str, Any], label: object) -> None:
    assert recognise([row, {**row, "label": label}]).format is Format.UNPAIRED


def test_a_label_that_is_no_verdict_does_no_harm() -> None:
    assert recognise([{"prompt": "a", "completion": "b", "label": "weather"}]).format is Format.PROMPT_COMPLETION


# column maps


@pytest.mark.parametrize("format", Format)
def test_a_column_map_may_name_every_part_and_must_name_the_needed_ones(format: Format) -> None:
    whole = {part: part.upper() for part in PARTS[format].all}
    layout = read_layout({"format": format.value, "columns": {**whole, "nonsense": "X"}}, list(whole.values()))
    assert layout == Layout(format, whole)
    with pytest.raises(InvalidInput) as caught:
        read_layout({"format": format.value, "columns": dict.fromkeys(whole, "")})
    needed = {*PARTS[format].needed, *(PARTS[format].either[-1] if PARTS[format].either else ())}
    assert set(caught.value.fields) == needed


def test_a_column_map_with_an_unknown_format_or_column_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no format “songs”"):
        read_layout({"format": "songs", "columns": {}})
    with pytest.raises(InvalidInput) as caught:
        read_layout({"format": "text", "columns": {"text": "poem"}}, ["song"])
    assert "song" in str(caught.value.fields["text"])


def test_the_key_of_a_header_does_not_know_the_order_of_its_columns() -> None:
    assert header_key(["a", "b"]) == header_key(["b", "a"])
    assert len({header_key(columns) for columns in (["a", "b"], ["ab"], ["a"], [])}) == 4


def test_what_is_trained_on_is_said_of_pairs_and_rated_answers_alone():
    assert "only the chosen answer" in trained_part(Format.PREFERENCE)
    assert trained_part(Format.UNPAIRED)
    assert trained_part(Format.CHAT) == trained_part("messages") == trained_part(None) == ""
