"""Rows that are put back with the ids that they had, and ids that are kept free for what only folders know of."""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from studio.store.catalogue.session import CatalogueSession
from studio.store.tables.base import Table


class RestoredRecords(CatalogueSession):
    def restore(self, record: Table) -> bool:
        """Adds the row with the id that it has; whether it could be, beside those there are."""
        try:
            with self._session() as session:
                session.add(record)
        except IntegrityError:
            return False
        id = record.as_dict()["id"]
        self.reserve_ids(type(record), id)
        self._keep_file(type(record), id)
        return True

    def ids(self, table: type[Table]) -> set[int]:
        with self._session() as session:
            return set(session.scalars(select(table.__table__.c.id)))

    def reserve_ids(self, table: type[Table], highest: int) -> None:
        """Lets new rows begin above `highest`."""
        name = table.__tablename__
        with self._session() as session:
            if self.engine.dialect.name == "postgresql":
                session.execute(
                    text(
                        f"SELECT setval('{name}_id_seq', :highest) FROM {name}_id_seq "  # noqa: S608 - a table of ours
                        "WHERE :highest > 0 AND :highest >= last_value"
                    ),
                    {"highest": highest},
                )
                return
            if highest <= (session.scalar(select(func.max(table.__table__.c.id))) or 0):
                return
            if not session.scalar(text("SELECT count(*) FROM sqlite_sequence WHERE name = :name"), {"name": name}):
                session.execute(text("INSERT INTO sqlite_sequence VALUES (:name, 0)"), {"name": name})
            session.execute(
                text("UPDATE sqlite_sequence SET seq = max(seq, :highest) WHERE name = :name"),
                {"name": name, "highest": highest},
            )
