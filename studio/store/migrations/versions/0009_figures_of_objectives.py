"""a step and an evaluation keep what their objective measures beside the loss"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("metrics", sa.Column("figures", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("metrics", "figures")
