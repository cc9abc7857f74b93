"""Stand-ins for what is slow or not there: worker processes, and models that answer an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.domain.chat.sampling import Sampling
from studio.domain.columns import Column
from studio.domain.errors import StudioError
from studio.engines.base import NOBODY, Handle
from studio.engines.exit_reason import ExitReason
from studio.platform.hardware import Device
from studio.services.playground.columns import ColumnPrompt, ColumnState, Comparison, Likelihood
from studio.store.job_folder import JobFolder
from studio.worker.common.faults import failure
from studio.worker.ingest import task as intake

CPU = Device("cpu", "CPU", 8 << 30, 8 << 30)


@dataclass
class FakeEngine:
    """Its workers are names. What they say is for the test to write into their job folders, and when they end too: by
    force alone they end at once. Each takes `memory_of` bytes."""

    found: Sequence[Device] = (CPU,)
    refuses: bool = False
    started: list[tuple[str, Path]] = field(default_factory=list)
    alive: set[Handle] = field(default_factory=set)
    stopped: list[bool] = field(default_factory=list)  # with force, or without
    killed: ExitReason = field(default_factory=ExitReason)
    memory_of: int = 0

    def start(
        self, task: str, folder: Path, *, online: bool = False, token: str | None = None, device: str = ""
    ) -> Handle:
        if self.refuses:
            raise StudioError("No process can be made.", "Try later.")
        self.started.append((task, folder))
        worker = f"worker {len(self.started)}"
        self.alive.add(worker)
        return worker

    def find(self, folder: Path) -> Handle | None:
        folders = [path for _, path in self.started]
        return f"worker {len(folders) - folders[::-1].index(folder)}" if folder in folders else None

    def is_alive(self, worker: Handle) -> bool:
        return worker in self.alive

    def stop(self, worker: Handle, *, force: bool = False) -> None:
        self.stopped.append(force)
        if force:
            self.alive.discard(worker)

    def exit_reason(self, worker: Handle, folder: Path) -> ExitReason:
        return self.killed

    def memory(self, worker: Handle) -> int:
        return self.memory_of if worker in self.alive else 0

    def devices(self) -> Sequence[Device]:
        return self.found

    def tick(self) -> None:
        """No process has to be waited for."""


class ImmediateEngine(FakeEngine):
    """Takes files in before `start` returns: for tests that only look at what a worker has made."""

    def start(self, task: str, folder: Path, **more: Any) -> Handle:
        assert task == "intake"
        try:
            intake.main(folder)
        except Exception as error:
            JobFolder(folder).append(failure(error))
        return NOBODY


def column_state(text: str = "", name: str = "", error: StudioError | None = None, **changed: Any) -> ColumnState:
    """A column that has answered, or failed."""
    given = {
        "state": "error" if error else "done", "tokens": 3, "tokens_per_second": 10.0, "first_token_seconds": 0.1,
        "finish": "stop", "label": {"precision": "bf16"},
    }  # fmt: skip
    return ColumnState(name=name, text=text, error=error, **given | changed)


class FakeResponder:
    """The base answers with the question; an adapter knows capitals. `says`, `loss` and `before` can be put in place
    of that."""

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []  # of each comparison, the (question, column's name) of its rows
        self.read: list[list[str]] = []
        self.closed = 0
        self.before: Callable[[], Any] = lambda: None  # each comparison
        self.says: Callable[[str, Column], ColumnState] = self.knows
        self.loss: Callable[[ColumnPrompt, str], Likelihood | StudioError] = lambda asked, reference: Likelihood(
            tokens=len(reference), loss=0.5 if asked.column.shares else 2
        )

    def knows(self, question: str, column: Column) -> ColumnState:
        known = {"France?": "Paris", "Spain?": "Madrid"}
        return column_state(known.get(question, question) if column.shares else question, column.name)

    def answer(self, asked: Sequence[ColumnPrompt], sampling: Sampling) -> Iterator[Comparison]:
        rows = [(one.messages[-1].content, one.column) for one in asked]
        self.asked.append([(question, column.name) for question, column in rows])
        self.before()
        states = [column_state(state="streaming") for _ in rows]
        try:
            yield Comparison(list(states))
            for i, row in enumerate(rows):
                states[i] = self.says(*row)
                yield Comparison(list(states))
        finally:
            self.closed += 1

    def likelihoods(
        self, asked: Sequence[ColumnPrompt], references: Sequence[str]
    ) -> Sequence[Likelihood | StudioError]:
        self.read.append(list(references))
        return [self.loss(one, reference) for one, reference in zip(asked, references, strict=True)]
