"""What a word of a search is looked for in."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sqlalchemy import ColumnElement, String, cast, or_
from sqlalchemy.orm import InstrumentedAttribute


def matches(
    word: str, fields: Iterable[InstrumentedAttribute[str]], texts: InstrumentedAttribute[list[str]]
) -> ColumnElement[bool]:
    """The word stands in one of the `fields`, or in one of the `texts`, a list that is stored as JSON."""
    as_stored = json.dumps(word)[1:-1]
    in_texts = cast(texts, String).icontains(as_stored, autoescape=True)
    return or_(*(field.icontains(word, autoescape=True) for field in fields), in_texts)
