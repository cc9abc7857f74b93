"""Prompts and states of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from studio.domain.chat.sampling import Message
from studio.domain.columns import Column
from studio.domain.errors import StudioError
from studio.services.inference.chat_client import Chunk


@dataclass(frozen=True)
class ColumnPrompt:
    """What a column is asked. One that is off is not."""

    column: Column
    messages: Sequence[Message]
    on: bool = True


@dataclass(frozen=True)
class ColumnState:
    """What a column shows. `state` is idle, waiting, streaming, done or error; `note` says why it ran alone, `rows` how
    many answers were written in the same batch.

    `pieces`, once it is done, are its tokens: [text, probability, the base's probability, the base's choice], the last
    of these only where the base's likeliest token is another one. `effect` is how far adapter and base are apart: the
    largest difference of a token's log-probability over the answer; None where it was not compared.
    """

    name: str  # of the adapters; empty for the base
    state: str = "idle"
    text: str = ""
    tokens: int = 0
    tokens_per_second: float = 0.0
    first_token_seconds: float = 0.0
    finish: str = ""  # "stop", or "length" where the answer was cut off
    note: str = ""
    rows: int = 1
    label: dict[str, Any] = field(default_factory=dict)
    pieces: list[list[Any]] = field(default_factory=list)
    effect: float | None = None
    error: StudioError | None = None

    @property
    def is_open(self) -> bool:
        return self.state in ("waiting", "streaming")

    def after(self, news: Chunk | StudioError) -> ColumnState:
        if isinstance(news, StudioError):
            return replace(self, state="error", error=news)
        return replace(
            self,
            state="done" if news.finish else "streaming",
            text=self.text + news.text,
            tokens=news.tokens,
            tokens_per_second=news.tokens_per_second,
            first_token_seconds=news.first_token_seconds,
            finish=news.finish,
            note=news.alone_reason,
            rows=news.rows,
            label=self.label | {"seed": news.seed},
        )


@dataclass(frozen=True)
class Comparison:
    """One moment of it. `status` says what is being waited for before anyone can answer; empty afterwards."""

    columns: list[ColumnState]
    status: str = ""


@dataclass(frozen=True)
class Likelihood:
    """Of a given answer with its end: tokens, and the mean negative logarithm of their probabilities."""

    tokens: int
    loss: float
