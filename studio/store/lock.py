"""One studio for each home: the lock, and who holds it."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout


class HomeLock:
    """The operating system frees the lock when its holder dies, so it cannot go stale.

    The holder's words ("pid 123 at http://…") stand in `studio.holder` beside it.
    """

    def __init__(self, home: Path) -> None:
        self._lock = FileLock(home / "studio.lock")
        self._holder = home / "studio.holder"

    def acquire(self, words: str = "") -> bool:
        """Whether this process is the home's now."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        self._holder.write_text(words or f"process {os.getpid()}", "utf-8")
        return True

    @property
    def is_mine(self) -> bool:
        return self._lock.is_locked

    def holder(self) -> str:
        try:
            return self._holder.read_text("utf-8").strip()
        except OSError:
            return ""

    def release(self) -> None:
        if self._lock.is_locked:
            self._holder.unlink(missing_ok=True)
            self._lock.release()
