"""Handles items one by one: a fault of one marks it as failed, and the others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from studio.domain.errors import StudioError
from studio.store.arrow_file import DamagedFile

logger = logging.getLogger(__name__)

_LASTING = (FileNotFoundError, DamagedFile)  # other faults of the disk may pass


class _HasId(Protocol):
    id: Any


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


def _fault(error: Exception) -> StudioError:
    return StudioError(
        "Its contents cannot be used: {reason}.",
        "Check that its files are intact, then try again; see the server's log.",
        reason=f"{type(error).__name__}: {error}"[:300].rstrip("."),
    )
