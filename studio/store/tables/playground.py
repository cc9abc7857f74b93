"""Conversations, comparisons and the votes on them.

Ids are never given twice: an old page must not change what came after the thing that it shows.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from studio.store.tables.base import NEVER_TWICE, Table


class Conversation(Table):
    """A chat as the page keeps it: `content` is the page's own JSON."""

    __tablename__ = "conversations"
    __table_args__ = NEVER_TWICE
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    content: Mapped[dict[str, Any]]
    turns: Mapped[int] = mapped_column(default=0)  # of its longest column
    owner: Mapped[str] = mapped_column(default="")
    created_at: Mapped[float]
    changed_at: Mapped[float]


class Comparison(Table):
    """Answers to one prompt side by side, once all were there. `contenders` says of each place who stood there (see
    services.contenders), `states` what it answered. `key` is equal for the same prompt and the same contenders."""

    __tablename__ = "comparisons"
    __table_args__ = (
        UniqueConstraint("evaluation_id", "place", name="uq_comparisons_evaluation_id_place"),
        NEVER_TWICE,
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(index=True)
    prompt: Mapped[str]
    system: Mapped[str] = mapped_column(default="")
    sampling: Mapped[dict[str, Any]]
    contenders: Mapped[list[Any]]
    states: Mapped[list[Any]]
    evaluation_id: Mapped[int | None] = mapped_column(ForeignKey("evaluations.id", ondelete="SET NULL"))
    place: Mapped[int | None]  # of the prompt in the evaluation
    owner: Mapped[str] = mapped_column(default="")
    at: Mapped[float]


class Vote(Table):
    """What a person found best: `choice` is best (the answer at `place`), tie or bad. `blind`: without the names."""

    __tablename__ = "votes"
    id: Mapped[int] = mapped_column(primary_key=True)
    comparison_id: Mapped[int] = mapped_column(ForeignKey("comparisons.id", ondelete="CASCADE"), index=True)
    choice: Mapped[str]
    place: Mapped[int | None]
    blind: Mapped[bool]
    owner: Mapped[str] = mapped_column(default="")
    at: Mapped[float]


Index("conversations_newest", Conversation.changed_at.desc())
