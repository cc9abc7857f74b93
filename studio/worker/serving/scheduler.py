"""The one thread that generates: it batches waiting requests that can share a batch."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TypeVar

import torch

from studio.domain.errors import StudioError
from studio.worker.decoding.generate import generate
from studio.worker.decoding.sequence import Comparison, GeneratedSequence
from studio.worker.models.load import LoadedModel
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.batch_independence import BatchIndependence

logger = logging.getLogger(__name__)

PAUSE = 0.015  # seconds without a further request after which a batch begins
MAX_PAUSE_SECONDS = 0.15  # however many come one after another
MAX_WAIT_SECONDS = 5.0  # for the other questions of a comparison, which a loaded machine sends and renders slowly
MAX_ROWS = 16

Result = TypeVar("Result")


class Scheduler:
    """Owns the model. Everything that touches it is done in this thread, in the order it was asked for. `batches` is
    what is known of what may share one; see BatchIndependence."""

    def __init__(self, base: LoadedModel, manager: AdapterManager, batches: Mapping[str, bool] | None = None) -> None:
        self._base = base
        self._manager = manager
        self._waiting: deque[GeneratedSequence | Callable[[], None]] = deque()
        self._change = threading.Condition()
        self._current: list[GeneratedSequence] = []
        self._arrived: Counter[Comparison] = Counter()  # questions of those comparisons that no batch has begun with
        self.company = BatchIndependence(base, manager, batches)
        threading.Thread(target=self._run, name="generation", daemon=True).start()

    def submit(self, answer: GeneratedSequence) -> None:
        """Any thread may call it; the answer's `deliver` hears of everything that follows."""
        self._put(answer)

    def leave_out(self, comparison: Comparison | None) -> None:
        """One of its questions is not answered: the others need not wait for it."""
        with self._change:
            self._count(comparison)
            self._change.notify()

    def call(self, function: Callable[[], Result]) -> Future[Result]:
        """Runs a function of the model between two batches."""
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(function())
            except Exception as error:
                future.set_exception(error)

        self._put(run)
        return future

    def cancel_all(self) -> None:
        with self._change:
            for item in [*self._waiting, *self._current]:
                if isinstance(item, GeneratedSequence):
                    item.cancel()

    @property
    def is_busy(self) -> bool:
        return bool(self._waiting or self._current)

    def _put(self, item: GeneratedSequence | Callable[[], None]) -> None:
        with self._change:
            self._waiting.append(item)
            if isinstance(item, GeneratedSequence):
                self._count(item.comparison)
            self._change.notify()

    def _count(self, comparison: Comparison | None) -> None:
        if comparison is not None:
            self._arrived[comparison] += 1

    def _run(self) -> None:
        while True:
            batch = self._next()
            if isinstance(batch, list):
                self._write(batch)
                with self._change:
                    self._current = []
            else:
                batch()

    def _next(self) -> list[GeneratedSequence] | Callable[[], None]:
        with self._change:
            while not self._waiting:
                self._change.wait()
            if not isinstance(first := self._waiting[0], GeneratedSequence):
                self._waiting.popleft()
                return first
            self._wait_for_company()
            waiting = []
            for item in self._waiting:
                if not isinstance(item, GeneratedSequence):
                    break  # nothing overtakes a change of the manager
                waiting.append(item)
        # Only this thread takes out what waits, so the rest can be thought over without holding up whoever asks.
        batch = self._choose_batch(waiting)
        with self._change:
            for answer in batch:
                self._waiting.remove(answer)
            still = {item.comparison for item in self._waiting if isinstance(item, GeneratedSequence)}
            self._arrived = Counter({each: count for each, count in self._arrived.items() if each in still})
            self._current = batch
            return list(batch)

    def _choose_batch(self, waiting: list[GeneratedSequence]) -> list[GeneratedSequence]:
        """The first, and those after it that can share its batch."""
        first, *others = waiting
        batch = [first]
        if self._why_alone(first):
            return batch
        for other in others:
            if len(batch) == MAX_ROWS:
                break
            if self._why_alone(other):
                continue
            if reason := self.company.why_apart([*(len(a.prompt) for a in batch), len(other.prompt)]):
                first.apart_reason = other.apart_reason = reason
            else:
                batch.append(other)
        return batch

    def _wait_for_company(self) -> None:
        """Until all questions of a comparison are here, and no other request has come for a moment."""
        begin = time.monotonic()
        while len(self._waiting) < MAX_ROWS:
            pause, longest = (
                (MAX_WAIT_SECONDS, MAX_WAIT_SECONDS) if self._is_incomplete() else (PAUSE, MAX_PAUSE_SECONDS)
            )
            remaining = begin + longest - time.monotonic()
            if remaining <= 0 or not self._change.wait(min(pause, remaining)):
                return

    def _is_incomplete(self) -> bool:
        comparisons = (item.comparison for item in self._waiting if isinstance(item, GeneratedSequence))
        return any(each is not None and self._arrived[each] < each.size for each in comparisons)

    def _why_alone(self, answer: GeneratedSequence) -> str:
        try:
            return self._manager.why_alone(answer.adapter_set)
        except StudioError:  # removed since: its own turn will say so
            return "gone"

    def _write(self, answers: list[GeneratedSequence]) -> None:
        try:
            answers.sort(key=lambda answer: answer.adapter_set)  # equal ones stand side by side
            with self._manager.active([a.adapter_set for a in answers]) as model:
                for answer in answers:
                    answer.begin(
                        len(answers), self._why_alone(answer) or (answer.apart_reason if len(answers) == 1 else "")
                    )
                generate(model, answers, pad=self._base.tokenizer.pad_token_id, device=self._base.device)
        except StudioError as fault:
            _fail(answers, fault)
        except (torch.OutOfMemoryError, MemoryError):
            logger.exception("No memory for %d answers", len(answers))
            torch.cuda.empty_cache()
            _fail(
                answers,
                StudioError(
                    "There was not enough memory for {rows} {rows:answer|answers} at once.",
                    "Compare fewer columns, shorten the conversation, or choose 8-bit or 4-bit.",
                    rows=len(answers),
                ),
            )
        except Exception as error:
            logger.exception("A batch of %d answers failed", len(answers))
            _fail(
                answers,
                StudioError(
                    "The model could not answer: {reason}.",
                    "See the worker's log.",
                    reason=str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__,
                ),
            )


def _fail(answers: list[GeneratedSequence], fault: StudioError) -> None:
    for answer in answers:
        answer.fail(fault)
