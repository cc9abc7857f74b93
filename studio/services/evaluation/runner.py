"""Runs an evaluation: asks what is missing, and records each answer as it arrives.

Whoever ends it at any moment, and begins it again, finds the same answers in the end, each once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from studio.domain.chat.sampling import Message, Sampling
from studio.domain.columns import Column
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.services.evaluation.metrics import score, score_corpus
from studio.services.playground.column_identity import MAX_COLUMNS
from studio.services.playground.columns import ColumnPrompt, Comparison, Likelihood
from studio.services.shared.json_limits import kept_json, kept_text
from studio.store.catalogue import Catalogue
from studio.store.catalogue.evaluations import OPEN
from studio.store.tables.evaluations import Evaluation, EvaluationAnswer, Prompt

logger = logging.getLogger(__name__)

MAX_BATCH_ROWS = MAX_COLUMNS  # answers that can be written at once
RETRY_SECONDS = (5.0, 30.0)  # seconds before it is tried again, where nobody could answer
POLL_SECONDS = 0.5  # seconds between two looks at whether somebody has stopped it

Result = TypeVar("Result")


class Responder(Protocol):
    """What answers: see services.playground.Playground."""

    def answer(self, prompts: Sequence[ColumnPrompt], sampling: Sampling) -> Iterator[Comparison]: ...

    def likelihoods(
        self, prompts: Sequence[ColumnPrompt], references: Sequence[str]
    ) -> Sequence[Likelihood | StudioError]: ...


class Ended(Exception):
    """Somebody has stopped or deleted the evaluation, or the server ends."""


class EvaluationRunner:
    """`over` ends it between two looks; `now` counts seconds."""

    def __init__(
        self,
        catalogue: Catalogue,
        bench: Responder,
        evaluation: Evaluation,
        over: threading.Event,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue = catalogue
        self._bench = bench
        self._evaluation = evaluation
        self._id = evaluation.id
        self._over = over
        self._now = now
        self._looked_at = 0.0
        self._columns = [Column.model_validate(column) for column in evaluation.columns]
        self._sampling = Sampling.model_validate(evaluation.sampling)

    def run(self) -> None:
        """Until all is answered, or it is ended. A fault is recorded; it can be resumed then."""
        try:
            self._work()
        except Ended:
            return
        except StudioError as fault:
            self._fail(fault)
        except Exception as error:
            logger.exception("Evaluation %s ended", self._id)
            self._fail(
                StudioError(
                    "The evaluation ended unexpectedly: {reason}.",
                    "Resume it: existing answers are kept. See the server's log.",
                    reason=f"{type(error).__name__}: {error}",
                )
            )

    def _work(self) -> None:
        began = {} if self._evaluation.started_at else {"started_at": time.time()}
        if not self._catalogue.change_evaluation(self._id, only=OPEN, status="running", fault={}, **began):
            raise Ended
        start, at_once = 0, max(1, MAX_BATCH_ROWS // len(self._columns))
        while batch := self._catalogue.prompts_to_ask(self._evaluation, start, at_once):
            self._ask(batch)
            self._measure()
            start = batch[-1][0].place + 1
        self._measure()
        corpus = {
            str(column): score_corpus(self._catalogue.answers_and_references(self._evaluation, column))
            for column in range(len(self._columns) if self._evaluation.references else 0)
        }
        self._catalogue.change_evaluation(
            self._id, only=("running",), status="finished", corpus=corpus, fault={}, ended_at=time.time()
        )

    def _fail(self, fault: StudioError) -> None:
        self._catalogue.change_evaluation(
            self._id, only=("running",), status="failed", fault=fault.as_dict(), ended_at=time.time()
        )

    # answers

    def _ask(self, batch: Sequence[tuple[Prompt, set[int]]]) -> None:
        """Each of the prompts, of the columns that have not answered it."""
        names = self._catalogue.adapter_names()
        columns = [current(column, self._evaluation.adapters, names) for column in self._columns]
        cells: list[tuple[Prompt, int]] = []
        prompts: list[ColumnPrompt] = []
        for prompt, there in batch:
            messages = [Message.model_validate(message) for message in prompt.messages]
            for place, column in enumerate(columns):
                if place in there:
                    continue
                if isinstance(column, StudioError):
                    self._record(prompt, place, failed=True, error=column.as_dict())
                else:
                    cells.append((prompt, place))
                    prompts.append(ColumnPrompt(column, messages))
        if not prompts:
            return
        faults = self._patiently(lambda: self._answers(cells, prompts))
        if len(faults) == len(cells) and len(batch) > 1:
            for one in batch:  # perhaps they were too many at once, or one of them ends the worker
                self._ask([one])
            return
        for number, fault in faults.items():
            self._record(*cells[number], failed=True, error=fault)

    def _answers(
        self, cells: Sequence[tuple[Prompt, int]], prompts: Sequence[ColumnPrompt]
    ) -> dict[int, dict[str, Any]]:
        """Records the answers as they are done; returns what went wrong with the others, by their number."""
        done: set[int] = set()
        faults: dict[int, dict[str, Any]] = {}
        earlier_answers = self._catalogue.answers(self._id, sorted({prompt.place for prompt, _ in cells}))
        there = {(answer.place, answer.column) for answer in earlier_answers}  # since an earlier try
        open_numbers = [number for number, (prompt, column) in enumerate(cells) if (prompt.place, column) not in there]
        if not open_numbers:
            return {}
        moments = self._bench.answer([prompts[number] for number in open_numbers], self._sampling)
        try:
            for moment in moments:
                self._check_running()
                for number, state in zip(open_numbers, moment.columns, strict=True):
                    if state.state == "done" and number not in done:
                        self._record_done(*cells[number], state)
                        done.add(number)
                    elif state.state == "error":
                        faults[number] = (state.error or _no_answer()).as_dict()
        finally:
            if close := getattr(moments, "close", None):  # ends the answers that are under way
                close()
        return faults | {n: _no_answer().as_dict() for n in open_numbers if n not in done and n not in faults}

    def _record_done(self, prompt: Prompt, column: int, state: Any) -> None:
        text = kept_text(state.text)
        self._record(
            prompt, column, text=text, tokens=state.tokens, tokens_per_second=state.tokens_per_second,
            first_token_seconds=state.first_token_seconds, finish=state.finish, note=state.note,
            label=kept_json(dict(state.label), "label"), scores=score(text, prompt.reference),
        )  # fmt: skip

    def _record(self, prompt: Prompt, column: int, **fields: Any) -> None:
        if not self._catalogue.record_answer(self._id, prompt.place, column, **fields):
            raise Ended

    # how likely the references are

    def _measure(self) -> None:
        """How likely the columns find the references of what they have answered."""
        while batch := self._catalogue.answers_to_measure(self._evaluation, MAX_BATCH_ROWS):
            self._check_running(at_once=True)
            names = self._catalogue.adapter_names()
            self._read(batch, names)

    def _read(self, batch: Sequence[tuple[EvaluationAnswer, Prompt]], names: Mapping[int, str]) -> None:
        prompts, references, answers = [], [], []
        for answer, prompt in batch:
            column = current(self._columns[answer.column], self._evaluation.adapters, names)
            if isinstance(column, StudioError):
                self._catalogue.record_loss(answer, None, 0)
                continue
            prompts.append(ColumnPrompt(column, [Message.model_validate(message) for message in prompt.messages]))
            references.append(prompt.reference)
            answers.append(answer)
        if not prompts:
            return
        read: Sequence[Likelihood | StudioError | None]
        try:
            read = self._patiently(lambda: self._bench.likelihoods(prompts, references))
        except StudioError:  # what answers need not be able to read: its scores stand all the same
            logger.warning("Evaluation %s has answers without a loss", self._id, exc_info=True)
            read = [None] * len(answers)
        for answer, likelihood in zip(answers, read, strict=True):
            if likelihood is None or isinstance(likelihood, StudioError) or not likelihood.tokens:
                self._catalogue.record_loss(answer, None, 0)
            else:
                self._catalogue.record_loss(answer, likelihood.loss, likelihood.tokens)

    # patience

    def _patiently(self, do: Callable[[], Result]) -> Result:
        """Tries again after a while where nobody could answer; says meanwhile why it waits."""
        for pause in RETRY_SECONDS:
            try:
                return do()
            except InvalidInput:  # waiting does not help
                raise
            except StudioError as fault:
                self._catalogue.change_evaluation(self._id, only=("running",), fault=fault.as_dict())
                end = self._now() + pause
                while (remaining := end - self._now()) > 0:
                    self._over.wait(min(remaining, POLL_SECONDS))
                    self._check_running()
                self._catalogue.change_evaluation(self._id, only=("running",), fault={})
        return do()

    def _check_running(self, *, at_once: bool = False) -> None:
        """Raises Ended."""
        now = self._now()
        if at_once or now - self._looked_at >= POLL_SECONDS:
            self._looked_at = now
            try:
                running = self._catalogue.evaluation(self._id).status == "running"
            except NotFound:
                running = False
            if not running:
                raise Ended
        if self._over.is_set():
            raise Ended


def current(column: Column, adapters: Mapping[str, int], names: Mapping[int, str]) -> Column | StudioError:
    """The column by what its adapters are called now. `adapters` are their ids by what they were called then, `names`
    those of today by id."""
    shares = []
    for share in column.shares:
        id = adapters.get(share.adapter)
        if id is not None and id not in names:
            return StudioError("The adapter “{name}” was deleted.", "Evaluate again, without it.", name=share.adapter)
        shares.append(share if id is None else share.model_copy(update={"adapter": names[id]}))
    return column.model_copy(update={"shares": tuple(shares)})


def _no_answer() -> StudioError:
    return StudioError("There was no answer.", "Resume the evaluation: missing answers are asked for again.")
