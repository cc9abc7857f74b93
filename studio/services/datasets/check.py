"""A file checked without being kept."""

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
from studio.domain.events import Failed, Finished, Progress
from studio.engines.base import Engine
from studio.services.datasets.cleaning import PROBLEMS
from studio.services.datasets.service import LOOK
from studio.services.datasets.source_files import check_regular
from studio.services.datasets.token_counts import TokenCountRequest
from studio.store.datasets.problem_file import read_problems
from studio.store.job_folder import JobFolder

Show = Callable[[str, int, int], None]  # stage, done, total


@dataclass
class Report:
    """`rows` counts the good ones, `problems` are all there are, in the file's order; `tokens` is empty where no model
    was asked (else see worker.tokenization.task)."""

    format: str = ""
    rows: int = 0
    rows_in: int = 0
    trainable: int = 0
    bad_rows: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def can_be_trained_on(self) -> bool:
        return self.trainable > 0 and not any(PROBLEM_KINDS[code].level == "error" for code in self.counts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "format": self.format, "rows": self.rows, "rows_in": self.rows_in, "problems": self.problems,
            "tokens": self.tokens, "counts": self.counts, "files": self.files,
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
        InvalidInput: a file cannot be read at all, has no rows, or its columns are those of no known format.
    """
    for file in files:
        check_regular(file, file.name)
        check_suffix(file.name)
        if not file.exists():
            raise InvalidInput("There is no file “{file}”.", "Check how its name is spelled.", file=file)
    with tempfile.TemporaryDirectory() as scratch:
        folder = JobFolder(Path(scratch) / "intake")
        folder.prepare(
            {
                "sources": [{"path": str(file.absolute()), "name": file.name} for file in files],
                "reading": (reading or ReadOptions()).model_dump(), "layout": layout, "layouts": layouts,
            }
        )  # fmt: skip
        done = _run(engine, "intake", folder, progress)
        if unclear := done.details.get("unclear"):
            raise InvalidInput.from_dict(unclear)
        report = Report(
            format=done.details["layout"]["format"], counts=done.details["problems"],
            **{key: done.details[key] for key in ("rows", "rows_in", "trainable", "bad_rows", "files")},
        )  # fmt: skip
        found = [problem for problem, _ in read_problems(folder.path / PROBLEMS)]
        if question is not None and report.rows:
            counting = JobFolder(Path(scratch) / "examined")
            counting.prepare(question.request_for(done.path))
            report.tokens = _run(engine, "examine", counting, progress).details
            report.counts |= report.tokens.pop("problems", {})
            found += [problem for problem, _ in read_problems(counting.path / PROBLEMS)]
        report.problems = [problem.as_dict() for problem in sorted(found, key=_place)]
        return report


def _place(problem: Problem) -> tuple[int, int]:
    return problem.file, problem.line


def _run(engine: Engine, task: str, folder: JobFolder, progress: Show) -> Finished:
    process = engine.start(task, folder.path)
    try:
        while engine.is_alive(process):
            if isinstance(last := folder.last_event(), Progress):
                progress(last.stage, last.done, last.total)
            time.sleep(LOOK)
    except KeyboardInterrupt:
        engine.stop(process, force=True)
        raise
    match folder.last_event():
        case Finished() as finished:
            return finished
        case Failed() as failed:
            raise InvalidInput.from_dict(failed.told)
    raise StudioError(
        "Reading ended unexpectedly: {log}", "Check that there is enough memory left.", log=folder.log_tail()
    )
