"""Tables as CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_INVISIBLE = (*range(0x21), 0x7F, 0x85, 0xA0, *range(0x2000, 0x2010), 0x2028, 0x2029, 0x3000, 0xFEFF)
_PASSED_OVER = "".join(map(chr, _INVISIBLE))


def harmless(cell: Any) -> Any:
    """A spreadsheet runs what begins like a formula, and some pass over blanks, line breaks and marks before it."""
    if not isinstance(cell, str) or not cell:
        return cell
    begins = cell.lstrip(_PASSED_OVER)[:1]
    return f"'{cell}" if cell[0] in "\t\r\n" or begins in _FORMULA else cell


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A cell that is None is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return buffer.getvalue()
