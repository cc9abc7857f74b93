"""One studio for each home: the lock, and who holds it."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock, Timeout

SECONDS_FOR_LOCK = 3.0  # another `studio` command holds it for a moment


class HomeLock:
    """The operating system frees the lock when its holder dies, so it cannot go stale.

    The holder's words ("http://…, process 123") stand in `studio.holder` beside it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = FileLock(home / "studio.lock")
        self._holder = home / "studio.holder"

    def acquire(self, words: str = "", seconds: float = 0.0) -> bool:
        """Whether this process is the home's now, or becomes so within that time. `words` say what it is."""
        try:
            self._lock.acquire(timeout=seconds)
        except Timeout:
            return False
        self._holder.write_text(", ".join(filter(None, (words, f"process {os.getpid()}"))), "utf-8")
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
