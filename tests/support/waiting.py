"""Waiting for something outside the test's own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
SLOWEST = 5  # times as long as a quiet machine of two cores may a busy one take


def wait_for(look: Callable[[], Seen], *, seconds: float, what: str) -> Seen:
    """Looks until it sees something true, and returns it. Fails with `what` when the time is over, of which `seconds`
    are ample on a quiet machine."""
    deadline = time.monotonic() + SLOWEST * seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"After {SLOWEST * seconds} s still waiting for {what}; last seen: {seen!r}")
        time.sleep(0.05)
    return seen
