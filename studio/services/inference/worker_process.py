"""A chat worker process: start, find again, replace, end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from studio.domain.errors import StudioError
from studio.domain.events import Progress
from studio.domain.jobs.serving import ServeRequest
from studio.domain.jobs.state import Done, Failed
from studio.domain.translation import N_
from studio.engines.base import Engine, Handle
from studio.engines.job import Job
from studio.services.inference.chat_client import ChatClient, WorkerGone
from studio.store.job_folder import JobFolder

POLL_SECONDS = 0.1  # seconds between two looks at a process


@dataclass(frozen=True)
class Worker:
    """A running worker and what it was asked to serve."""

    handle: Handle
    request: ServeRequest


@dataclass(frozen=True)
class WorkerStatus:
    """`state` is stopped, loading or ready; `stage` is the loading worker's newest word."""

    state: str
    model: str = ""
    precision: str = ""
    stage: str = ""
    handle: Handle = ""


class ChatWorker:
    """One base model in memory: what asks for another one ends the worker of the first."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = JobFolder(folder)
        self._lock = threading.Lock()
        self._handle: Handle | None = None  # by this server, with which it ends

    def serving(self, request: ServeRequest) -> Worker:
        """The worker that is running where it serves this already, else a new one in its place.

        Raises:
            StudioError: it cannot be started.
        """
        with self._lock:
            worker = self._running()
            if worker is None or worker.request != request:
                if worker is not None:
                    self._job(worker).end()
                worker = self._start(request)
            self._handle = worker.handle
        return worker

    def serves(self, request: ServeRequest) -> bool:
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
        alive = self._engine.is_alive(worker.handle)  # asked first: its last word comes before its death
        client = self._credentials(worker)
        if not alive:
            raise self._death(worker)
        return client

    def stage(self) -> str:
        """The newest word of the worker while it is loading."""
        last = self._folder.last_event()
        return last.stage if isinstance(last, Progress) else N_("Starting the chat worker")

    def explain(self, fault: StudioError, worker: Worker) -> StudioError:
        """What is behind an answer that broke off."""
        return self._death(worker) if isinstance(fault, WorkerGone) and not self._survives(worker) else fault

    def status(self) -> WorkerStatus:
        worker = self._running()
        if worker is None:
            return WorkerStatus("stopped")
        ready = self._credentials(worker) is not None
        return WorkerStatus(
            "ready" if ready else "loading",
            worker.request.model.name,
            worker.request.precision,
            "" if ready else self.stage(),
            worker.handle,
        )

    def close(self, *, whoever: bool = False) -> None:
        """Ends the worker that this server used: it has nothing to lose. One of another server lives on, unless it is
        said to end whoever used it."""
        with self._lock:
            worker = self._running()
            if worker is not None and (whoever or worker.handle == self._handle):
                self._job(worker).end()

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
            self._engine.stop(worker.handle)
            return True

    def _start(self, request: ServeRequest) -> Worker:
        job = Job(self._engine, self._folder.path)
        try:
            for file in (self._folder.log, self._folder.endpoint):
                file.unlink(missing_ok=True)
            job.prepare(request)
            return Worker(job.start("serve"), request)
        except OSError as error:
            raise StudioError(
                "The chat worker's folder {folder} cannot be written: {reason}.",
                "Free some space or fix its permissions.",
                folder=self._folder.path,
                reason=error.strerror or str(error),
            ) from error

    def _running(self) -> Worker | None:
        """Also one that an earlier server started."""
        handle = self._engine.find(self._folder.path)
        if handle is None or not self._engine.is_alive(handle):
            return None
        try:
            return Worker(handle, self._folder.read_request(ServeRequest))
        except OSError:
            return None

    def _job(self, worker: Worker) -> Job:
        return Job(self._engine, self._folder.path, worker.handle)

    def _credentials(self, worker: Worker) -> ChatClient | None:
        """None while it is loading. An endpoint may have been left by an earlier one."""
        try:
            endpoint = self._folder.read_endpoint()
        except OSError:
            return None
        is_its = self._folder.worker is not None and endpoint.pid == self._folder.worker[0]
        return ChatClient(endpoint.url, endpoint.token) if is_its else None

    def _survives(self, worker: Worker) -> bool:
        """A process is alive for a moment after its connections broke."""
        end = time.monotonic() + 1.0
        while self._engine.is_alive(worker.handle):
            if time.monotonic() > end:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _death(self, worker: Worker) -> StudioError:
        running = self._running()
        if running is not None and running.handle != worker.handle:
            return StudioError(
                "Another model was loaded into the playground in the meantime: {name}.",
                "Send the prompt again to load this one.",
                name=running.request.model.name,
            )
        job = self._job(worker)
        match job.poll():
            case Failed(fault):
                return fault
            case Done():
                return StudioError(
                    "The playground's model has been unloaded: a run needed the memory, or it was idle for too long.",
                    "Send the prompt again: it is loaded automatically.",
                )
        return job.why_lost(
            N_(
                "Send the prompt again: it starts automatically. If it ends again, choose 8-bit, 4-bit or a smaller "
                "model."
            )
        )
