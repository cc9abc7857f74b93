"""A process of the test's own, killed at any of the points at which it changes files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studio.app import Studio, build
from studio.settings import read_settings

TOUCHED = ("os.rename", "os.remove", "os.rmdir", "shutil.rmtree")  # as Python's audit events call them
NO_MORE = 77  # exit code: the delete was over before it could be killed


def killed_at(home: Path, point: int, delete: Callable[[Studio], None]) -> bool:
    """Whether a process that deletes was killed when it touched a file for the `point`-th time."""
    pid = os.fork()
    if pid == 0:
        try:
            built, touched = build(read_settings({}, home=home)), [0]

            def kill(event: str, _: Any) -> None:
                if event not in TOUCHED:
                    return
                touched[0] += 1
                if touched[0] == point:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(kill)
            delete(built)
        finally:
            os._exit(NO_MORE)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)
