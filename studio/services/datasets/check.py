"""Checks files without adding them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.domain.datasets.file_format import ReadOptions, check_suffix
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.events import Finished, Progress
from studio.domain.jobs.ingest import DatasetSummary, FileReference, FilesSource, IntakeRequest
from studio.domain.jobs.state import Done, Failed, Running
from studio.domain.jobs.token_counts import TokenSummary
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.engines.job import POLL_SECONDS, Job
from studio.services.datasets.source_files import check_regular
from studio.services.datasets.status import fault_with_choices
from studio.services.datasets.token_counts import TokenCountRequest
from studio.store.datasets.folder import PROBLEMS
from studio.store.datasets.problem_file import read_problems

Show = Callable[[str, int, int], None]  # stage, done, total


@dataclass
class Report:
    """`rows` counts the good ones, `problems` are all there are, in the file's order; `tokens` is None where no model
    was asked."""

    format: str = ""
    rows: int = 0
    rows_in: int = 0
    trainable: int = 0
    bad_rows: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unused: dict[str, int] = field(default_factory=dict)
    tokens: TokenSummary | None = None

    @property
    def can_be_trained_on(self) -> bool:
        return self.trainable > 0 and not any(PROBLEM_KINDS[code].level == "error" for code in self.counts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": self.format, "rows": self.rows, "rows_in": self.rows_in, "problems": self.problems,
            "tokens": self.tokens.model_dump(exclude={"problems"}) if self.tokens else {},
            "counts": self.counts, "files": self.files, "notes": self.notes, "unused": self.unused,
        }  # fmt: skip


def check(
    engine: Engine,
    files: Sequence[Path],
    *,
    reading: ReadOptions | None = None,
    layout: Mapping[str, Any] | None = None,
    layouts: Mapping[str, Any] | None = None,
    question: TokenCountRequest | None = None,
    progress: Show = lambda stage, done, total: None,
) -> Report:
    """Reads the files as one dataset, in a worker, and counts the tokens of the question's model where one is given.

    Raises:
        InvalidInput: a file cannot be read at all, has no rows, or can be read in several ways.
    """
    for file in files:
        check_regular(file, file.name)
        check_suffix(file.name)
        if not file.exists():
            raise InvalidInput("There is no file “{file}”.", "Check how its name is spelled.", file=file)
    with tempfile.TemporaryDirectory() as scratch:
        intake = Job(engine, Path(scratch) / "intake")
        intake.prepare(
            IntakeRequest(
                source=FilesSource(files=[FileReference(path=str(file.absolute()), name=file.name) for file in files]),
                reading=reading or ReadOptions(),
                layout=layout and dict(layout),
                layouts=dict(layouts or {}),
            )
        )
        done = _run(intake, "intake", progress)
        summary = done.result(DatasetSummary)
        if summary.unclear:
            raise fault_with_choices(StudioError.from_dict(summary.unclear.as_fault()), summary.unclear)
        report = Report(
            format=(summary.layout or {}).get("format", ""), rows=summary.rows, rows_in=summary.rows_in,
            trainable=summary.trainable or 0, bad_rows=summary.bad_rows, counts=dict(summary.problems),
            files=[file.model_dump(mode="json") for file in summary.files], notes=[note.text for note in summary.notes],
            unused=dict(summary.unused),
        )  # fmt: skip
        problems = [problem for problem, _ in read_problems(intake.folder.path / PROBLEMS)]
        if question is not None and report.rows:
            counting = Job(engine, Path(scratch) / "token-count")
            counting.prepare(question.request_for(done.path))
            report.tokens = _run(counting, "count-tokens", progress).result(TokenSummary)
            report.counts |= report.tokens.problems
            problems += [problem for problem, _ in read_problems(counting.folder.path / PROBLEMS)]
        report.problems = [problem.as_dict() for problem in sorted(problems, key=_place)]
        return report


def _place(problem: Problem) -> tuple[int, int]:
    return problem.file, problem.line


def _run(job: Job, task: str, progress: Show) -> Finished:
    job.start(task)
    try:
        while isinstance(state := job.poll(), Running):
            if isinstance(state.last, Progress):
                progress(state.last.stage, state.last.done, state.last.total)
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        job.stop(force=True)
        raise
    match state:
        case Done(finished):
            job.end()  # its folder goes
            return finished
        case Failed(fault):
            raise InvalidInput(fault.template, fault.remedy_template, **fault.values)
    raise job.why_lost(N_("Check that there is enough memory left, then try again."))
