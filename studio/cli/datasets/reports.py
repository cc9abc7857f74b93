"""What `studio datasets` says of a dataset and its problems, in text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain.datasets.clean_actions import ACTIONS
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import fill
from studio.domain.spec.objectives import usable_part
from studio.services.datasets.check import Report
from studio.store.tables.datasets import Dataset

SHOWN_UNUSED = 12  # columns and fields that are not used, in text
SHOWN_PROBLEMS = 20  # in text; JSON has them all


def remedy_text(dataset: Dataset) -> str:
    """What can be done about rows that cannot be trained on, the mildest first."""
    lines = [f"{dataset.bad_rows} rows cannot be trained on."]
    command = f"studio datasets clean {dataset.reference}"
    for name, count in dataset.details.healable.items():
        if way := next((way for way in ACTIONS[name].ways if way.flag), None):
            lines.append(f"This makes {count} of them usable: {command} {way.flag}")
    if dataset.rows:
        lines.append(f"This leaves them out: {command} --skip-bad")
    else:
        lines.append(
            f"Nothing would be left without them: mend them (studio datasets refused {dataset.reference}), or choose "
            f"other columns: studio datasets read {dataset.reference} --format FORMAT --column PART=COLUMN"
        )
    return "\n".join(lines)


def report_text(report: Report) -> str:
    lines = [f"{report.rows} of {report.rows_in} rows can be read, {report.format}"]
    if part := usable_part(report.format):
        lines.append(part)
    lines += [*report.notes, *unused_text(report.unused)]
    if tokens := report.tokens:
        lines.append(f"{tokens.tokens} tokens, {tokens.trained} of them trained on; longest row {tokens.longest}")
    lines += [
        f"{count:>7}  {PROBLEM_KINDS[code].level:<8} {PROBLEM_KINDS[code].title}"
        for code, count in report.counts.items()
    ]
    if report.problems:
        lines.append(problem_text(report.problems[:SHOWN_PROBLEMS], len(report.problems)))
    return "\n".join(lines)


def unused_text(unused: Mapping[str, int]) -> list[str]:
    """What of the files is not used, in a line, where there is something."""
    shown = [fill("{name} in {n} {n:row|rows}", {"name": name, "n": n}) for name, n in unused.items()]
    more = [f"{len(shown) - SHOWN_UNUSED} more"] if len(shown) > SHOWN_UNUSED else []
    return [f"Not used: {', '.join(shown[:SHOWN_UNUSED] + more)}"] if shown else []


def problem_text(problems: Sequence[Mapping[str, Any]], total: int) -> str:
    lines = [f"{p['line'] or '–'}: {p['message']} {p['remedy']}" for p in problems]
    return "\n".join(lines + ([f"… and {total - len(lines)} more"] if total > len(lines) else []))
