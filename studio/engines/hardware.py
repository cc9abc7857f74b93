"""The GPUs of this machine, as far as that is known without torch."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import lru_cache

import psutil

PATIENCE = 5.0  # seconds that nvidia-smi may take; it wakes sleeping GPUs
FRESH = 10.0  # seconds for which its answer is good

_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")


@dataclass(frozen=True)
class Gpu:
    """`memory` and `free` are bytes."""

    name: str
    memory: int
    free: int


def gpus() -> tuple[Gpu, ...]:
    """Those that a run can be put on, in the order of their numbers."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        memory = psutil.virtual_memory()
        return (Gpu("Apple GPU", memory.total, memory.available),)
    if shutil.which(_QUERY[0]) is None:
        return ()
    return _ask_nvidia(int(time.monotonic() / FRESH))


@lru_cache(maxsize=1)
def _ask_nvidia(moment: int) -> tuple[Gpu, ...]:
    try:
        said = subprocess.run(_QUERY, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return read_gpus(said)


def read_gpus(said: str) -> tuple[Gpu, ...]:
    """The GPUs from nvidia-smi's lines of name, MiB in all, MiB free."""
    gpus = []
    for line in said.splitlines():
        name, *sizes = (part.strip() for part in line.rsplit(",", 2))
        if len(sizes) == 2 and all(size.isdigit() for size in sizes):
            gpus.append(Gpu(name, int(sizes[0]) << 20, int(sizes[1]) << 20))
    return tuple(gpus)
