"""What all tables of the catalogue share. Times are seconds since the epoch, sizes bytes, paths absolute."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from sqlalchemy import JSON, BigInteger, Integer
from sqlalchemy.orm import DeclarativeBase, mapped_column

Large = Annotated[int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"))]
"""May be beyond 2^31; an integer of SQLite may be in any case."""
NEVER_TWICE: dict[str, Any] = {"sqlite_autoincrement": True}
"""An id is never given twice: folders, votes and evaluations know a row by it."""


class Table(DeclarativeBase):
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[Any]: JSON}

    def as_dict(self) -> dict[str, Any]:
        return {column.key: getattr(self, column.key) for column in self.__table__.columns}
