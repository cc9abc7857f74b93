"""Rows that are too long are made to fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.domain.datasets.row_parts import trained_content
from studio.worker.ingest.trim import Trimmer
from studio.worker.tokenization.encoder import Encoder
from studio.worker.tokenization.load import load_chat_tokenizer
from tests.support.tool_conversations import WEATHER

LENGTH = 80


@pytest.fixture(scope="module")
def trimmer(starter: Path) -> Trimmer:
    return Trimmer(str(starter), "auto", LENGTH)


@pytest.fixture(scope="module")
def tokenizer(starter: Path) -> Any:
    return load_chat_tokenizer(starter, "auto")


def length(row: Any, tokenizer: Any) -> int:
    content = trained_content(row)
    assert content is not None
    return len(Encoder(tokenizer, answers_only=True).encode([content])[0])  # type: ignore[arg-type]


def turns(*contents: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[i % 2], "content": c} for i, c in enumerate(contents)]


def test_a_conversation_loses_exchanges_from_its_end_until_it_fits(trimmer: Trimmer, tokenizer: Any) -> None:
    exchanges = [f"Question {i}? Answer at length, please." for i in range(20)]
    row = {"messages": turns(*exchanges), "label": "long"}
    (trimmed,) = trimmer.trim([row])
    assert trimmed is not None and trimmed["label"] == "long"
    kept = len(trimmed["messages"])
    assert trimmed["messages"] == row["messages"][:kept] and kept % 2 == 0
    assert length(trimmed, tokenizer) <= LENGTH < length({"messages": row["messages"][: kept + 2]}, tokenizer)


def test_what_fits_is_left_as_it_is(trimmer: Trimmer) -> None:
    rows = [{"messages": turns("Why?", "So.")}, {"messages": turns("Who?", "Me.", "And?", "You.")}]
    assert trimmer.trim(rows) == rows


def test_where_not_even_the_first_answer_fits_nothing_is_left(trimmer: Trimmer) -> None:
    assert trimmer.trim([{"messages": turns("Why?", "So it is. " * 60)}, {"messages": turns("A?", "B.")}])[0] is None


def test_a_call_stays_with_what_the_tool_says_and_the_answer_to_it(trimmer: Trimmer) -> None:
    exchange = WEATHER["messages"]
    row = WEATHER | {"messages": [*turns("Hello?", "Hello."), *exchange, *exchange]}
    (trimmed,) = trimmer.trim([row])
    assert trimmed is not None and trimmed["tools"] == WEATHER["tools"]
    assert [turn["role"] for turn in trimmed["messages"]] in (
        ["user", "assistant"],
        ["user", "assistant", "user", "assistant", "tool", "assistant"],
    )


@pytest.mark.parametrize(
    "text",
    ["Once upon a time there was a ship. " * 20, "西へ西へ行く" * 40, "🧭👩‍🚀é" * 40, "x" * 2000, "\n\n  a" * 200],
)
def test_a_text_is_cut_at_the_end_of_a_token_and_loses_no_more_than_it_must(
    trimmer: Trimmer, tokenizer: Any, text: str
) -> None:
    (trimmed,) = trimmer.trim([{"text": text}])
    assert trimmed is not None and text.startswith(trimmed["text"])
    assert LENGTH - 4 <= length(trimmed, tokenizer) <= LENGTH


def test_a_preference_is_whole_or_not_at_all(trimmer: Trimmer) -> None:
    short, long = turns("", "Aye.")[1:], turns("", "Aye, aye. " * 60)[1:]
    rows = [
        {"prompt": turns("Well?"), "chosen": chosen, "rejected": rejected}
        for chosen, rejected in ((short, turns("", "Nay.")[1:]), (long, short), (short, long))
    ]
    assert trimmer.trim(rows) == [rows[0], None, None]


def test_a_bad_answer_counts_with_its_length_too(trimmer: Trimmer) -> None:
    rows = [
        {"prompt": turns("Well?"), "completion": turns("", "Aye. " * n)[1:], "label": False} for n in (1, 200)
    ]  # fmt: skip
    assert trimmer.trim(rows) == [rows[0], None]


def test_no_row_is_no_work(trimmer: Trimmer) -> None:
    assert trimmer.trim([]) == []
