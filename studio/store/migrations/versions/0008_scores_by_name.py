"""an answer keeps its scores as one value, by their names, in the place of a column for each"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_SCORES = ("exact_match", "contains", "rouge_l", "bleu", "chrf")


def upgrade() -> None:
    connection = op.get_bind()
    op.add_column("evaluation_answers", sa.Column("scores", sa.JSON(), nullable=False, server_default="{}"))
    names = ("evaluation_id", "place", "column", *_SCORES)
    table = sa.table("evaluation_answers", *map(sa.column, names), sa.column("scores", sa.JSON()))
    scored = sa.or_(*(table.c[name].is_not(None) for name in _SCORES))
    # Written here, and not in SQL: SQLite's own JSON has fewer digits of a number than its columns.
    write = (
        sa.update(table)
        .where(table.c.evaluation_id == sa.bindparam("of"), table.c.place == sa.bindparam("at"))
        .where(table.c.column == sa.bindparam("by"))
        .values(scores=sa.bindparam("found"))
    )
    for of in connection.scalars(sa.select(table.c.evaluation_id).distinct()).all():
        rows = connection.execute(sa.select(table).where(table.c.evaluation_id == of, scored)).mappings().all()
        for row in rows:
            found = {name: row[name] for name in _SCORES if row[name] is not None}
            connection.execute(write, {"of": of, "at": row["place"], "by": row["column"], "found": found})
    for name in _SCORES:
        op.drop_column("evaluation_answers", name)


def downgrade() -> None:
    raise NotImplementedError("A catalogue does not go back from 0008: a score may have no column there.")
