"""A chat worker as a process: started, found again, replaced and ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.events import Failed, Finished, Progress
from studio.domain.translation import N_
from studio.engines.base import Engine, Process
from studio.services.inference.chat_client import ChatClient, WorkerGone
from studio.store.bounded_json import read_object
from studio.store.job_folder import JobFolder, read_process, write_json

LOOK = 0.1  # seconds between two looks at a process
SECONDS_TO_END = 5.0


@dataclass(frozen=True)
class Worker:
    """A running worker and what it was asked to serve: see seating.worker_request."""

    process: Process
    request: dict[str, Any]


@dataclass(frozen=True)
class WorkerStatus:
    """`state` is stopped, loading or ready; `stage` is the loading worker's newest word."""

    state: str
    model: str = ""
    precision: str = ""
    stage: str = ""
    pid: int | None = None


class ChatWorker:
    """One base model in memory: what asks for another one ends the worker of the first."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = JobFolder(folder)
        self._process_file = folder / "worker.json"
        self._endpoint = folder / "endpoint.json"
        self._lock = threading.Lock()
        self._used: Process | None = None  # by this server, with which it ends

    def serving(self, request: dict[str, Any]) -> Worker:
        """The worker that is running where it serves this already, else a new one in its place.

        Raises:
            StudioError: it cannot be started.
        """
        with self._lock:
            worker = self._running()
            if worker is None or worker.request != request:
                if worker is not None:
                    self._end(worker.process)
                worker = self._start(request)
            self._used = worker.process
        return worker

    def serves(self, request: dict[str, Any]) -> bool:
        worker = self._running()
        return worker is not None and worker.request == request

    def is_busy(self) -> bool:
        """Whether it is loading or answering."""
        worker = self._running()
        if worker is None:
            return False
        client = self._credentials(worker)
        return client is None or client.is_busy()

    def client(self, worker: Worker) -> ChatClient | None:
        """None while it is loading. Raises StudioError where it died of it."""
        alive = self._engine.is_alive(worker.process)  # asked first: its last word comes before its death
        client = self._credentials(worker)
        if not alive:
            raise self._death(worker)
        return client

    def stage(self) -> str:
        """The newest word of the worker while it is loading."""
        last = self._folder.last_event()
        return last.stage if isinstance(last, Progress) else N_("Starting the chat worker")

    def explained(self, fault: StudioError, worker: Worker) -> StudioError:
        """What is behind an answer that broke off."""
        return self._death(worker) if isinstance(fault, WorkerGone) and not self._survives(worker) else fault

    def status(self) -> WorkerStatus:
        worker = self._running()
        if worker is None:
            return WorkerStatus("stopped")
        ready = self._credentials(worker) is not None
        return WorkerStatus(
            "ready" if ready else "loading",
            worker.request["model"]["name"],
            worker.request["precision"],
            "" if ready else self.stage(),
            worker.process.pid,
        )

    def close(self, *, whoever: bool = False) -> None:
        """Ends the worker that this server used: it has nothing to lose. One of another server lives on, unless it is
        said to end whoever used it."""
        with self._lock:
            worker = self._running()
            if worker is not None and (whoever or worker.process == self._used):
                self._end(worker.process)

    def dismiss(self) -> bool:
        """Tells the worker to leave where it has nothing to do, and does not wait for it; the next question brings it
        back. False where it is loading or answering."""
        with self._lock:
            worker = self._running()
            if worker is None:
                return True
            client = self._credentials(worker)
            if client is None or client.is_busy():
                return False
            self._engine.stop(worker.process)
            return True

    def _start(self, request: dict[str, Any]) -> Worker:
        try:
            for file in (self._folder.events, self._folder.log, self._endpoint, self._process_file):
                file.unlink(missing_ok=True)
            self._folder.prepare(request)
            process = self._engine.start("serve", self._folder.path)
            write_json(self._process_file, {"pid": process.pid, "started": process.started})
        except OSError as error:
            raise StudioError(
                "The chat worker's folder {folder} cannot be written: {reason}.",
                "Free some space or fix its permissions.",
                folder=self._folder.path,
                reason=error.strerror or str(error),
            ) from error
        return Worker(process, request)

    def _running(self) -> Worker | None:
        """Also one that an earlier server started."""
        known = read_process(self._process_file)
        try:
            worker = Worker(Process(*known), self._folder.read_request()) if known else None
        except OSError:
            return None
        if worker is None:
            return None
        return worker if self._engine.is_alive(worker.process) else None

    def _end(self, process: Process) -> None:
        self._engine.stop(process)
        end = time.monotonic() + SECONDS_TO_END
        while self._engine.is_alive(process) and time.monotonic() < end:
            time.sleep(LOOK)
        self._engine.stop(process, force=True)

    def _credentials(self, worker: Worker) -> ChatClient | None:
        try:
            known = read_object(self._endpoint)
            is_its = known["pid"] == worker.process.pid
            return ChatClient(int(known["port"]), str(known["token"])) if is_its else None
        except (OSError, KeyError, TypeError, ValueError):
            return None

    def _survives(self, worker: Worker) -> bool:
        """A process is alive for a moment after its connections broke."""
        end = time.monotonic() + 1.0
        while self._engine.is_alive(worker.process):
            if time.monotonic() > end:
                return True
            time.sleep(LOOK)
        return False

    def _death(self, worker: Worker) -> StudioError:
        running = self._running()
        if running is not None and running.process != worker.process:
            return StudioError(
                "Another model was loaded into the playground in the meantime: {name}.",
                "Send the prompt again to load this one.",
                name=running.request["model"]["name"],
            )
        last = self._folder.last_event()
        if isinstance(last, Failed):
            return StudioError(last.problem, last.remedy)
        if isinstance(last, Finished):
            return StudioError(
                "The playground's model has been unloaded: a run needed the memory, or it was idle for too long.",
                "Send the prompt again: it is loaded automatically.",
            )
        remedy = N_(
            "Send the prompt again: it starts automatically. If it ends again, choose 8-bit, 4-bit or a smaller model."
        )
        log = [line for line in self._folder.log_tail(2000).splitlines() if line.strip()]
        if not log:
            return StudioError("The chat worker ended unexpectedly; it may have run out of memory.", remedy)
        return StudioError(
            "The chat worker ended unexpectedly; it may have run out of memory. Its log ends: {log}",
            remedy,
            log=log[-1][-300:],
        )
