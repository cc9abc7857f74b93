"""The chat workers that are in memory: one for each base model that a comparison needs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from studio.domain.errors import InvalidInput
from studio.domain.jobs.serving import ServeRequest
from studio.engines.base import Engine
from studio.services.inference.worker_process import ChatWorker, Worker, WorkerStatus

MAX_BASE_MODELS = 3  # base models beside each other


@dataclass(frozen=True)
class Lease:
    """A chat worker that serves what was asked for."""

    place: ChatWorker
    worker: Worker


class WorkerPool:
    """Each place has a folder of its own within `folder`."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._slots = [ChatWorker(engine, folder / str(number)) for number in range(1, MAX_BASE_MODELS + 1)]
        self._lock = threading.Lock()

    def missing(self, requests: Sequence[ServeRequest]) -> list[ServeRequest]:
        """Those that nobody serves yet."""
        return [request for request in requests if not any(place.serves(request) for place in self._slots)]

    def evict_others(self, requests: Sequence[ServeRequest]) -> None:
        """Ends what serves none of these and has nothing to do, so that its memory is free for them."""
        with self._lock:
            for place in self._slots:
                if not any(place.serves(request) for request in requests) and not place.is_busy():
                    place.close(whoever=True)

    def lease(self, requests: Sequence[ServeRequest]) -> list[Lease]:
        """A worker for each: one that runs already, else a new one in the place of what serves none of them.

        Raises:
            InvalidInput: those are too many at once.
            StudioError: one cannot be started.
        """
        if len(requests) > MAX_BASE_MODELS:
            raise InvalidInput(
                "This compares {count} base models or precisions, and at most {most} are in memory at once.",
                "Compare fewer at once.",
                count=len(requests),
                most=MAX_BASE_MODELS,
            )
        with self._lock:
            slots: dict[int, ChatWorker] = {}
            for index, request in enumerate(requests):
                for place in self._slots:
                    if place not in slots.values() and place.serves(request):
                        slots[index] = place
                        break
            for index in range(len(requests)):
                if index not in slots:
                    open_ones = [place for place in self._slots if place not in slots.values()]
                    slots[index] = next((place for place in open_ones if not place.is_busy()), open_ones[0])
            return [Lease(slots[index], slots[index].serving(request)) for index, request in enumerate(requests)]

    def statuses(self) -> list[WorkerStatus]:
        """Of those that run."""
        return [status for place in self._slots if (status := place.status()).state != "stopped"]

    def dismiss(self) -> bool:
        """See ChatWorker.dismiss; False where one of them is loading or answering."""
        results = [place.dismiss() for place in self._slots]  # each is told
        return all(results)

    def close(self) -> None:
        for place in self._slots:
            place.close()
