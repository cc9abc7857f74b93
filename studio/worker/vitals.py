"""A thread that looks after the worker itself: its sign of life, and the memory of the machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from studio.store.run_folder import RunFolder
from studio.worker.memory import HostMemoryShort

BEAT = 2.0  # seconds between two signs of life
LOOK = 0.25  # seconds between two looks at the memory
LEAST_FREE = 0.02  # of the memory, and no more than
MOST_SPARED = 512 << 20
GREEDY = 0.25  # whoever has less of the memory than this is not the one that fills it

_CGROUP = Path("/sys/fs/cgroup")


class Vitals:
    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._over = threading.Event()
        self._is_short = False

    @contextmanager
    def watched(self) -> Iterator[None]:
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
        while not self._over.wait(LOOK if beats else 0):
            beats += 1
            if beats % int(BEAT / LOOK) == 1:
                with suppress(OSError):  # the folder is gone or the disk is: the work itself will say so
                    self._folder.beat()
            total, free = host_memory()
            if free < min(LEAST_FREE * total, MOST_SPARED) and me.memory_info().rss > GREEDY * total:
                self._is_short = True


def host_memory() -> tuple[int, int]:
    """Bytes in all and bytes free; of the control group where that allows less than the machine has."""
    machine = psutil.virtual_memory()
    limit, used = _read(_CGROUP / "memory.max"), _read(_CGROUP / "memory.current")
    if limit is None or used is None or limit >= machine.total:
        return machine.total, machine.available
    cached = _cached()
    return limit, min(machine.available, limit - used + cached)


def _read(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no control group, or "max"
        return None


def _cached() -> int:
    """Bytes of files that the kernel gives back when they are needed."""
    try:
        lines = (_CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file ")))
