"""The states of a run, and which may follow which."""

from __future__ import annotations

from enum import StrEnum

from studio.domain.jobs.state import Done, Failed, JobState, Lost, Running


class RunStatus(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"

    @property
    def has_worker(self) -> bool:
        """A worker process is expected to be alive."""
        return self in (RunStatus.STARTING, RunStatus.RUNNING, RunStatus.STOPPING)

    @property
    def is_over(self) -> bool:
        return not self.has_worker and self is not RunStatus.QUEUED


_ENDS = frozenset({RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.CANCELLED})

# What has no line ends there: a finished run is continued by another one, a cancelled run is over for good.
_NEXT: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.STARTING, RunStatus.CANCELLED, RunStatus.FAILED}),
    RunStatus.STARTING: _ENDS | {RunStatus.RUNNING, RunStatus.STOPPING},
    RunStatus.RUNNING: _ENDS | {RunStatus.STOPPING},
    RunStatus.STOPPING: _ENDS,
    RunStatus.STOPPED: frozenset({RunStatus.QUEUED}),
    RunStatus.FAILED: frozenset({RunStatus.QUEUED}),
    RunStatus.INTERRUPTED: frozenset({RunStatus.QUEUED, RunStatus.CANCELLED}),
}


class Ending(StrEnum):
    """How a run was asked to end: with its adapter saved, at once with its checkpoints kept, or with nothing kept."""

    SAVE = "save"
    AT_ONCE = "at once"
    DISCARD = "discard"


class ImpossibleTransition(Exception):
    """A run was told to become what it cannot become from where it is."""


def check_transition(now: RunStatus, then: RunStatus) -> None:
    """Raises ImpossibleTransition where `then` may not follow `now`."""
    if then not in _NEXT.get(now, frozenset()):
        raise ImpossibleTransition(f"A run that is {now} cannot become {then}.")


def verdict(now: RunStatus, state: JobState, *, alive: bool, ending: Ending | None = None) -> RunStatus:
    """What a run with a worker is, from the state of its job. A run that is to leave nothing behind is over no sooner
    than its process: `alive`."""
    if ending is Ending.DISCARD:
        return RunStatus.STOPPING if alive else RunStatus.CANCELLED
    match state:
        case Done(finished):
            return RunStatus.STOPPED if finished.stopped else RunStatus.FINISHED
        case Failed():
            return RunStatus.FAILED
        case Lost():
            return RunStatus.STOPPED if now is RunStatus.STOPPING else RunStatus.INTERRUPTED
        case Running(last):
            return now if now is RunStatus.STOPPING or last is None else RunStatus.RUNNING
