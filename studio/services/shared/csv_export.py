"""CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # fillers of Hangul, and Braille without a dot


def harmless(cell: Any) -> Any:
    """A spreadsheet runs what begins like a formula, and some pass over blanks, line breaks and marks before it."""
    if not isinstance(cell, str) or not cell:
        return cell
    begins = next((mark for mark in cell if not _is_invisible(mark)), "")
    return f"'{cell}" if cell[0] in "\t\r\n" or begins in _FORMULA else cell


def _is_invisible(mark: str) -> bool:
    """Blanks, line breaks, controls, marks of format and of variants."""
    category = unicodedata.category(mark)
    return category[0] in "CZ" or category == "Mn" or mark in _BLANK_LETTERS


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A cell that is None is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()
