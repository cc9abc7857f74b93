"""What a run would not learn of its rows, found before it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import RunSpec
from studio.domain.translation import N_
from studio.services.datasets.token_counts import TokenCount, TokenCountRequest
from studio.store.datasets.folder import PROBLEMS
from studio.store.datasets.problem_file import read_problems
from studio.ui.language import problem_of, translate

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.store.tables.datasets import Dataset

NOTHING_TO_REVIEW: dict[str, Any] = {"status": "none", "rows": 0, "done": 0, "total": 0, "tokens": [], "notes": []}
AUTOMATIC_ROWS = 20_000  # rows up to which they are looked at without being asked

_NOTES = {
    "template_refuses": N_("{n} of {rows} rows {n:is|are} refused by the chat template: training cannot start."),
    "no_trained_token": N_("{n} of {rows} rows {n:is|are} left out: nothing to train on within max length."),
    "leakage": N_("{n} of {rows} rows {n:is|are} also in the validation set."),
    "call_dropped": N_("{n} of {rows} rows: tool calls are not trained on, since the chat template leaves them out."),
    "reasoning_dropped": N_("{n} of {rows} rows: reasoning is not trained on, since the chat template leaves it out."),
    "prefix_differs": N_("{n} of {rows} rows: an answer starts differently than at inference."),
    "turn_dropped": N_(
        "{n} of {rows} rows: the model does not see a whole turn, since the chat template leaves it out."
    ),
    "tools_dropped": N_(
        "{n} of {rows} rows: the model does not see its tools, since the chat template leaves them out."
    ),
}


def token_review(studio: Studio, spec: RunSpec, language: str, *, start: bool, again: bool = False) -> dict[str, Any]:
    """{"status": none, running, done or failed; "rows" in all; "done", "total" rows; "tokens" of a row on average, by
    dataset, None where they are not counted; "notes": each {"dataset", "code", "said", "remedy", "example"}, where the
    dataset is named if there are several}. `start` also begins to look at very many rows, `again` at those where it
    failed. The rows of one dataset are looked at after those of another.

    Raises:
        StudioError: the model or a dataset cannot be used yet.
    """
    datasets = [studio.datasets.get(name) for name in spec.data.names]
    if any(dataset.format not in spec.objective.formats for dataset in datasets):
        return NOTHING_TO_REVIEW
    validation = studio.datasets.get(spec.data.validation_name) if spec.data.validation_name else None
    question = TokenCountRequest(
        studio.models.ready(spec.model.name),
        max_length=spec.training.max_length,
        chat_template=spec.model.chat_template,
        answers_only=spec.data.answers_only,
        objective=spec.objective.kind,
        validation=validation if validation and validation.status == "ready" else None,
    )
    counts = [studio.token_counts.look(dataset, question) for dataset in datasets]
    is_asked = start or sum(dataset.rows for dataset in datasets) <= AUTOMATIC_ROWS
    if is_asked and all(count.status != "running" for count in counts):
        # What failed is not begun again by whoever only looks: it would fail again, second by second.
        waits = ("none", "failed") if again else ("none",)
        if (place := next((at for at, count in enumerate(counts) if count.status in waits), None)) is not None:
            counts[place] = studio.token_counts.start(datasets[place], question)
    return {
        "status": _status([count.status for count in counts]),
        "rows": sum(dataset.rows for dataset in datasets),
        "done": sum(count.done for count in counts),
        "total": sum(dataset.rows for dataset in datasets),
        "tokens": [_row_tokens(count) for count in counts],
        "notes": [
            {"dataset": dataset.name if len(datasets) > 1 else "", **note}
            for dataset, count in zip(datasets, counts, strict=True)
            if count.status == "done"
            for note in _notes(dataset, count, language)
        ],
    }


def _status(statuses: Sequence[str]) -> str:
    """That of all together: what is worst, or what is not at its end."""
    return next(each for each in ("running", "failed", "none", "done") if each in statuses)


def _row_tokens(count: TokenCount) -> float | None:
    """Tokens within max length, of a row on average."""
    details = count.details
    if count.status != "done" or not details.train_rows:
        return None
    return (details.tokens - details.lost) / details.train_rows


def _notes(dataset: Dataset, token_count: TokenCount, language: str) -> list[dict[str, str]]:
    counts = token_count.details.problems
    rows = f"{dataset.trainable_rows:,}"
    return [
        {
            "code": code,
            "said": translate(sentence, language, n=f"{counts[code]:,}", rows=rows),
            "remedy": translate(PROBLEM_KINDS[code].remedy, language),
            "example": _example(token_count, code, language),
        }
        for code, sentence in _NOTES.items()
        if counts.get(code)
    ]


def _example(token_count: TokenCount, code: str, language: str) -> str:
    """The first row that is like that."""
    for problem, row in read_problems(token_count.folder / PROBLEMS, 0, 1, codes=[code]):
        fault: StudioError = problem.error
        return translate("Row {row}: {problem}", language, row=f"{row + 1:,}", problem=problem_of(fault, language))
    return ""
