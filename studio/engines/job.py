"""A job: what a worker is asked to do in a folder, from its start to its last word."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from studio.domain.errors import StudioError
from studio.domain.events import RunEvent
from studio.domain.jobs.message import Request
from studio.domain.jobs.state import JobState, state_of
from studio.engines.base import Engine, Handle
from studio.engines.exit_reason import ExitReason, explain
from studio.store.job_folder import JobFolder

SECONDS_TO_START = 60.0  # after which what has no worker never gets one: the server died in between
POLL_SECONDS = 0.05
SECONDS_TO_END = 5.0  # of a worker that is told to


class Job:
    """`worker` is the handle that a record has kept, or empty: then it is whoever works in the folder."""

    def __init__(self, engine: Engine, folder: str | Path, worker: Handle = "") -> None:
        self._engine = engine
        self._worker = worker
        self.folder = JobFolder(folder)

    def prepare(self, request: Request, *, anew: bool = True) -> None:
        """Puts the request into the folder. Raises OSError.

        What must know of the job is recorded after this and before `start`: a server that dies in between then finds
        the worker by its folder.
        """
        self._worker = ""
        self.folder.prepare(request, anew=anew)

    def start(self, task: str, *, online: bool = False, token: str | None = None, device: str = "") -> Handle:
        """See Engine.start. Raises StudioError."""
        self._worker = self._engine.start(task, self.folder.path, online=online, token=token, device=device)
        return self._worker

    @property
    def worker(self) -> Handle | None:
        if not self._worker:
            self._worker = self._engine.find(self.folder.path) or ""
        return self._worker or None

    def is_alive(self) -> bool:
        return self.worker is not None and self._engine.is_alive(self._worker)

    def poll(self, read: Callable[[bool], RunEvent | None] | None = None, *, created_at: float = 0.0) -> JobState:
        """What has become of it. `read` gets the newest word where it is not simply the folder's; it is told whether
        the worker is alive. A job that was created a moment ago may have no worker yet."""
        alive = self.is_alive()  # asked first: a worker's last word comes before its death
        last = read(alive) if read else self.folder.last_event()
        if self.worker is None and time.time() - created_at <= SECONDS_TO_START:
            alive = True
        return state_of(last, alive=alive)

    def stop(self, *, force: bool = False) -> None:
        if self.worker is not None:
            self._engine.stop(self._worker, force=force)

    def end(self, *, force: bool = False) -> None:
        """Stops it and waits until it is gone, at most SECONDS_TO_END; then it is killed."""
        self.stop(force=force)
        deadline = time.monotonic() + SECONDS_TO_END
        while self.is_alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self.stop(force=True)

    def exit_reason(self) -> ExitReason | None:
        return self._engine.exit_reason(self._worker, self.folder.path) if self.worker is not None else None

    def why_lost(self, remedy: str = "") -> StudioError:
        """Why it ended without a word; `remedy` where that of a run is not meant."""
        fault = explain(self.exit_reason(), self.folder.last_lines())
        return StudioError(fault.template, remedy, **fault.values) if remedy else fault
