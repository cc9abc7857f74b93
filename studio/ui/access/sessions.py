"""Signed-in sessions: random tokens, in memory only."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

LIFETIME = 14 * 86400  # seconds
MAX_SESSIONS = 1000


class Sessions:
    """Only digests are kept, so that neither a copy of the memory nor the time of a look-up gives a token away."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    def begin(self) -> str:
        token = secrets.token_urlsafe(32)
        self._ends[_digest(token)] = self._now() + LIFETIME
        if len(self._ends) > MAX_SESSIONS:
            self._ends.popitem(last=False)
        return token

    def holds(self, token: str) -> bool:
        """Whether it is that of a session that has not ended."""
        key = _digest(token)
        ends = self._ends.get(key)
        if ends is None or ends <= self._now():
            self._ends.pop(key, None)
            return False
        self._ends.move_to_end(key)
        return True

    def end(self, token: str) -> None:
        self._ends.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
