"""Text is shown as it comes, whole characters only, and nothing of a stop sequence."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.worker.decoding.detokenizer import IncrementalDetokenizer, StopStrings


class Bytes:
    """A tokenizer of which each byte is a token, as rare characters are in real ones."""

    def decode(self, ids: Sequence[int], **_: object) -> str:
        return bytes(ids).decode("utf-8", "replace")


@given(st.text())
def test_the_pieces_are_the_text_and_no_piece_has_half_a_character(text: str):
    stream = IncrementalDetokenizer(Bytes())
    pieces = [stream.add(byte) for byte in text.encode()]
    assert "".join(pieces) + stream.rest() == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_is_shown_with_its_last_byte():
    stream = IncrementalDetokenizer(Bytes())
    assert [stream.add(b) for b in "你😀".encode()] == ["", "", "你", "", "", "", "😀"]


def test_bytes_that_never_become_a_character_are_shown_at_the_end():
    stream = IncrementalDetokenizer(Bytes())
    assert stream.add(ord("a")) == "a"
    assert stream.add(0xE4) == ""
    assert stream.rest() == "\ufffd"
    assert stream.rest() == ""


def through(stops: list[str], pieces: list[str]) -> tuple[str, bool]:
    held = StopStrings(stops)
    shown = ""
    for piece in pieces:
        text, stopped = held.add(piece)
        shown += text
        if stopped:
            return shown, True
    return shown + held.rest(), False


@pytest.mark.parametrize(
    ("pieces", "shown", "stopped"),
    [
        (["one ", "EN", "D two"], "one ", True),
        (["EN", "EN", "D"], "EN", True),
        (["one EN", "VOY"], "one ENVOY", False),
        (["abc"], "abc", False),
        (["ends with EN"], "ends with EN", False),
    ],
)
def test_a_stop_sequence_ends_the_text_also_in_pieces(pieces: list[str], shown: str, stopped: bool):
    assert through(["END"], pieces) == (shown, stopped)


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3), st.integers(1, 5))
def test_the_text_ends_where_the_first_stop_sequence_begins(text: str, stops: list[str], size: int):
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    shown, stopped = through(stops, pieces)
    assert text.startswith(shown)
    assert not any(s in shown for s in stops)
    assert stopped == any(s in text for s in stops)
    if not stopped:
        assert shown == text
