"""A small file system of its own, on machines where one may be mounted: as root, or else in a user namespace."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MOUNT = ("mount", "-t", "tmpfs")


def may_mount() -> list[str] | None:
    """What a command that uses `small_disk` begins with; None where nothing can be mounted. What such a command mounts
    is gone when it ends, in whatever way."""
    with tempfile.TemporaryDirectory() as folder:
        for alone in (["unshare", "-m"], ["unshare", "-rm"]):
            try:
                tried = subprocess.run([*alone, *_MOUNT, "none", folder], capture_output=True, check=False)
            except FileNotFoundError:  # no such program: this is not Linux
                return None
            if tried.returncode == 0:
                return alone
    return None


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """`size` is as tmpfs takes it. Raises CalledProcessError where it cannot be mounted."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*_MOUNT, "-o", f"size={size}", "none", folder], capture_output=True, check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(ballast: Path) -> None:
    """Lets the file grow until its disk has no byte left."""
    try:
        with ballast.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
    except OSError:
        pass
