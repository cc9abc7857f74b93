"""A process that has taken a home, and looks after nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLDER = """
import sys, time
from pathlib import Path
from studio.store.lock import HomeLock
lock = HomeLock(Path(sys.argv[1]))
assert lock.acquire("a server")
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def holding(home: Path) -> Iterator[subprocess.Popen[str]]:
    """It holds the home from the beginning of the block on, until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
