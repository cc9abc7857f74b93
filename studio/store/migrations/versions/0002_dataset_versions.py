"""datasets have versions, made by a worker; column maps are remembered"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _new() -> list[sa.Column[Any]]:
    return [
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("steps", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("status", sa.String(), nullable=False, server_default="ready"),
        sa.Column("stage", sa.String(), nullable=False, server_default=""),
        sa.Column("done", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("total", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("problem", sa.String(), nullable=False, server_default=""),
        sa.Column("remedy", sa.String(), nullable=False, server_default=""),
        sa.Column("folder", sa.String(), nullable=False, server_default=""),
        sa.Column("pid", sa.Integer(), nullable=True),
        sa.Column("process_started", sa.Double(), nullable=True),
    ]


def _version() -> sa.Column[Any]:
    return sa.Column("dataset_version", sa.Integer(), nullable=False, server_default="1")


# The constraint of the first tables had no name: PostgreSQL gave it one, for SQLite Alembic does by this rule.
_NAMING = {"uq": "%(table_name)s_%(column_0_name)s_key"}


def upgrade() -> None:
    with op.batch_alter_table("datasets", naming_convention=_NAMING) as datasets:
        for column in _new():
            datasets.add_column(column)
        datasets.drop_constraint("datasets_name_key", type_="unique")
        datasets.create_unique_constraint("uq_datasets_name_version", ["name", "version"])
    op.add_column("runs", _version())
    op.add_column("adapters", _version())
    op.create_table(
        "column_maps",
        sa.Column("header", sa.String(), nullable=False),
        sa.Column("layout", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("header"),
    )


def downgrade() -> None:
    """Earlier versions of a dataset are lost: only the newest keeps the name."""
    op.drop_table("column_maps")
    op.drop_column("adapters", "dataset_version")
    op.drop_column("runs", "dataset_version")
    op.execute(
        "DELETE FROM datasets WHERE version < "
        "(SELECT max(version) FROM datasets AS other WHERE other.name = datasets.name)"
    )
    with op.batch_alter_table("datasets") as datasets:
        datasets.drop_constraint("uq_datasets_name_version", type_="unique")
        datasets.create_unique_constraint("datasets_name_key", ["name"])
        for column in _new():
            datasets.drop_column(column.name)
