"""What all tables of the catalogue share. Times are seconds since the epoch, sizes bytes, paths absolute."""

from __future__ import annotations

import logging
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import JSON, BigInteger, Dialect, Integer
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

logger = logging.getLogger(__name__)

Large = Annotated[int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"))]
"""May be beyond 2^31; an integer of SQLite may be in any case."""
NEVER_TWICE: dict[str, Any] = {"sqlite_autoincrement": True}
"""An id is never given twice: folders, votes and evaluations know a row by it."""


class Typed(TypeDecorator[Any]):
    """JSON that is a pydantic model; what was never set is not written. Of what cannot be read any more only the field
    is passed over: one row must not hide all others."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: type[BaseModel]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        whole = value if isinstance(value, BaseModel) else self.kind.model_validate(value or {})
        return whole.model_dump(mode="json", exclude_unset=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        try:
            return self.kind.model_validate(value or {})
        except ValidationError as error:
            unreadable = {part["loc"][0] for part in error.errors() if part["loc"]}
            logger.warning("Passed over in a record of the catalogue: %s", error)
            return self.kind.model_validate({k: v for k, v in dict(value).items() if k not in unreadable})


class Table(DeclarativeBase):
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[Any]: JSON}

    def as_dict(self) -> dict[str, Any]:
        """As JSON can keep it."""
        values = {column.key: getattr(self, column.key) for column in self.__table__.columns}
        return {
            key: value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value
            for key, value in values.items()
        }
