"""Prompt sets, evaluations and their answers.

Ids are never given twice: an old page must not change what came after the thing that it shows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from studio.store.tables.base import NEVER_TWICE, Table


class PromptSet(Table):
    """Prompts to ask again and again; they never change. One that was deleted while evaluations still need its
    prompts has no name and goes with the last of them."""

    __tablename__ = "prompt_sets"
    __table_args__ = NEVER_TWICE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(unique=True)
    source: Mapped[str] = mapped_column(default="")  # the dataset's reference; empty where a person wrote them
    prompts: Mapped[int]
    references: Mapped[int]  # how many prompts have one
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]


class Prompt(Table):
    """One of a set, at `place` from 0 on. `text` is what `messages` say, to be shown and searched; the right answer is
    `reference`, empty where there is none."""

    __tablename__ = "prompts"
    set_id: Mapped[int] = mapped_column(ForeignKey("prompt_sets.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    messages: Mapped[list[Any]]
    text: Mapped[str]
    reference: Mapped[str] = mapped_column(default="")


class Evaluation(Table):
    """A prompt set over several columns. `columns` are domain.columns.Column as JSON; `adapters` has the catalogue's id
    of each adapter in them by the name it had then. `fault` is {"problem", "remedy", "values"}: why it failed or, while
    it is open, what it waits for."""

    __tablename__ = "evaluations"
    __table_args__ = NEVER_TWICE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str | None] = mapped_column(unique=True)  # the same key submits once
    status: Mapped[str] = mapped_column(index=True)  # queued | running | stopped | failed | finished
    set_id: Mapped[int] = mapped_column(ForeignKey("prompt_sets.id"), index=True)
    set_name: Mapped[str]
    prompts: Mapped[int]
    references: Mapped[int]
    columns: Mapped[list[Any]]
    adapters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sampling: Mapped[dict[str, Any]]
    corpus: Mapped[dict[str, Any]] = mapped_column(default=dict)  # scores over all answers together, by column
    fault: Mapped[dict[str, Any]] = mapped_column(default=dict)
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]


class EvaluationAnswer(Table):
    """What the column at `column` answered to the prompt at `place`; `error` where it could not.

    `scores` are by the names of domain.metrics; what could not be computed is not among them. `loss` is of the
    reference, in nats per token, and None until it is measured; `loss_tokens` is 0 where it could not be.
    """

    __tablename__ = "evaluation_answers"
    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    column: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float]
    text: Mapped[str] = mapped_column(default="")
    error: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failed: Mapped[bool] = mapped_column(default=False)
    tokens: Mapped[int] = mapped_column(default=0)
    tokens_per_second: Mapped[float] = mapped_column(default=0.0)
    first_token_seconds: Mapped[float] = mapped_column(default=0.0)
    finish: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    label: Mapped[dict[str, Any]] = mapped_column(default=dict)
    scores: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    loss: Mapped[float | None]
    loss_tokens: Mapped[int | None]
