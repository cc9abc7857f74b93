"""What a reader yields: rows, and problems in place of those that cannot be read."""

from __future__ import annotations

from typing import Any

from studio.domain.datasets.problem import Problem

Item = tuple[int, Any] | Problem
"""A row with the number of its line (of its row, where a file has no lines), or why it cannot be read."""


def unread_rest(line: int) -> Problem:
    """The rest of the file from this place on."""
    return Problem(line, "", "unread")
