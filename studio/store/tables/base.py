"""What all tables of the catalogue share. Times are seconds since the epoch, sizes bytes, paths absolute."""

from __future__ import annotations

import logging
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import JSON, BigInteger, Dialect, Integer, event
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator

logger = logging.getLogger(__name__)

Large = Annotated[int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"))]
"""May be beyond 2^31; an integer of SQLite may be in any case."""
NEVER_TWICE: dict[str, Any] = {"sqlite_autoincrement": True}
"""An id is never given twice: folders, votes and evaluations know a row by it."""


class Typed(TypeDecorator[Any]):
    """JSON that is a pydantic model; what was never set is not written. Of what cannot be read any more only the field
    is passed over: one row must not hide all others.

    An `optional` one is None where nothing is written, or not all that it needs.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, kind: type[BaseModel], *, optional: bool = False) -> None:
        super().__init__()
        self.kind = kind
        self.optional = optional

    def read(self, value: Any) -> BaseModel | None:
        """What a value is, which may be plain data. Raises ValidationError."""
        if isinstance(value, self.kind):
            return value
        return None if self.optional and not value else self.kind.model_validate(value or {})

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return as_json(self.read(value))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        try:
            return self.read(value)
        except ValidationError as error:
            logger.warning("Passed over in a record of the catalogue: %s", error)
            unreadable = {part["loc"][0] for part in error.errors() if part["loc"]}
        try:
            return self.read({k: v for k, v in dict(value).items() if k not in unreadable})
        except ValidationError:
            return self.read({})


def as_json(value: BaseModel | None) -> dict[str, Any]:
    """What is written of a Typed value."""
    return {} if value is None else value.model_dump(mode="json", exclude_unset=True)


class Table(DeclarativeBase):
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[Any]: JSON}

    def as_dict(self) -> dict[str, Any]:
        """As JSON can keep it."""
        return {
            column.key: as_json(value) if isinstance(column.type, Typed) else value
            for column in self.__table__.columns
            for value in [getattr(self, column.key)]
        }


@event.listens_for(Table, "attribute_instrument", propagate=True)
def _read_when_set(_table: type[Table], _name: str, attribute: Any) -> None:
    """A Typed column is its type from the moment on that it is set, also from plain data."""
    columns = getattr(attribute.property, "columns", ())
    if columns and isinstance(kind := columns[0].type, Typed):
        event.listen(attribute, "set", lambda _row, value, _old, _by: kind.read(value), retval=True)
