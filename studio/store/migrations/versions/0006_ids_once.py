"""an id is never given twice, and sizes may be larger than two thousand million"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TABLES = ("models", "datasets", "sweeps", "runs")
_LARGE = {
    "models": ("done", "total", "size", "parameters"), "datasets": ("rows", "size", "done", "total"),
    "runs": ("offset", "attempt_offset", "stage_done", "stage_total"), "adapters": ("size", "dataset_rows"),
    "metrics": ("seq", "memory"), "samples": ("seq",),
}  # fmt: skip


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # whose integers have 64 bits, and which gives the highest id again
        for name in _TABLES:
            with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
                pass
        return
    for table, columns in _LARGE.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.BigInteger())


def downgrade() -> None:
    raise NotImplementedError("A catalogue does not go back from 0006: the ids that were given would be given again.")
