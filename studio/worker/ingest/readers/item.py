"""What a reader yields: rows, and problems in place of those that cannot be read."""

from __future__ import annotations

import json
from typing import Any

from studio.domain.datasets.problem import Problem

MAX_KEPT = 1 << 20  # characters of a row that cannot be read, to be shown

Item = tuple[int, Any] | Problem
"""A row with the number of its line (of its row, where a file has no lines), or why it cannot be read."""


def as_json(value: Any) -> str | None:
    """The value for people to read and mend: by its words where JSON has no such value, such as a date."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)
        text.encode()
        return text
    except UnicodeEncodeError:  # half a character
        return json.dumps(value, default=str, skipkeys=True)
    except (TypeError, ValueError, RecursionError):
        return None


def unread_rest(line: int) -> Problem:
    """The rest of the file from this place on."""
    return Problem(line, "", "unread")
