"""Encodes rows into token ids with a mask of what is trained on. Needs a tokenizer, but no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from studio.domain.chat.spans import Span, TargetTurn, masked_spans, spans_of
from studio.domain.datasets.row_parts import Row
from studio.domain.errors import StudioError
from studio.worker.tokenization.chat_template import turn_end
from studio.worker.tokenization.load import renderer

IGNORED = -100  # the label of a token that is not learned


@dataclass(frozen=True)
class Encoded:
    """A whole row, however long.

    `text` is what the model sees and `spans` what is learned of it, in characters. For each token there are its id in
    `ids`, [start, end) of its characters in the text in `offsets`, and in `is_target` whether it is learned. `turns`
    are those of the assistant in a conversation, and those that are masked.
    """

    text: str
    spans: Sequence[Span]
    ids: np.ndarray  # [tokens] int32
    offsets: np.ndarray  # [tokens, 2] int64
    is_target: np.ndarray  # [tokens] bool
    turns: Sequence[TargetTurn] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def example(self, max_length: int) -> tuple[np.ndarray, np.ndarray]:
        """Token ids and labels of the first `max_length` tokens: what is longer is cut at the end."""
        ids = self.ids[:max_length]
        return ids, np.where(self.is_target[:max_length], ids, np.int32(IGNORED))


@dataclass(frozen=True)
class _Rendered:
    """`adds_end`: the tokenizer's end token is learned behind the text."""

    text: str
    spans: list[Span]
    turns: list[TargetTurn]
    adds_end: bool


class Encoder:
    """`answers_only`: of a conversation only the assistant's words are learned."""

    def __init__(self, tokenizer: Any, *, answers_only: bool) -> None:
        self._tokenizer = tokenizer
        self._answers_only = answers_only
        self._render = renderer(tokenizer)
        self._adds_end = bool(tokenizer.chat_template) and turn_end(tokenizer).adds_end_token

    def encode(self, rows: Sequence[Row]) -> list[Encoded | StudioError]:
        """What each row (as row_parts.trained_content gives it) becomes; an error where the chat template refuses it.

        Raises TemplateExceeds: it takes too much time, memory or room.
        """
        if rows and "text" in rows[0]:
            return list(self._texts([row["text"] for row in rows]))
        renderings = [
            result if isinstance(result, StudioError) else self._finish(row, *result)
            for row, result in zip(rows, self._render.turns(rows, answers_only=self._answers_only), strict=True)
        ]
        whole = [result for result in renderings if not isinstance(result, StudioError)]
        # The template has written all special tokens that there are to be.
        tokens = iter(self._tokens([result.text for result in whole], add_special_tokens=False))
        return [
            result if isinstance(result, StudioError) else self._tokenize(result, *next(tokens))
            for result in renderings
        ]

    def _finish(self, row: Row, text: str, turns: list[TargetTurn]) -> _Rendered:
        spans = spans_of(text, turns, answers_only=self._answers_only)
        last = turns[-1] if turns else None
        is_learned = last is not None and bool(last.span) and not last.is_masked
        adds_end = self._adds_end and is_learned and turns[-1].index + 1 == len(row["messages"])
        if adds_end:  # blanks that would stand before it are of the turn that does not follow
            text = text[: spans[-1][1]].rstrip()
            spans[-1] = (spans[-1][0], len(text))
        return _Rendered(text, spans, turns, adds_end)

    def _tokenize(self, rendering: _Rendered, ids: list[int], offsets: list[Span]) -> Encoded:
        if rendering.adds_end:
            ids, offsets = [*ids, self._tokenizer.eos_token_id], [*offsets, (len(rendering.text), len(rendering.text))]
        encoded_row = _encode_row(rendering.text, rendering.spans, ids, offsets, rendering.turns)
        if rendering.adds_end:
            encoded_row.is_target[-1] = True
        return encoded_row

    def _texts(self, texts: Sequence[str]) -> list[Encoded]:
        """All tokens are learned, the end token behind them too."""
        end = self._tokenizer.eos_token_id
        encoded_rows = []
        for text, (ids, offsets) in zip(texts, self._tokens(texts), strict=True):
            if end is not None and ids[-1:] != [end]:
                ids, offsets = [*ids, end], [*offsets, (len(text), len(text))]
            encoded_rows.append(_encode_row(text, None, ids, offsets))
        return encoded_rows

    def _tokens(self, texts: Sequence[str], **options: Any) -> list[tuple[list[int], list[Span]]]:
        if not texts:
            return []
        encoding = self._tokenizer(
            list(texts), return_offsets_mapping=True, return_attention_mask=False, verbose=False, **options
        )
        return list(zip(encoding["input_ids"], encoding["offset_mapping"], strict=True))


def token_is_in(offsets: np.ndarray, spans: Sequence[Span]) -> np.ndarray:
    """Which tokens have a character in one of the spans. offsets: [tokens, 2], start and end of each in the text.

    A token that only reaches into a span counts: else an answer's first word could be lost to a blank before it.
    """
    starts, ends = offsets.T
    inside = np.zeros(len(starts), dtype=bool)
    for start, end in spans:
        inside |= (starts < end) & (ends > start)
    return inside


def _encode_row(
    text: str,
    spans: Sequence[Span] | None,
    ids: Sequence[int],
    offsets: Sequence[Span],
    turns: Sequence[TargetTurn] = (),
) -> Encoded:
    """`spans` None: every token is learned, those without a character in the text too."""
    places = np.fromiter(chain.from_iterable(offsets), np.int64, 2 * len(ids)).reshape(-1, 2)
    is_target = np.ones(len(ids), dtype=bool) if spans is None else token_is_in(places, spans)
    is_target &= ~token_is_in(places, masked_spans(turns))
    is_target[:1] = False  # nothing stands before the first token that could predict it
    return Encoded(
        text, [(0, len(text))] if spans is None else spans, np.array(ids, np.int32), places, is_target, turns
    )
