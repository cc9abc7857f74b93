"""Workers as child processes of this machine, in sessions of their own: they outlive the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from studio import settings
from studio.domain.errors import StudioError
from studio.engines.base import Device, Process
from studio.engines.death import Death
from studio.engines.hardware import gpus
from studio.store.host_memory import host_memory, kills_so_far
from studio.store.run_folder import read_json, write_json

PRIORITY = 10  # niceness: the page stays quick while a worker computes
_KILLS = "kills.json"  # how many the kernel had ended for want of memory when the worker began


class Worker(subprocess.Popen[bytes]):
    """A child that may outlive whoever started it."""

    def __del__(self, *_: object) -> None:
        # Popen warns of a child that nobody waited for. Of a worker that is meant, and the look at it that would have
        # buried it may simply never have come.
        super().__del__(_warn=lambda *_, **__: None)  # type: ignore[call-arg]


class LocalEngine:
    def __init__(self) -> None:
        self._children: dict[int, Worker] = {}
        self._exits: dict[int, int] = {}  # of those that are gone

    def start(
        self, task: str, folder: Path, *, online: bool = False, token: str | None = None, device: str = ""
    ) -> Process:
        environment = settings.worker_environment(online=online, token=token, device=device)
        root = str(Path(__file__).parents[2])  # `studio` is importable from wherever the server was started
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
        command = [sys.executable, "-m", "studio.worker", task, str(folder)]
        try:
            write_json(folder / _KILLS, kills_so_far())
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
                "See that the disk has room and that {folder} can be written.",
                reason=error.strerror or str(error),
                folder=folder,
            ) from error
        self._children[child.pid] = child
        try:
            process = psutil.Process(child.pid)
            process.nice(PRIORITY if os.name == "posix" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
            return Process(child.pid, process.create_time())
        except psutil.Error:  # gone already: its log says why
            return Process(child.pid, 0.0)

    def is_alive(self, process: Process) -> bool:
        return self._find(process) is not None

    def stop(self, process: Process, *, force: bool = False) -> None:
        found = self._find(process)
        if found is not None:
            with suppress(psutil.NoSuchProcess):
                found.kill() if force else found.terminate()

    def death(self, process: Process, folder: Path) -> Death:
        before, now = read_json(folder / _KILLS), kills_so_far()
        known = isinstance(before, int) and now is not None
        code = self._exits.get(process.pid)
        # Whoever the kernel ends for want of memory, it ends with SIGKILL.
        out_of_memory = now > before and code in (None, -signal.SIGKILL) if known and now is not None else None
        return Death(code, out_of_memory)

    def devices(self) -> Sequence[Device]:
        total, free = host_memory()
        cpu = Device("cpu", "CPU", total, free)
        name = "mps" if sys.platform == "darwin" else "cuda"
        return [*(Device(f"{name}:{i}", gpu.name, gpu.memory, gpu.free) for i, gpu in enumerate(gpus())), cpu]

    def _find(self, process: Process) -> psutil.Process | None:
        child = self._children.get(process.pid)
        if child is not None and child.poll() is not None:  # polling also buries it
            self._exits[process.pid] = child.returncode
            del self._children[process.pid]
            return None
        try:
            found = psutil.Process(process.pid)
            # Start times are read with the kernel's tick as resolution.
            same = abs(found.create_time() - process.started) < 1.0
            # A child of ours that is still exiting shows as a zombie before it can be buried: it is gone once it is.
            return found if same and (child is not None or found.status() != psutil.STATUS_ZOMBIE) else None
        except psutil.Error:
            return None
