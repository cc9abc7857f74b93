"""The system's memory, as far as this process may use it."""

from __future__ import annotations

from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


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


def kills_so_far() -> int | None:
    """Processes of this control group that the kernel has ended for want of memory; None where it does not say."""
    try:
        lines = (_CGROUP / "memory.events").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
