"""Cleans: the rows of an earlier version become another one, after what each action does to them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from studio.domain.datasets.clean_actions import ACTIONS, Action, Value
from studio.domain.datasets.formats import Layout, read_layout
from studio.domain.datasets.healing import HEALING, Healed, healed, parse_raw
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.problem_kinds import READING_WARNINGS
from studio.domain.datasets.row_parts import Row
from studio.domain.datasets.text_mending import TEXT_ACTIONS, mend_row
from studio.domain.errors import InvalidInput
from studio.domain.jobs.ingest import CleanSource, DatasetSummary, layouts_of_files
from studio.store.datasets.folder import EDITS, NEAR_FILE
from studio.store.datasets.near_file import near_rows
from studio.store.datasets.problem_file import ProblemLookup, read_problems, row_of_refused, rows_with
from studio.store.datasets.refused_file import RefusedRow, read_refused
from studio.store.datasets.row_file import read_batches, rows_from
from studio.worker.common.progress import Reporter
from studio.worker.ingest.writer import VersionWriter

Step = Callable[[Sequence[int], Sequence[Row]], Sequence[Row | None]]
"""Does an action to rows of one kind, of which the numbers are given too; None is a row that is left out."""


def _trim(source: CleanSource, most: Value) -> Step:
    from studio.worker.ingest.trim import Trimmer

    if source.tokenizer is None:
        raise ValueError("rows are to be trimmed without a tokenizer")
    trimmer = Trimmer(source.tokenizer.model, source.tokenizer.chat_template, int(most))
    return lambda _numbers, rows: trimmer.trim(rows)


def _mend_texts(action: str, source: CleanSource, value: Value) -> Step:
    """Of the rows in whose texts something was found, and of those that were made usable just now."""
    rows_to_mend = _rows_with(source, ACTIONS[action].fixes(value))
    mend = TEXT_ACTIONS[action]
    return lambda numbers, rows: [
        mend_row(row, mend) if number < 0 or number in rows_to_mend else row
        for number, row in zip(numbers, rows, strict=True)
    ]


def _drop_duplicates(source: CleanSource, value: Value) -> Step:
    """With a threshold, near duplicates from there on, whatever of them is a problem; the first of a group stays."""
    action = ACTIONS["drop_duplicates"]
    if not isinstance(value, float):
        return _leave_out(action, source, value)
    near_path = Path(source.problems_path).with_name(NEAR_FILE)
    rows_to_drop = near_rows(near_path, value) | rows_with(source.problems_path, action.fixes("exact"))
    return lambda numbers, rows: [None if n in rows_to_drop else row for n, row in zip(numbers, rows, strict=True)]


STEPS: dict[str, Callable[[CleanSource, Value], Step]] = {
    "trim": _trim,
    "drop_duplicates": _drop_duplicates,
    **{name: partial(_mend_texts, name) for name in TEXT_ACTIONS},
}
"""By action. Without one, an action leaves out the rows that have a problem that it fixes; those of HEALING are done
before."""


@dataclass(frozen=True)
class _Placed:
    """A row of the files that could not be used, made usable; it goes to its place among the others."""

    number: int
    refused: RefusedRow
    layout: Layout
    mended: Healed


@dataclass(frozen=True)
class _Edits:
    """What becomes of single rows, of those that could not be used, and which are new; None is left out."""

    rows: dict[int, Row | None] = field(default_factory=dict)
    refused: dict[int, Row | None] = field(default_factory=dict)
    new: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> _Edits:
        edits = cls()
        with path.open("rb") as file:
            for edit in map(json.loads, file):
                if edit["row"] is not None:
                    edits.rows[edit["row"]] = edit["content"]
                elif edit["refused"] is not None:
                    edits.refused[edit["refused"]] = edit["content"]
                else:
                    edits.new.append(edit["content"])
        return edits

    def done_to(self, rows: dict[int, Row]) -> dict[int, Row]:
        edited = {number: self.rows.get(number, row) for number, row in rows.items()}
        return {number: row for number, row in edited.items() if row is not None}


def clean(source: CleanSource, folder: Path, report: Reporter) -> DatasetSummary:
    """The rows of an earlier version, cleaned: written into `folder` as a version of their own.

    Raises:
        InvalidInput: nothing would be left.
    """
    layout = read_layout(source.parent.layout or {})
    steps = [
        (action, _step(source, action, value)) for action, value in source.actions.items() if action.name not in HEALING
    ]
    left_out = {action.counted_as: 0 for action in ACTIONS.values() if action.leaves_out_rows}
    changed_counts = {name: 0 for name, action in ACTIONS.items() if action.changes_rows}
    # What only reading the files can tell. All else is found anew in the rows.
    warnings: dict[int, list[Problem]] = {}
    for problem, number in read_problems(source.problems_path, codes=READING_WARNINGS):
        warnings.setdefault(number, []).append(problem)

    def done_to(rows: dict[int, Row]) -> dict[int, Row]:
        for action, step in steps:
            new = step(list(rows), list(rows.values()))
            if action.leaves_out_rows:
                left_out[action.counted_as] += new.count(None)
            if action.changes_rows:
                changed_counts[action.name] += sum(
                    row is not None and row != old for row, old in zip(new, rows.values(), strict=True)
                )
            rows = {number: row for number, row in zip(rows, new, strict=True) if row is not None}
        return rows

    edits = _Edits.read(folder / EDITS) if source.edits else _Edits()

    done = 0
    with VersionWriter(folder, layout.format.kind) as writer:
        placed = _refused_rows(source, edits, writer, left_out, changed_counts)
        of_refused = done_to({row_of_refused(each.number): each.mended.row for each in placed})
        waiting = deque(each for each in placed if row_of_refused(each.number) in of_refused)

        def place(before: tuple[int, int] | None) -> None:
            while waiting and (before is None or (waiting[0].refused.file, waiting[0].refused.line) < before):
                each = waiting.popleft()
                row = of_refused[row_of_refused(each.number)]
                writer.accept(row, each.refused.line, each.refused.file, each.layout, each.mended.warnings)

        for batch in read_batches(source.rows_path):
            rows = done_to(edits.done_to(dict(enumerate(rows_from(batch), done))))
            lines, files = batch["line"].to_pylist(), batch["file"].to_pylist()
            for number, row in rows.items():
                line, file = lines[number - done], files[number - done]
                place((file, line) if line else None)  # one that was added has no line, and stands behind all others
                writer.accept(row, line, file, layout, warnings.get(number, ()))
            done += len(lines)
            report("cleaning", done, source.rows)
        place(None)
        for row in edits.new:
            writer.accept(row, 0, 0, layout)
        if not writer.rows:
            raise InvalidInput("Nothing would be left of the dataset.", "Mend its rows instead of leaving them out.")
        summary = writer.finish(lambda done, total: report("comparing", done, total))
    fields = source.parent.model_dump(exclude_unset=True) | summary.model_dump(exclude_unset=True)
    (folder / EDITS).unlink(missing_ok=True)
    counts = {"left_out": left_out, "trimmed": changed_counts["trim"], "changed": changed_counts}
    return DatasetSummary.model_validate(fields | counts)


def _refused_rows(
    source: CleanSource,
    edits: _Edits,
    writer: VersionWriter,
    left_out: dict[str, int],
    changed_counts: dict[str, int],
) -> list[_Placed]:
    """Those rows of the files that could not be used and now can be, in the order of the files. The others are carried
    over, or left out where that is asked."""
    asked = {action.name for action, _ in source.actions.items()}
    skipping = next((action for action, _ in source.actions.items() if action.traits.skips_bad_rows), None)
    layouts = layouts_of_files(source.parent)
    placed: list[_Placed] = []
    seen = 0
    with ProblemLookup(source.problems_path) as lookup:
        for number, refused in read_refused(source.refused_path):
            seen += 1
            if number in edits.refused:
                if (row := edits.refused[number]) is not None:
                    placed.append(_Placed(number, refused, layouts[min(refused.file, len(layouts) - 1)], Healed(row)))
                continue
            own = lookup.of(row_of_refused(number))
            file_layout = layouts[min(refused.file, len(layouts) - 1)]
            raw = parse_raw(refused.raw) if refused.parsed else None
            mended = healed(file_layout, raw, own, refused.line, refused.file, asked)
            if mended is not None:
                placed.append(_Placed(number, refused, file_layout, mended))
                for name in mended.actions:
                    changed_counts[name] += 1
            elif skipping is not None:
                left_out[skipping.counted_as] += 1
            else:
                can = healed(file_layout, raw, own, refused.line, refused.file)
                writer.refuse(own, refused, can.actions if can else ())
        unknown = source.parent.bad_rows - seen
        if skipping is not None:
            left_out[skipping.counted_as] += unknown
        else:
            lost = chain(lookup.of(-1), lookup.between(row_of_refused(2**62), row_of_refused(seen)))
            writer.refuse_unknown((problem for problem in lost if problem.kind.level == "error"), unknown)
    return sorted(placed, key=lambda each: (each.refused.file, each.refused.line))


def _step(source: CleanSource, action: Action, value: Value) -> Step:
    return STEPS.get(action.name, partial(_leave_out, action))(source, value)


def _leave_out(action: Action, source: CleanSource, value: Value) -> Step:
    """Of the rows, those with a problem that the action fixes."""
    rows_to_drop = _rows_with(source, action.fixes(value))
    return lambda numbers, rows: [None if n in rows_to_drop else row for n, row in zip(numbers, rows, strict=True)]


def _rows_with(source: CleanSource, codes: Sequence[str]) -> set[int]:
    problem_files = [path for path in (source.problems_path, source.counted_path) if path]
    return {row for path in problem_files for row in rows_with(path, codes)}
