"""A part of a long list."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select

_FARTHEST = 2**62  # as many rows as no table has; a database's numbers end soon behind it


def page_of(query: Select[Any], offset: int, limit: int | None) -> Select[Any]:
    """`limit` rows from the one at `offset` on; nothing where there are fewer."""
    return query.offset(min(max(0, offset), _FARTHEST)).limit(limit)
