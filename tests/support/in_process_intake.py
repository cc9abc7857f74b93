"""Files taken in by the intake worker's own code, in the test's process."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.domain.datasets.problem import Problem
from studio.domain.events import Finished
from studio.domain.jobs.ingest import DatasetSummary, FileReference, FilesSource, IntakeRequest
from studio.store.datasets.problem_file import read_problems, refused_number
from studio.store.datasets.refused_file import RefusedRow, read_refused
from studio.store.datasets.row_file import read_batches, read_rows
from studio.store.job_folder import JobFolder
from studio.worker.ingest import task as intake

Content = bytes | str
_PLACEHOLDER = re.compile(r"\{\w*\}|\{\{|\}\}")


@dataclass(frozen=True)
class Taken:
    """A version as the worker left it in `folder`. `problems` come with their row's index in `rows`, -1 of a row that
    is not in there; `lines` are the rows' places, (line, file)."""

    folder: Path
    rows: list[dict[str, Any]]
    lines: list[tuple[int, int]]
    problems: list[tuple[Problem, int]]
    details: DatasetSummary
    refused: list[RefusedRow] = field(default_factory=list)

    @property
    def places(self) -> list[tuple[int, str, str]]:
        return [(problem.line, problem.code, problem.field) for problem, _ in self.problems]

    @property
    def layout(self) -> dict[str, Any]:
        assert self.details.layout is not None
        return self.details.layout


def write_files(folder: Path, files: Mapping[str, Content]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [folder / name for name in files]


def take_in(folder: Path, files: Mapping[str, Content], **request: Any) -> Taken:
    """The files as one dataset, after a look that what the worker says of it adds up.

    Raises:
        InvalidInput: nothing can be read of them.
    """
    paths = write_files(folder / "files", files)
    source = FilesSource(files=[FileReference(path=str(path), name=path.name) for path in paths])
    return run_intake(folder / "intake", IntakeRequest(source=source, **request))


def run_intake(folder: Path, request: IntakeRequest) -> Taken:
    run = JobFolder(folder)
    run.prepare(request)
    intake.main(folder)
    finished = run.last_event()
    assert isinstance(finished, Finished)
    details = finished.result(DatasetSummary)
    if details.unclear:
        return Taken(folder, [], [], [], details)
    rows = read_rows(finished.path, 0, details.rows + 1)
    lines = [
        place
        for batch in read_batches(finished.path)
        for place in zip(batch["line"].to_pylist(), batch["file"].to_pylist(), strict=True)
    ]
    problems = list(read_problems(folder / "problems.arrow"))
    assert details.rows == len(rows) == len(lines)
    assert details.rows_in == details.rows + details.bad_rows
    assert details.problems == Counter(problem.code for problem, _ in problems)
    refused = dict(read_refused(folder / "refused.arrow"))
    assert details.bad_rows == len(refused)
    assert details.refused_kept == sum(row.raw is not None for row in refused.values())
    bad = [(problem, refused_number(row)) for problem, row in problems if problem.kind.level == "error"]
    assert {number for _, number in bad} == set(refused)
    for problem, number in bad:
        assert number is not None
        assert refused[number].file == problem.file
    problems = [(problem, max(row, -1)) for problem, row in problems]
    check_words([problem for problem, _ in problems])
    return Taken(folder, rows, lines, problems, details, list(refused.values()))


def check_words(problems: Sequence[Problem]) -> None:
    """Whatever is wrong is said in whole sentences, and so is what to do."""
    for problem in problems:
        said = problem.as_dict()
        for words in (said["message"], said["remedy"], problem.kind.title):
            assert words.strip() == words != "", problem
        values = {str(value) for value in problem.values.values()}
        if not any("{" in value or "}" in value for value in values | {problem.field}):
            examples = said["message"] + said["remedy"].replace('{"name": "…", "arguments": {…}}', "")
            assert not _PLACEHOLDER.search(examples), said
