"""Workers as child processes of this machine, in sessions of their own: they outlive the server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from studio import settings
from studio.domain.errors import StudioError
from studio.engines.base import Handle
from studio.engines.exit_reason import ExitReason
from studio.platform.hardware import Device, devices, forget_gpus
from studio.platform.host_memory import count_kills, killed_since
from studio.store.job_folder import JobFolder, read_json, write_json

PRIORITY = 10  # niceness: the page stays quick while a worker computes
_KILLS = "kills.json"  # how many the kernel had ended for want of memory when the worker began
_SIGKILL = 9  # Windows has no name for it


class Worker(subprocess.Popen[bytes]):
    """A child that may outlive whoever started it."""

    def __del__(self, *_: object) -> None:
        # Popen warns of a child that nobody waited for. Of a worker that is meant, and the look at it that would have
        # buried it may simply never have come.
        super().__del__(_warn=lambda *_, **__: None)  # type: ignore[call-arg]


class LocalEngine:
    def __init__(self) -> None:
        self._children: dict[int, Worker] = {}
        self._exits: dict[int, int | None] = {}  # of those that are gone; None where another server's children

    def start(
        self, task: str, folder: Path, *, online: bool = False, token: str | None = None, device: str = ""
    ) -> Handle:
        environment = settings.worker_environment(online=online, token=token, device=device)
        root = str(Path(__file__).parents[2])  # `studio` is importable from wherever the server was started
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
        command = [sys.executable, "-m", "studio.worker", task, str(folder)]
        try:
            write_json(folder / _KILLS, count_kills())
            with (folder / "worker.log").open("ab") as log:
                child = Worker(
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise StudioError(
                "The worker could not be started: {reason}.",
                "Check that the disk has room and that {folder} is writable.",
                reason=error.strerror or str(error),
                folder=folder,
            ) from error
        self._children[child.pid] = child
        self._exits.pop(child.pid, None)  # of an earlier process with this number
        try:
            process = psutil.Process(child.pid)
            process.nice(PRIORITY if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
            started_at = process.create_time()
        except psutil.Error:  # gone already: its log says why
            return _handle(child.pid, 0.0)
        with suppress(OSError):  # the worker writes the same as soon as it can
            JobFolder(folder).introduce(child.pid, started_at)
        return _handle(child.pid, started_at)

    def find(self, folder: Path) -> Handle | None:
        identity = JobFolder(folder).worker
        return _handle(*identity) if identity else None

    def tick(self) -> None:
        """Reaps children that have exited."""
        for pid, child in list(self._children.items()):
            if child.poll() is not None:
                self._reap(pid, child)

    def is_alive(self, worker: Handle) -> bool:
        return self._process(worker) is not None

    def stop(self, worker: Handle, *, force: bool = False) -> None:
        process = self._process(worker)
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.kill() if force else process.terminate()

    def exit_reason(self, worker: Handle, folder: Path) -> ExitReason:
        self._process(worker)
        code = self._exits.get(_read(worker)[0])
        if code not in (None, -_SIGKILL):  # whoever the kernel ends for want of memory, it ends so
            return ExitReason(code, out_of_memory=False)
        before = read_json(folder / _KILLS)
        return ExitReason(code, killed_since(before) if isinstance(before, dict) else None)

    def memory(self, worker: Handle) -> int:
        process = self._process(worker)
        try:
            return int(process.memory_info().rss) if process else 0
        except psutil.Error:
            return 0

    def devices(self) -> Sequence[Device]:
        return devices()

    def _process(self, worker: Handle) -> psutil.Process | None:
        """A pid alone may by now be another program's: the start time must be the worker's, too."""
        pid, started_at = _read(worker)
        child = self._children.get(pid)
        if child is not None and child.poll() is not None:
            self._reap(pid, child)
            return None
        try:
            process = psutil.Process(pid)
            # Start times are read with the kernel's tick as resolution.
            same = abs(process.create_time() - started_at) < 1.0
            # A child of ours that is still exiting shows as a zombie before it is reaped: it is gone once it is.
            if same and (child is not None or process.status() != psutil.STATUS_ZOMBIE):
                return process
        except (psutil.Error, ValueError):
            pass
        self._note_end(pid, None)
        return None

    def _reap(self, pid: int, child: Worker) -> None:
        self._children.pop(pid, None)  # two threads may look at once
        self._note_end(pid, child.returncode)

    def _note_end(self, pid: int, code: int | None) -> None:
        """What it took of a GPU is free from now on."""
        if pid not in self._exits:
            self._exits[pid] = code
            forget_gpus()


def _handle(pid: int, started_at: float) -> Handle:
    return f"{pid}@{started_at!r}"


def _read(worker: Handle) -> tuple[int, float]:
    """The pid, and the process's start time in seconds since the epoch; -1 where it is no handle of this engine's."""
    pid, _, started_at = worker.partition("@")
    try:
        return int(pid), float(started_at)
    except ValueError:
        return -1, 0.0
