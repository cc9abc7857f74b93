"""Prompt sets and their evaluations, on the playground page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import gradio as gr

from studio.domain import metrics
from studio.domain.errors import InvalidInput, StudioError
from studio.ui.language import language_of, problem_of, remedy_of

if TYPE_CHECKING:
    from studio.app import Studio

ON_A_PAGE = 20
MAX_FILE_BYTES = 20_000_000  # bytes of a list of prompts

Wish = Literal["stop", "resume", "delete"]
Choice = Literal["best", "tie", "bad"]


def prompt_sets(studio: Studio, request: gr.Request | None = None) -> dict[str, Any]:
    """All sets, all evaluations, and the datasets whose rows can become a set."""
    language = language_of(request)
    return {
        "sets": studio.prompt_sets.list(),
        "evaluations": [_evaluation_fields(e, language) for e in studio.evaluations.list()],
        "datasets": [d.reference for d in studio.datasets.list() if d.status == "ready"],
    }


def prompt_set(studio: Studio, id: int, page: int = 1) -> dict[str, Any]:
    """One page of its prompts; pages count from 1. Raises NotFound."""
    return studio.prompt_sets.get(id, page)


def add_prompts(studio: Studio, name: str, text: str, skip_bad: bool = False) -> dict[str, int]:
    """Raises InvalidInput: the name is taken, or a line is not a prompt; its fields name every one of these."""
    return {"id": studio.prompt_sets.add(name, text, skip_bad=skip_bad)}


def add_prompt_file(studio: Studio, name: str, upload: str, skip_bad: bool = False) -> dict[str, int]:
    """As `add_prompts`, of a file that was uploaded, which is taken away.

    Raises:
        InvalidInput: as there, or the file is too large or not UTF-8.
    """
    with studio.uploads.taking([upload]) as [file]:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise InvalidInput("This file is too large for a prompt set.", "Split it, or add it as a dataset.")
        try:
            text = file.read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput("This file is not UTF-8 text.", "Save it as UTF-8, then choose it again.") from error
    return add_prompts(studio, name, text, skip_bad)


def add_dataset_rows(studio: Studio, dataset: str) -> dict[str, int]:
    return {"id": studio.prompt_sets.from_dataset(dataset)}


def runs_with_rows(studio: Studio) -> list[dict[str, Any]]:
    """The newest runs that have kept rows apart."""
    return list(studio.prompt_sets.runs_with_held_out_rows())


def add_run_rows(studio: Studio, run: int) -> dict[str, int]:
    """Raises InvalidInput: the run has no rows to give."""
    return {"id": studio.prompt_sets.from_run(run)}


def rename_prompts(studio: Studio, id: int, name: str) -> None:
    studio.prompt_sets.rename(id, name)


def delete_prompts(studio: Studio, id: int) -> None:
    studio.prompt_sets.delete(id)


def evaluate(
    studio: Studio, id: int, columns: list[dict[str, Any]], sampling: dict[str, str], name: str, key: str
) -> dict[str, int]:
    """Queues a run of the set over the columns. The same `key` queues once."""
    return {"id": studio.evaluations.submit(id, columns, sampling, name, key)}


def evaluation(
    studio: Studio, id: int, page: int = 0, search: str = "", request: gr.Request | None = None
) -> dict[str, Any]:
    """How far it is, its scores per column, what these mean, and one page of prompts with their answers.

    Raises NotFound.
    """
    language = language_of(request)
    answers = studio.evaluations.page(id, page * ON_A_PAGE, ON_A_PAGE, search)
    for row in answers["rows"]:
        row["answers"] = [answer | {"error": _fault_text(answer.get("error"), language)} for answer in row["answers"]]
    return {
        "evaluation": _evaluation_fields(studio.evaluations.get(id), language),
        "summary": studio.evaluations.summary(id)["columns"],
        "metrics": metrics.describe(),
        "rows": answers["rows"],
        "total": answers["total"],
        "pages": -(-answers["total"] // ON_A_PAGE),
    }


def steer(studio: Studio, id: int, wish: Wish) -> None:
    """Raises InvalidInput: in its state the evaluation cannot do that."""
    getattr(studio.evaluations, wish)(id)


def vote_answer(studio: Studio, id: int, place: int, choice: Choice, blind: bool, column: int | None = None) -> None:
    """`place` is that of the prompt in the set, `column` that of the best answer."""
    studio.evaluations.vote(id, place, choice, column, blind)


def evaluation_file(studio: Studio, id: int, format: Literal["csv", "jsonl"]) -> dict[str, str]:
    return {"text": studio.evaluations.export(id, format)}


def _evaluation_fields(evaluation: dict[str, Any], language: str) -> dict[str, Any]:
    return evaluation | {"fault": _fault_text(evaluation["fault"], language)}


def _fault_text(fault: dict[str, Any] | None, language: str) -> dict[str, str] | None:
    if not fault:
        return None
    error = StudioError.from_dict(fault)
    return {"problem": problem_of(error, language), "remedy": remedy_of(error, language)}


HANDLERS = (
    prompt_sets, prompt_set, add_prompts, add_prompt_file, add_dataset_rows, runs_with_rows, add_run_rows,
    rename_prompts, delete_prompts, evaluate, evaluation, steer, vote_answer, evaluation_file,
)  # fmt: skip
