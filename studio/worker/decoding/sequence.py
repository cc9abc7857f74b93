"""One answer while it is generated: a row of a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import StudioError
from studio.worker.decoding.detokenizer import IncrementalDetokenizer, StopStrings
from studio.worker.decoding.sampler import RowSampler

AdapterSet = tuple[tuple[str, float], ...]
"""The adapters that act on a row, with their strengths; empty for the base."""


@dataclass(frozen=True)
class Token:
    """`text` is what became certain with it: nothing in the middle of a character. `log_probability` is the model's
    own: before any penalty, temperature and top-p."""

    id: int
    text: str
    log_probability: float


@dataclass(frozen=True)
class Delta:
    """What is new of an answer. `finish` is "stop", "length" or "cancelled" in the last one. `tokens` are those that
    came with it."""

    text: str = ""
    finish: str = ""
    error: StudioError | None = None
    tokens: tuple[Token, ...] = ()

    def __add__(self, later: Delta) -> Delta:
        return Delta(self.text + later.text, later.finish, later.error, self.tokens + later.tokens)


@dataclass(frozen=True)
class Comparison:
    """Questions that are asked at the same time, so that their answers can be written together: how many they are."""

    id: str
    size: int


@dataclass
class Timings:
    """`tokens` are those of the answer; times are seconds since the request came."""

    asked_at: float = field(default_factory=time.perf_counter)
    began: float = 0.0  # its batch began
    first: float = 0.0
    last: float = 0.0
    tokens: int = 0
    rows: int = 1  # answers written in the same batch

    @property
    def tokens_per_second(self) -> float:
        """Of the tokens after the first one, which waits for the prompt to be read."""
        return (self.tokens - 1) / (self.last - self.first) if self.tokens > 1 and self.last > self.first else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "tokens": self.tokens,
            "waited_seconds": round(self.began, 4),
            "first_token_seconds": round(self.first, 4),
            "tokens_per_second": round(self.tokens_per_second, 2),
            "rows": self.rows,
        }


class GeneratedSequence:
    """The answer to `prompt` (token ids) by the adapters of `adapter_set`, or (where it is empty) by the base.

    `deliver` gets each Piece, in the thread that generates. Tokens in `ends` end the answer and are no part of it.
    `comparison` is what it belongs to.
    """

    def __init__(
        self,
        adapter_set: AdapterSet,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        tokenizer: Any,
        ends: frozenset[int],
        device: torch.device,
        deliver: Callable[[Delta], None],
        comparison: Comparison | None = None,
    ) -> None:
        self.adapter_set = adapter_set
        self.comparison = comparison
        self.prompt = list(prompt)
        self.max_tokens = sampling.max_tokens
        self.sampler = RowSampler(sampling, device)
        self.timings = Timings()
        self.alone_reason = ""  # why it shared no batch
        self.apart_reason = ""  # why it was kept from the batch of an answer that waited with it
        self.is_over = False
        self._ends = ends
        self._text = IncrementalDetokenizer(tokenizer)
        self._stops = StopStrings(sampling.stop)
        self._deliver = deliver
        self._is_cancelled = False

    def cancel(self) -> None:
        """Nobody listens any more: the row ends at its next token. Any thread may say so."""
        self._is_cancelled = True

    def begin(self, rows: int, alone_reason: str) -> None:
        self.alone_reason = alone_reason
        self.timings.rows = rows
        self.timings.began = self._now()
        self._deliver(Delta())

    def accept(self, token: int) -> None:
        """The next token of the row, which its sampler drew last; one that is over passes over what the batch still
        fills it with."""
        if self.is_over:
            return
        if self._is_cancelled:
            self._finish("cancelled")
            return
        if self.sampler.is_lost:
            self.fail(
                StudioError(
                    "For this text the model computes values that are not numbers (NaN), so no word can be chosen.",
                    "Choose another adapter or checkpoint, or a lower strength: this happens when weights have grown "
                    "too large.",
                )
            )
            return
        self.timings.last = self._now()
        self.timings.first = self.timings.first or self.timings.last
        if token in self._ends:
            self._finish("stop")
            return
        self.timings.tokens += 1
        text = self._text.add(token)
        new_tokens = (Token(token, text, self.sampler.log_probability),)
        text, stopped = self._stops.add(text)
        if stopped:
            self.is_over = True
            self._deliver(Delta(text, "stop", tokens=new_tokens))
        elif self.timings.tokens >= self.max_tokens:
            self._finish("length", text, new_tokens)
        else:
            self._deliver(Delta(text, tokens=new_tokens))

    def fail(self, error: StudioError) -> None:
        if not self.is_over:
            self.is_over = True
            self._deliver(Delta(error=error))

    def _finish(self, reason: str, text: str = "", new_tokens: tuple[Token, ...] = ()) -> None:
        self.is_over = True
        rest, stopped = self._stops.add(self._text.rest())
        text += rest if stopped else rest + self._stops.rest()
        self._deliver(Delta(text, "stop" if stopped else reason, tokens=new_tokens))

    def _now(self) -> float:
        return time.perf_counter() - self.timings.asked_at
