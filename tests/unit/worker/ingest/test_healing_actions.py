"""Cleaning that changes rows instead of leaving them out: in their places, counted, and asked by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.domain.errors import InvalidInput
from tests.support.dataset_zoo.making import A, B, chat, lines, said
from tests.support.in_process_intake import take_in
from tests.unit.worker.ingest.test_refused_rows import cleaned

NO_END = chat(("user", "Hi"), ("assistant", "Ho"), ("user", "And now?"))
TWICE = chat(("user", "One"), ("user", "Two"), ("assistant", "Three"))
BOTH = chat(("user", "One"), ("user", "Two"), ("assistant", "Three"), ("user", "Four"))
MAIL = said("Where?", "Ask joe@b.com, or ann@b.com.")
TOKEN = said("What is the token?", "hf_" + "aB3" * 10)
GARBLED = said("Qui?", "lâ€™humanitÃ©")


def contents(rows: list[dict[str, Any]]) -> list[list[str]]:
    return [[turn["content"] for turn in row["messages"]] for row in rows]


def test_refused_rows_are_healed_into_their_places(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(A, NO_END, B, "{", TWICE), "b.jsonl": lines(BOTH, B)})
    assert taken.details.healable == {"cut_to_answer": 2, "join_turns": 2}

    cut = cleaned(tmp_path / "cut", taken, cut_to_answer=True)
    assert cut.lines == [(1, 0), (2, 0), (3, 0), (2, 1)]
    assert contents(cut.rows)[1] == ["Hi", "Ho"]
    assert (cut.details.bad_rows, cut.details.changed["cut_to_answer"]) == (3, 1)
    assert cut.details.healable == {"join_turns": 2, "cut_to_answer": 1}

    both = cleaned(tmp_path / "both", taken, cut_to_answer=True, join_turns=True, skip_bad_rows=True)
    assert both.lines == [(1, 0), (2, 0), (3, 0), (5, 0), (1, 1), (2, 1)]
    assert contents(both.rows)[3:5] == [["One\n\nTwo", "Three"]] * 2
    assert both.details.changed == {
        "cut_to_answer": 2, "join_turns": 2, "repair_text": 0, "redact_secrets": 0, "redact_emails": 0, "trim": 0,
    }  # fmt: skip
    assert (both.details.left_out["skip"], both.details.bad_rows, both.details.healable) == (1, 0, {})
    assert [p.code for p, _ in both.problems] == ["duplicate", "duplicate"]


def test_texts_are_mended_also_in_rows_that_were_just_healed(tmp_path: Path) -> None:
    mail_without_end = {"messages": [*MAIL["messages"], {"role": "user", "content": "Thanks"}]}
    taken = take_in(tmp_path, {"a.jsonl": lines(A, MAIL, TOKEN, GARBLED, mail_without_end)})
    assert taken.details.problems == {"email": 1, "secret": 1, "mojibake": 1, "no_answer": 1}
    new = cleaned(
        tmp_path / "new", taken, cut_to_answer=True, repair_text=True, redact_secrets=True, redact_emails=True
    )
    assert [turns[1] for turns in contents(new.rows)] == [
        A["messages"][1]["content"], "Ask [EMAIL], or [EMAIL].", "[SECRET]", "l’humanité", "Ask [EMAIL], or [EMAIL].",
    ]  # fmt: skip
    assert new.details.changed == {
        "cut_to_answer": 1, "join_turns": 0, "repair_text": 1, "redact_secrets": 1, "redact_emails": 2, "trim": 0,
    }  # fmt: skip
    assert new.details.left_out == {"skip": 0, "drop": 0, "trim": 0}
    assert [p.code for p, _ in new.problems] == ["duplicate"]


def test_what_tools_are_given_and_what_was_thought_is_scanned_and_mended_too(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "mail", "arguments": {"to": "joe@b.com"}}}
    turns = [
        {"role": "user", "content": "Write."}, {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "Sent."}, {"role": "assistant", "content": "Done."},
    ]  # fmt: skip
    taken = take_in(tmp_path, {"a.jsonl": lines(A, {"messages": turns})})
    assert taken.places == [(2, "email", "messages[1].tool_calls")]
    new = cleaned(tmp_path / "new", taken, redact_emails=True)
    assert new.rows[1]["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"to": "[EMAIL]"}
    assert new.problems == []


def test_a_version_without_rows_is_not_made(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(NO_END, "{")})
    with pytest.raises(InvalidInput, match="Nothing would be left"):
        cleaned(tmp_path / "skipped", taken, skip_bad_rows=True)
    assert not list((tmp_path / "skipped").glob("*.arrow"))
    healed = cleaned(tmp_path / "healed", taken, cut_to_answer=True)
    assert (len(healed.rows), healed.details.bad_rows) == (1, 1)
