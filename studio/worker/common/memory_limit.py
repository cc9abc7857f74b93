"""A limit of memory while a library reads what a stranger has written."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DATA = re.compile(rb"VmData:\s+(\d+) kB")


@contextmanager
def memory_limit(size: int) -> Iterator[None]:
    """Whoever takes about `size` bytes more than the process has now gets a MemoryError instead. On Linux only; other
    systems have no such limit, or do not keep it."""
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    match = _DATA.search(Path("/proc/self/status").read_bytes())
    limit = int(match[1]) * 1024 + size if match else hard
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
