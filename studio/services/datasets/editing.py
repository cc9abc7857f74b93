"""Single rows of a version, also those that could not be used: looked at with what is wrong with them, and edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from studio.domain.datasets.edits import Edit, EditedRow, edited
from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.healing import parse_raw
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import Row
from studio.domain.datasets.rows import draft_row
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.jobs.ingest import layouts_of_files
from studio.services.datasets.status import check_ready
from studio.store.datasets.folder import PROBLEMS, REFUSED
from studio.store.datasets.problem_file import ProblemLookup, row_of_refused
from studio.store.datasets.refused_file import RefusedRow, count_refused, read_refused
from studio.store.datasets.row_file import RowLookup
from studio.store.datasets.row_lines import row_line
from studio.store.tables.datasets import Dataset

MAX_BYTES = 1 << 26  # of all rows that are edited at once

_CAN_BE_DRAFTED = {
    "missing", "empty", "no_turns", "wrong_type", "broken_character", "unknown_role", "late_system", "same_role",
    "no_answer", "not_one_answer", "same_answers", "no_verdict",
}  # fmt: skip
"""With other errors, something that was written would be lost in a draft."""


@dataclass(frozen=True)
class RowInFile:
    """A row of a version, or one that could not be used, with its place and its problems. `base` is what an edit of it
    begins with: the row, or as much of one as could be read; None where that is nothing. `raw` is what stood in the
    file, where the row could not be used."""

    number: int
    line: int
    file: int
    base: Row | None
    problems: list[Problem]
    raw: str | None = None
    parsed: bool = True


def kind_of(dataset: Dataset) -> str:
    return Format(dataset.format).kind


def row_of(dataset: Dataset, number: int) -> RowInFile:
    """Row `number` of the version. Raises NotFound."""
    check_ready(dataset)
    if not 0 <= number < dataset.rows:
        raise _no_such_row(dataset, dataset.rows)
    with readable(dataset):
        with RowLookup(dataset.rows_path) as lookup:
            ((line, file),), (row,) = lookup.places([number]), lookup.rows([number])
        with ProblemLookup(dataset.own_folder / PROBLEMS) as problems:
            return RowInFile(number, line, file, row, problems.of(number))


def refused_row(dataset: Dataset, number: int) -> RowInFile:
    """Row `number` of those that could not be used. Raises NotFound."""
    rows, total = refused_rows(dataset, number, 1)
    if not rows:
        raise _no_such_row(dataset, total)
    return rows[0]


def refused_rows(dataset: Dataset, offset: int = 0, limit: int | None = None) -> tuple[list[RowInFile], int]:
    """Those that could not be used, from the `offset`-th on, and how many there are in all; a version of an older
    studio has kept none."""
    check_ready(dataset)
    layouts = layouts_of_files(dataset.details)
    path = dataset.own_folder / REFUSED
    with readable(dataset), ProblemLookup(dataset.own_folder / PROBLEMS) as problems:
        rows = [
            _refused(number, row, problems.of(row_of_refused(number)), layouts)
            for number, row in read_refused(path, max(0, offset), limit)
        ]
        return rows, count_refused(path)


def _refused(number: int, row: RefusedRow, problems: list[Problem], layouts: Sequence[Layout]) -> RowInFile:
    base = None
    codes = {problem.code for problem in problems}
    if row.parsed and codes <= _CAN_BE_DRAFTED and isinstance(raw := parse_raw(row.raw), dict):
        draft, _, _ = draft_row(layouts[min(row.file, len(layouts) - 1)], raw, row.line, row.file)
        base = draft if any(draft.get(part) for part in draft if part not in ("label", "tools")) else None
    return RowInFile(number, row.line, row.file, base, problems, row.raw, row.parsed)


def look_up(dataset: Dataset, edit: Edit) -> RowInFile | None:
    """The row that is edited; None where it is a new one. Raises NotFound."""
    if edit.row is not None:
        return row_of(dataset, edit.row)
    return None if edit.refused is None else refused_row(dataset, edit.refused)


def check_edit(dataset: Dataset, edit: Edit, row: RowInFile | None = None) -> EditedRow:
    """What comes of an edit that leaves nothing out, and what is wrong with that.

    Raises:
        NotFound: there is no such row.
        InvalidInput: a path leads nowhere.
    """
    row = row or look_up(dataset, edit)
    layouts = layouts_of_files(dataset.details)
    file = row.file if row else 0
    return edited(
        edit,
        row.base if row else None,
        kind_of(dataset),
        layouts[min(file, len(layouts) - 1)],
        row.line if row else 0,
        file,
    )


def edit_lines(dataset: Dataset, edits: Sequence[Edit]) -> tuple[bytes, dict[str, int]]:
    """The rows that come of the edits, a line each, as the worker reads them; and how many are edited, dropped, added
    and mended.

    Raises:
        NotFound: there is no such row.
        InvalidInput: one of them cannot be used as it would be; or nothing would be left.
    """
    lines: list[bytes] = []
    size = 0
    for number, edit in enumerate(edits):
        content = None
        row = look_up(dataset, edit)
        if not edit.drop:
            result = check_edit(dataset, edit, row)
            if result.row is None:
                raise InvalidInput.at(f"edits[{number}]", result.errors[0].error)
            content = result.row
        line = _line(edit, content)
        size += len(line)
        if size > MAX_BYTES:
            raise InvalidInput("The edited rows are larger than 64 MB.", "Save them in parts.")
        lines.append(line)
    counts = Counter(edit.done for edit in edits)
    dropped_rows = sum(edit.drop and edit.row is not None for edit in edits)
    if dataset.rows + counts["added"] + counts["mended"] == dropped_rows:
        raise InvalidInput("Nothing would be left of the dataset.", "Delete it instead.")
    return b"".join(lines), dict(counts)


def _line(edit: Edit, content: Row | None) -> bytes:
    head: dict[str, Any] = {"row": edit.row, "refused": edit.refused}
    return (
        orjson.dumps(head)[:-1]
        + b',"content":'
        + (row_line(content) if content is not None else b"null\n")[:-1]
        + b"}\n"
    )


def _no_such_row(dataset: Dataset, count: int) -> NotFound:
    return NotFound("“{name}” has no such row.", "It has {count}: reload the page.", name=dataset.name, count=count)


@contextmanager
def readable(dataset: Dataset) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StudioError(
            "The rows of “{name}” cannot be read: {reason}.", "Delete the dataset and add its file again.",
            name=dataset.name, reason=error.strerror or str(error),
        ) from error  # fmt: skip
