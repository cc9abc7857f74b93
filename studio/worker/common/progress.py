"""Reports progress into the job folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from studio.domain.events import Progress
from studio.store.job_folder import JobFolder

Report = Callable[[str, int, int], None]  # stage, done, total (bytes; 0 where unknown)


class Reporter:
    """Writes progress into the folder, at most every `interval` seconds in one stage."""

    def __init__(self, folder: JobFolder, interval: float = 0.5) -> None:
        self._folder = folder
        self._interval = interval
        self._stage = ""
        self._next = 0.0
        self._lock = threading.Lock()  # files are downloaded by several threads

    def __call__(self, stage: str, done: int = 0, total: int = 0) -> None:
        with self._lock:
            now = time.monotonic()
            if stage != self._stage or now >= self._next:
                self._stage, self._next = stage, now + self._interval
                self._folder.append(Progress(stage=stage, done=done, total=total))
