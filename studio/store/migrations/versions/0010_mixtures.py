"""runs and adapters name the datasets beside their first one"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    for table in ("runs", "adapters"):
        op.add_column(table, sa.Column("mixture", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    for table in ("runs", "adapters"):
        op.drop_column(table, "mixture")
