"""Worker processes, found by the handle that the local engine gives them."""

from __future__ import annotations

import psutil

from studio.engines.base import Handle


def pid_of(worker: Handle) -> int:
    return int(worker.partition("@")[0])


def process_of(worker: Handle) -> psutil.Process:
    return psutil.Process(pid_of(worker))


def handle_of(process: psutil.Process) -> Handle:
    return f"{process.pid}@{process.create_time()!r}"
