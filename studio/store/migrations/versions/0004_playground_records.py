"""the playground keeps conversations, comparisons with votes, prompt sets and evaluations"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def _columns(kind: Any, *names: str, nullable: bool = False) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind(), nullable=nullable) for name in names]


def _of(table: str, name: str, ondelete: str | None, *, nullable: bool = False) -> list[Any]:
    return [
        sa.Column(name, sa.Integer(), nullable=nullable),
        sa.ForeignKeyConstraint([name], [f"{table}.id"], ondelete=ondelete),
    ]


def _id() -> list[Any]:
    return [sa.Column("id", sa.Integer(), nullable=False), sa.PrimaryKeyConstraint("id")]


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # An adapter's id stands in what was found out about it: it must not become that of another one.
        with op.batch_alter_table("adapters", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
    op.create_table(
        "conversations",
        *_id(),
        *_columns(sa.String, "name", "owner"),
        *_columns(sa.JSON, "content"),
        *_columns(sa.Integer, "turns"),
        *_columns(sa.Double, "created_at", "changed_at"),
        sqlite_autoincrement=True,
    )
    op.create_index("conversations_newest", "conversations", [sa.text("changed_at DESC")])
    op.create_table(
        "prompt_sets",
        *_id(),
        *_columns(sa.String, "name", nullable=True),
        *_columns(sa.String, "source", "owner"),
        *_columns(sa.Integer, "prompts", "references"),
        *_columns(sa.Double, "created_at"),
        sa.UniqueConstraint("name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "prompts",
        *_of("prompt_sets", "set_id", "CASCADE"),
        *_columns(sa.Integer, "place"),
        *_columns(sa.JSON, "messages"),
        *_columns(sa.String, "text", "reference"),
        sa.PrimaryKeyConstraint("set_id", "place"),
    )
    op.create_table(
        "evaluations",
        *_id(),
        *_columns(sa.String, "name", "status", "set_name", "owner"),
        *_columns(sa.String, "key", nullable=True),
        *_of("prompt_sets", "set_id", None),
        *_columns(sa.Integer, "prompts", "references"),
        *_columns(sa.JSON, "columns", "adapters", "sampling", "corpus", "fault"),
        *_columns(sa.Double, "created_at"),
        *_columns(sa.Double, "started_at", "ended_at", nullable=True),
        sa.UniqueConstraint("key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evaluations_status", "evaluations", ["status"])
    op.create_index("ix_evaluations_set_id", "evaluations", ["set_id"])
    op.create_table(
        "evaluation_answers",
        *_of("evaluations", "evaluation_id", "CASCADE"),
        *_columns(sa.Integer, "place", "column", "tokens"),
        *_columns(sa.Double, "at", "tokens_per_second", "first_token_seconds"),
        *_columns(sa.String, "text", "finish", "note"),
        *_columns(sa.JSON, "error", "label"),
        *_columns(sa.Boolean, "failed"),
        *_columns(sa.Double, "exact_match", "contains", "rouge_l", "bleu", "chrf", "loss", nullable=True),
        *_columns(sa.Integer, "loss_tokens", nullable=True),
        sa.PrimaryKeyConstraint("evaluation_id", "place", "column"),
    )
    op.create_table(
        "comparisons",
        *_id(),
        *_columns(sa.String, "key", "prompt", "system", "owner"),
        *_columns(sa.JSON, "sampling", "contenders", "states"),
        *_of("evaluations", "evaluation_id", "SET NULL", nullable=True),
        *_columns(sa.Integer, "place", nullable=True),
        *_columns(sa.Double, "at"),
        sa.UniqueConstraint("evaluation_id", "place", name="uq_comparisons_evaluation_id_place"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_comparisons_key", "comparisons", ["key"])
    op.create_table(
        "votes",
        *_id(),
        *_of("comparisons", "comparison_id", "CASCADE"),
        *_columns(sa.String, "choice", "owner"),
        *_columns(sa.Integer, "place", nullable=True),
        *_columns(sa.Boolean, "blind"),
        *_columns(sa.Double, "at"),
    )
    op.create_index("ix_votes_comparison_id", "votes", ["comparison_id"])


def downgrade() -> None:
    """All of it goes."""
    for table in ("votes", "comparisons", "evaluation_answers", "evaluations", "prompts", "prompt_sets"):
        op.drop_table(table)
    op.drop_table("conversations")
