"""The datasets page: files in, what is wrong with them, and their rows as a model will see them."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain.dataset import BadRows
from studio.domain.dataset_formats import Format
from studio.samples import sample_path
from studio.ui.language import language_of, problem_of, remedy_of, sentence_of
from studio.ui.view import uploaded, view

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.store.tables import Dataset, Model

LEAD = "The examples that an adapter learns from. Files are copied into the studio; yours stay as they are."

PAGE = 50  # rows in a preview
LONGEST = 2000  # characters of a row, or of a turn in it, that a list shows
WHOLE = 1_000_000  # characters of one row that is asked for by itself
MOST_PROBLEMS = 200  # that the page lists


def build(studio: Studio) -> None:
    view(
        "datasets",
        partial(listing, studio),
        partial(add, studio),
        partial(add_sample, studio),
        partial(preview, studio),
        partial(whole_row, studio),
        partial(delete, studio),
        skeleton="table",
    )


def listing(studio: Studio) -> dict[str, Any]:
    """Every dataset, the base models that a preview can be rendered for, and the name that the sample would have."""
    return {
        "rows": [_shown(dataset) for dataset in studio.datasets.list()],
        "models": [{"name": m.name, "ready": m.status == "ready"} for m in studio.models.list()],
        "sample": sample_path().stem,
    }


def add(studio: Studio, path: str, name: str, request: gr.Request) -> dict[str, Any]:
    """Takes in the upload at `path`, called `name` where it came from. A file with bad rows is `refused`, with each
    problem's place; the upload is gone in any case.

    Raises:
        InvalidInput: the file cannot be read at all.
    """
    file = uploaded(path)
    try:
        return {"dataset": _shown(studio.datasets.add(file, file_name=Path(name).name or file.name))}
    except BadRows as fault:
        return {"refused": _refusal(fault, language_of(request))}
    finally:
        file.unlink(missing_ok=True)
        with suppress(OSError):
            file.parent.rmdir()


def _refusal(fault: BadRows, language: str) -> dict[str, Any]:
    return {
        "unit": fault.problems[0].unit,
        "count": fault.count,
        "problems": [
            {
                "line": problem.line,
                "field": problem.field,
                "problem": problem_of(problem.error, language),
                "remedy": remedy_of(problem.error, language),
            }
            for problem in fault.problems[:MOST_PROBLEMS]
        ],
    }


def add_sample(studio: Studio) -> dict[str, Any]:
    return {"dataset": _shown(studio.datasets.add_sample())}


def preview(studio: Studio, name: str, request: gr.Request, offset: int = 0, model: str = "") -> dict[str, Any]:
    """One page of rows, rendered for the model, or for the first one that is ready; `model` is empty where none is."""
    chosen = _chosen(studio, model)
    seen = studio.datasets.preview(name, offset, PAGE, model=chosen)
    language = language_of(request)
    return {
        "name": name,
        "offset": offset,
        "page": PAGE,
        "total": seen["total"],
        "model": chosen.name if chosen else "",
        "rows": [shown_row(row, language) for row in seen["rows"]],
    }


def whole_row(studio: Studio, name: str, request: gr.Request, offset: int, model: str = "") -> dict[str, Any]:
    """Row `offset`, without anything cut."""
    (row,) = studio.datasets.preview(name, offset, 1, model=_chosen(studio, model))["rows"]
    return shown_row(row, language_of(request), WHOLE)


def _chosen(studio: Studio, name: str) -> Model | None:
    ready = [model for model in studio.models.list() if model.status == "ready"]
    return next((model for model in ready if model.name == name), ready[0] if ready else None)


def shown_row(row: dict[str, Any], language: str, longest: int = LONGEST) -> dict[str, Any]:
    """A row of `Datasets.preview` as its `turns`, and as the `parts` of its rendered text, [text, is it trained].

    `cut` says how many characters were left out, behind the first `longest` of the rendered text or of a turn.
    """
    turns = row.get("messages") or [{"role": "", "content": row.get("text", "")}]
    shown: dict[str, Any] = {"turns": [_shown_turn(turn, longest) for turn in turns]}
    if (error := row.get("error")) is not None:
        return shown | {"error": sentence_of(error, language)}
    if "rendered" not in row:
        return shown
    text = row["rendered"][:longest]
    parts, here = [], 0
    for start, end in row["spans"]:
        parts += [[text[here:start], False], [text[start:end], True]]
        here = end
    parts.append([text[here:], False])
    return shown | {"parts": [part for part in parts if part[0]], "cut": len(row["rendered"]) - len(text)}


def _shown_turn(turn: dict[str, str], longest: int) -> dict[str, Any]:
    content = turn["content"]
    return {"role": turn["role"], "content": content[:longest], "cut": max(0, len(content) - longest)}


def delete(studio: Studio, name: str) -> None:
    studio.datasets.delete(name)


def _shown(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "name": dataset.name,
        "rows": dataset.rows,
        "format": Format(dataset.format).label,
        "size": dataset.size,
        "file_name": dataset.file_name,
        "created_at": dataset.created_at,
        "details": {key: dataset.details.get(key) for key in ("ignored", "turns", "characters")},
    }
