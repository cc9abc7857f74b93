"""A thread that writes the worker's heartbeat and watches the machine's memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from studio.platform.host_memory import host_memory
from studio.store.job_folder import JobFolder
from studio.worker.common.out_of_memory import HostMemoryShort

HEARTBEAT_SECONDS = 2.0  # seconds between two signs of life
POLL_SECONDS = 0.25  # seconds between two looks at the memory
MIN_FREE_FRACTION = 0.02  # of the memory, and no more than
MAX_SPARED_BYTES = 512 << 20
LARGE_FRACTION = 0.25  # whoever has less of the memory than this is not the one that fills it


class Watchdog:
    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._over = threading.Event()
        self._is_short = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Beats and looks until the block ends."""
        thread = threading.Thread(target=self._run, name="vitals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def check(self) -> None:
        """Raises HostMemoryShort where the machine's memory is nearly gone and this process has a large part of it."""
        if self._is_short:
            self._is_short = False
            raise HostMemoryShort

    def _run(self) -> None:
        me, beats = psutil.Process(), 0
        while not self._over.wait(POLL_SECONDS if beats else 0):
            beats += 1
            if beats % int(HEARTBEAT_SECONDS / POLL_SECONDS) == 1:
                with suppress(OSError):  # the folder is gone or the disk is: the work itself will say so
                    self._folder.beat()
            total, free = host_memory()
            if (
                free < min(MIN_FREE_FRACTION * total, MAX_SPARED_BYTES)
                and me.memory_info().rss > LARGE_FRACTION * total
            ):
                self._is_short = True
