"""Items looked after one by one: a fault of one marks that one as failed, and the others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from studio.domain.errors import StudioError
from studio.engines.base import Process
from studio.store.arrow_file import DamagedFile
from studio.store.job_folder import JobFolder

logger = logging.getLogger(__name__)

SECONDS_TO_START = 60.0  # after which what has no worker never gets one: the server died in between

_LASTING = (FileNotFoundError, DamagedFile)  # other faults of the disk may pass


class _HasId(Protocol):
    id: Any


class _HasWorker(Protocol):
    """Of the catalogue."""

    folder: Any
    pid: Any
    process_started: Any


Item = TypeVar("Item", bound=_HasId)


def each_by_itself(
    items: Iterable[Item], look_after: Callable[[Item], object], fail: Callable[[Item, StudioError], None]
) -> None:
    """Calls `look_after` with each. What is wrong with the machine or the catalogue is written to the log and tried
    again the next time; what is wrong with the item goes to `fail`."""
    for item in items:
        try:
            look_after(item)
        except Exception as error:
            name = f"{type(item).__name__} {item.id}"
            logger.exception("%s could not be looked after", name)
            if isinstance(error, StudioError) or (isinstance(error, OSError) and not isinstance(error, _LASTING)):
                continue
            try:
                fail(item, _fault(error))
            except Exception:
                logger.exception("%s could not be marked as failed", name)


def worker_of(record: _HasWorker) -> Process | None:
    """Its worker. One whose server died before it could put it down is known by what it wrote first of all."""
    if record.pid is not None:
        return Process(record.pid, record.process_started or 0.0)
    written = JobFolder(record.folder).worker if record.folder else None
    return Process(*written) if written else None


def _fault(error: Exception) -> StudioError:
    return StudioError(
        "Its contents cannot be used: {reason}.",
        "Check that its files are intact, then try again; see the server's log.",
        reason=f"{type(error).__name__}: {error}"[:300].rstrip("."),
    )
