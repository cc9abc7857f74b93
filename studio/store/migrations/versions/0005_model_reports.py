"""a base model keeps what a check of it found"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("models", sa.Column("report", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("models", "report")
