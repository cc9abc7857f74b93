"""The states of a job, as seen from outside its worker."""

from __future__ import annotations

from dataclasses import dataclass

from studio.domain import events
from studio.domain.errors import StudioError


@dataclass(frozen=True)
class Running:
    """`last` is the worker's newest word, if there is any."""

    last: events.RunEvent | None = None


@dataclass(frozen=True)
class Done:
    event: events.Finished


@dataclass(frozen=True)
class Failed:
    """The worker has said what is wrong."""

    fault: StudioError


@dataclass(frozen=True)
class Lost:
    """The worker is gone without a last word."""

    last: events.RunEvent | None = None


JobState = Running | Done | Failed | Lost


def state_of(last: events.RunEvent | None, *, alive: bool) -> JobState:
    """A last word outlives the process: what has said Finished is done, alive or not."""
    match last:
        case events.Finished():
            return Done(last)
        case events.Failed():
            return Failed(StudioError.from_dict(last.fault_payload))
    return Running(last) if alive else Lost(last)
