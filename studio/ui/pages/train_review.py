"""What a run would not learn of its rows, found before it starts."""

from __future__ import annotations

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

NOTHING_TO_REVIEW: dict[str, Any] = {"status": "none", "rows": 0, "done": 0, "total": 0, "notes": []}
AUTOMATIC_ROWS = 20_000  # rows up to which they are looked at without being asked

_NOTES = {
    "template_refuses": N_("{n} of {rows} rows {n:is|are} refused by the chat template: training cannot start."),
    "no_trained_token": N_("{n} of {rows} rows {n:is|are} left out: nothing to train on within max length."),
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


def token_review(studio: Studio, spec: RunSpec, language: str, *, start: bool) -> dict[str, Any]:
    """{"status": none, running, done or failed; "rows" in all; "done", "total" rows; "notes": each {"code", "said",
    "remedy", "example"}}. `start` also begins to look at very many rows.

    Raises:
        StudioError: the model or the dataset cannot be used yet.
    """
    dataset = studio.datasets.get(spec.data.name)
    if dataset.format not in spec.objective.formats:
        return NOTHING_TO_REVIEW
    question = TokenCountRequest(
        studio.models.ready(spec.model.name),
        max_length=spec.training.max_length,
        chat_template=spec.model.chat_template,
        answers_only=spec.data.answers_only,
        objective=spec.objective.kind,
    )
    token_count = studio.token_counts.look(dataset, question)
    begins = start or (token_count.status == "none" and dataset.rows <= AUTOMATIC_ROWS)
    if begins:  # what failed is not begun again by whoever only looks: it would fail again, second by second
        token_count = studio.token_counts.start(dataset, question)
    return {
        "status": token_count.status,
        "rows": dataset.rows,
        "done": token_count.done,
        "total": token_count.total,
        "notes": _notes(dataset, token_count, language) if token_count.status == "done" else [],
    }


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
