"""The memory that this process may use: a control group may allow less than the machine has."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil

_GROUPS, _OWN, _MACHINE = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"), Path("/proc/vmstat")


class _Files(NamedTuple):
    """What a version of control groups calls its files, and in `stat` the bytes that the kernel gives back."""

    limit: str
    usage_file: str
    events: str
    cache_counters: tuple[str, str]


_V1 = _Files(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", ("total_inactive_file", "total_active_file")
)
_V2 = _Files("memory.max", "memory.current", "memory.events", ("inactive_file", "active_file"))


@dataclass(frozen=True)
class MemoryGroup:
    """One control group."""

    folder: Path
    files: _Files

    def limit(self) -> int | None:
        """Bytes; None where it sets none."""
        return _number(self.folder / self.files.limit)

    def usage(self) -> int:
        """Bytes, without files of which the kernel keeps a copy."""
        counters = _counters(self.folder / "memory.stat")
        usage = _number(self.folder / self.files.usage_file) or 0
        return max(0, usage - sum(counters.get(name, 0) for name in self.files.cache_counters))

    @property
    def events(self) -> Path:
        return self.folder / self.files.events


def memory_groups(own: Path = _OWN, root: Path = _GROUPS) -> list[MemoryGroup]:
    """Those that this process is in, the innermost first; none on a system that knows no such thing."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    groups = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        top, files = (root / "memory", _V1) if controllers else (root, _V2)
        inner = PurePosixPath(path.lstrip("/"))
        # A container may see its own group as the top one, while the path is told as from outside.
        folders = [top / part for part in dict.fromkeys((inner, *inner.parents))]
        groups += [MemoryGroup(folder, files) for folder in folders if (folder / files.usage_file).exists()]
    return groups


@lru_cache(maxsize=1)
def _own_groups() -> tuple[MemoryGroup, ...]:
    return tuple(memory_groups())


def host_memory() -> tuple[int, int]:
    """Bytes in all and bytes free, within every control group that this process is in."""
    machine = psutil.virtual_memory()
    return within(_own_groups(), machine.total, machine.available)


def within(groups: Sequence[MemoryGroup], total: int, free: int) -> tuple[int, int]:
    """Of so many bytes in all and free, those that the groups allow."""
    for group in groups:
        limit = group.limit()
        if limit is not None and limit < total:
            total, free = limit, min(free, max(0, limit - group.usage()))
    return total, free


def count_kills(groups: Sequence[MemoryGroup] | None = None, machine: Path = _MACHINE) -> dict[str, int]:
    """How many processes the kernel has ended for want of memory so far, by the file that says so: of the innermost
    control group, and of the whole machine."""
    groups = _own_groups() if groups is None else groups
    files = [*(group.events for group in groups[:1]), machine]
    counts = {str(file): _counters(file).get("oom_kill") for file in files}
    return {file: count for file, count in counts.items() if count is not None}


def killed_since(before: Mapping[str, int], machine: Path = _MACHINE) -> bool | None:
    """Whether the kernel ended a process of that control group since; None where it does not say. Of the whole machine
    it is only known that it ended none."""
    now = {file: _counters(Path(file)).get("oom_kill") for file in before}
    for file, count in before.items():
        kills = now[file]
        if kills is not None and file != str(machine):
            return kills > count
    return False if now.get(str(machine)) == before.get(str(machine), -1) else None


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # it is not there, or "max"
        return None


def _counters(file: Path) -> dict[str, int]:
    """Lines of a name and a number."""
    try:
        pairs = [line.split() for line in file.read_text().splitlines()]
    except OSError:
        return {}
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def give_back() -> None:
    """Hands what this process has freed to the system. glibc keeps it by itself, 100 MB and more after a busy hour;
    where there is another C library nothing is done. Takes a few milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def gigabytes(size: int) -> str:
    """Of bytes, for people."""
    return f"{size / 1e9:.1f} GB"
