"""runs have a queue's order, a history, attempts that follow each other, samples and sweeps"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# The constraint of the first tables had no name: PostgreSQL gave it one, for SQLite Alembic does by this rule.
_NAMING = {"uq": "%(table_name)s_%(column_0_name)s_key"}


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=False, server_default="")


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def _words(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default="{}")


def _of_runs() -> list[sa.Column[Any]]:
    return [
        *(_number(name) for name in ("position", "attempt", "attempt_offset", "resumes", "halvings")),
        *(_text(name) for name in ("device", "placed_on", "continue_from")),
        *(_flag(name) for name in ("held", "ignore_memory")),
        *(_words(name) for name in ("waiting", "fault")),
        _number("checkpoint_step"),
        sa.Column("best_step", sa.Integer(), nullable=True),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("ending", sa.String(), nullable=True),
    ]


def _run_id() -> list[Any]:
    return [
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
    ]


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("axes", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("runs") as runs:
        for column in _of_runs():
            runs.add_column(column)
        runs.add_column(sa.Column("sweep_id", sa.Integer(), nullable=True))
        runs.create_foreign_key("fk_runs_sweep_id", "sweeps", ["sweep_id"], ["id"], ondelete="SET NULL")
        runs.create_index("ix_runs_sweep_id", ["sweep_id"])
    op.execute("UPDATE runs SET position = id")
    op.execute("UPDATE runs SET attempt = 1 WHERE started_at IS NOT NULL")
    op.add_column("metrics", _number("seq"))
    op.create_index("metrics_newest", "metrics", ["run_id", "seq"])
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer(), nullable=False),
        *_run_id(),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_transitions_run_id", "transitions", ["run_id"])
    op.create_table(
        "samples",
        *_run_id(),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "step", "place"),
    )
    with op.batch_alter_table("adapters", naming_convention=_NAMING) as adapters:
        adapters.add_column(_number("checkpoint"))
        adapters.drop_constraint("adapters_run_id_key", type_="unique")
        adapters.create_unique_constraint("uq_adapters_run_id_checkpoint", ["run_id", "checkpoint"])


def downgrade() -> None:
    """Adapters made of checkpoints lose their run, since it had one adapter then. History, samples and sweeps go."""
    op.execute("UPDATE adapters SET run_id = NULL WHERE checkpoint > 0")
    with op.batch_alter_table("adapters") as adapters:
        adapters.drop_constraint("uq_adapters_run_id_checkpoint", type_="unique")
        adapters.create_unique_constraint("adapters_run_id_key", ["run_id"])
        adapters.drop_column("checkpoint")
    op.drop_table("samples")
    op.drop_table("transitions")
    op.drop_index("metrics_newest", "metrics")
    op.drop_column("metrics", "seq")
    with op.batch_alter_table("runs") as runs:
        runs.drop_index("ix_runs_sweep_id")
        runs.drop_constraint("fk_runs_sweep_id", type_="foreignkey")
        for name in ("sweep_id", *(column.name for column in _of_runs())):
            runs.drop_column(name)
    op.drop_table("sweeps")
