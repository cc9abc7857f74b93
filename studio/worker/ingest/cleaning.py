"""Cleans: the rows of an earlier version become another one, after what each action does to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from studio.domain.datasets.clean_actions import ACTIONS, Action, Value
from studio.domain.datasets.formats import read_layout
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.problem_kinds import READING_WARNINGS
from studio.domain.datasets.row_parts import Row
from studio.domain.jobs.ingest import CleanSource, DatasetSummary
from studio.store.datasets.problem_file import read_problems, rows_with
from studio.store.datasets.refused_file import read_refused
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


STEPS: dict[str, Callable[[CleanSource, Value], Step]] = {"trim": _trim}
"""By action. Without one, an action leaves out the rows that have a problem that it fixes."""


def clean(source: CleanSource, folder: Path, report: Reporter) -> DatasetSummary:
    """The rows of an earlier version, cleaned: written into `folder` as a version of their own."""
    layout = read_layout(source.parent.layout or {})
    steps = [(action, _step(source, action, value)) for action, value in source.actions.items()]
    left_out = {action.counted_as: 0 for action in ACTIONS.values()}
    changed_counts = {name: 0 for name, action in ACTIONS.items() if action.changes_rows}
    skipping = next((action for action, _ in steps if action.traits.skips_bad_rows), None)
    # What only reading the files can tell. All else is found anew in the rows.
    warnings: dict[int, list[Problem]] = {}
    for problem, number in read_problems(source.problems_path, codes=READING_WARNINGS):
        warnings.setdefault(number, []).append(problem)
    done = 0
    with VersionWriter(folder, layout.format.kind) as writer:
        if skipping is not None:
            left_out[skipping.counted_as] = source.parent.bad_rows
        else:
            writer.carry_over(
                read_problems(source.problems_path), read_refused(source.refused_path), source.parent.bad_rows
            )
        for batch in read_batches(source.rows_path):
            rows: dict[int, Row] = dict(enumerate(rows_from(batch), done))
            for action, step in steps:
                new = step(list(rows), list(rows.values()))
                left_out[action.counted_as] += new.count(None)
                if action.changes_rows:
                    changed_counts[action.name] += sum(
                        row is not None and row != old for row, old in zip(new, rows.values(), strict=True)
                    )
                rows = {number: row for number, row in zip(rows, new, strict=True) if row is not None}
            lines, files = batch["line"].to_pylist(), batch["file"].to_pylist()
            for number, row in rows.items():
                place = lines[number - done], files[number - done]
                writer.accept(row, *place, layout, warnings.get(number, ()))
            done += len(lines)
            report("cleaning", done, source.rows)
        summary = writer.finish(lambda done, total: report("comparing", done, total))
    fields = source.parent.model_dump(exclude_unset=True) | summary.model_dump(exclude_unset=True)
    counts = {"left_out": left_out, "trimmed": changed_counts["trim"], "changed": changed_counts}
    return DatasetSummary.model_validate(fields | counts)


def _step(source: CleanSource, action: Action, value: Value) -> Step:
    return STEPS.get(action.name, partial(_leave_out, action))(source, value)


def _leave_out(action: Action, source: CleanSource, value: Value) -> Step:
    """Of the rows, those with a problem that the action fixes."""
    problem_files = [path for path in (source.problems_path, source.counted_path) if path]
    rows_to_drop = {row for path in problem_files for row in rows_with(path, action.fixes(value))}
    return lambda numbers, rows: [None if n in rows_to_drop else row for n, row in zip(numbers, rows, strict=True)]
