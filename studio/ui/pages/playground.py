"""The playground page: base and adapters answer the same prompt side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr
from pydantic import ValidationError

from studio.domain.chat import Message, Sampling
from studio.domain.errors import InvalidInput, StudioError
from studio.services.playground import Column, ColumnState
from studio.ui.language import language_of, problem_of, remedy_of
from studio.ui.view import view

if TYPE_CHECKING:
    from studio.app import Studio

LEAD = "The same prompt, the same seed, one column for each model."


def build(studio: Studio) -> None:
    view("playground", partial(options, studio), check, streams=[partial(answer, studio)], skeleton="cards")


def options(studio: Studio) -> dict[str, Any]:
    models = [{"name": m.name, "reference": m.reference} for m in studio.models.list() if m.status == "ready"]
    adapters = [{"id": a.id, "name": a.name, "base_name": a.base_name} for a in studio.adapters.list()]
    return {"models": models, "adapters": adapters}


def check(sampling: dict[str, str]) -> None:
    """Raises InvalidInput with each number at fault in `fields`."""
    sampling_of(sampling)


def sampling_of(values: dict[str, str]) -> Sampling:
    try:
        return Sampling.model_validate(values)
    except ValidationError as error:
        faults = {str(item["loc"][0]): _FAULTS[str(item["loc"][0])] for item in error.errors()}
        first = next(iter(faults.values()))
        raise InvalidInput(first.template, fields=faults) from error


_FAULTS = {
    "temperature": StudioError("Enter a number from 0 to 2."),
    "top_p": StudioError("Enter a number above 0, up to 1."),
    "max_tokens": StudioError("Enter a whole number of at least 1."),
    "seed": StudioError("Enter a whole number of at least 0."),
}


def answer(
    studio: Studio,
    model: str,
    columns: list[dict[str, Any]],
    sampling: dict[str, str],
    precision: str = "auto",
    request: gr.Request | None = None,
) -> Iterator[dict[str, Any]]:
    """Yields what every column has said so far, and before that what is being waited for."""
    asked = [Column(c["adapter"], [Message.model_validate(m) for m in c["messages"]]) for c in columns]
    language = language_of(request)
    for moment in studio.playground.compare(model, asked, sampling_of(sampling), precision=precision):
        yield {"status": moment.status, "columns": [_shown(state, language) for state in moment.columns]}


def _shown(state: ColumnState, language: str) -> dict[str, Any]:
    fault = state.error
    error = {"problem": problem_of(fault, language), "remedy": remedy_of(fault, language)} if fault else None
    return asdict(replace(state, error=None)) | {"error": error}
