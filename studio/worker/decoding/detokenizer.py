"""Incremental detokenisation: no half characters, and nothing of a stop sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_INCOMPLETE = "\ufffd"  # what a decoder writes for bytes that do not make a character yet


class IncrementalDetokenizer:
    """Decodes one token after another. All pieces and `rest()` together are the decoded whole."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._context = 0  # decoding starts here: a token's text can depend on the one before
        self._read_offset = 0  # the text of the ids before this is given
        self._length = 0  # of all given text

    def add(self, token: int) -> str:
        """The text that is certain now; empty while a character is incomplete."""
        self._ids.append(token)
        before = self._decode(self._ids[self._context : self._read_offset])
        now = self._decode(self._ids[self._context :])
        if len(now) <= len(before) or now.endswith(_INCOMPLETE):
            return ""
        self._context, self._read_offset = self._read_offset, len(self._ids)
        self._length += len(now) - len(before)
        return now[len(before) :]

    def rest(self) -> str:
        """What was held back: bytes that never became a character show as �."""
        text = self._decode(self._ids)[self._length :]
        self._length += len(text)
        return text

    def _decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class StopStrings:
    """Ends a text before the first of some sequences, also where it comes in pieces."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [s for s in stops if s]
        self._buffer = ""

    def add(self, piece: str) -> tuple[str, bool]:
        """What may be shown, and whether a stop sequence was met: then nothing may follow."""
        text = self._buffer + piece
        starts = [i for s in self._stops if (i := text.find(s)) >= 0]
        if starts:
            self._buffer = ""
            return text[: min(starts)], True
        keep = max((_overlap(text, s) for s in self._stops), default=0)
        safe_text = text[: len(text) - keep]
        self._buffer = text[len(safe_text) :]
        return safe_text, False

    def rest(self) -> str:
        """What was held back because a stop sequence could have begun there."""
        text, self._buffer = self._buffer, ""
        return text


def before_stop(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of some sequences."""
    matcher = StopStrings(stops)
    head, stopped = matcher.add(text)
    return head if stopped else head + matcher.rest()


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that `stop` begins with."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
