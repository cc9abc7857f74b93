"""a worker is known by a handle that its engine alone reads, in the place of a pid and a start time"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TABLES = ("models", "datasets", "runs")


def upgrade() -> None:
    connection = op.get_bind()
    for name in _TABLES:
        op.add_column(name, sa.Column("worker", sa.String(), nullable=False, server_default=""))
        table = sa.table(name, *map(sa.column, ("id", "pid", "process_started", "worker")))
        for id, pid, started in connection.execute(
            sa.select(table.c.id, table.c.pid, table.c.process_started).where(table.c.pid > 0)
        ).all():
            worker = f"{pid}@{float(started or 0.0)!r}"
            connection.execute(sa.update(table).where(table.c.id == id).values(worker=worker))
        op.drop_column(name, "pid")
        op.drop_column(name, "process_started")


def downgrade() -> None:
    raise NotImplementedError("A catalogue does not go back from 0007: a handle may be no process of this machine.")
