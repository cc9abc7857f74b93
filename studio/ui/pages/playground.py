"""The playground page: columns of models and adapters answer the same prompt side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import gradio as gr
from pydantic import BaseModel, Field, ValidationError

from studio.domain.chat.sampling import Message, Sampling
from studio.domain.columns import Column
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.run import RunStatus
from studio.domain.translation import N_
from studio.services.adapters.locate import fits
from studio.services.playground.columns import ColumnPrompt, ColumnState
from studio.ui.language import language_of, problem_of, remedy_of
from studio.ui.page import Page
from studio.ui.pages import playground_sets
from studio.ui.presenters.colours import colour_of
from studio.ui.view import view

if TYPE_CHECKING:
    from studio.app import Studio

PAGE = Page("playground", N_("Playground"), order=4, icon="M4 5h16v11h-9l-5 4v-4H4z")
LEAD = N_("The same prompt, the same seed, one column for each model.")

Choice = Literal["best", "tie", "bad"]


class AskedColumn(BaseModel):
    """A column, and what it is asked."""

    column: Column
    messages: list[Message] = Field(min_length=1)


def build(studio: Studio) -> None:
    handlers = (
        options, vote, standings, votes_history, delete_comparison, votes_file, conversations, conversation,
        keep_conversation, rename_conversation, delete_conversation, *playground_sets.HANDLERS,
    )  # fmt: skip
    bound_handlers = [partial(handler, studio) for handler in handlers]
    view("playground", check, *bound_handlers, streams=[partial(answer, studio)], skeleton="cards")


# Columns and their answers


def options(studio: Studio, runs: Sequence[int] = ()) -> dict[str, Any]:
    """What a column can be made of: ready models, adapters with the models that they fit, checkpoints of runs that
    train now; the address of the server that answers in place of this machine, if there is one; and what has become
    of `runs` whose checkpoints are in columns."""
    models = [m for m in studio.models.list() if m.status == "ready"]
    adapters = [
        {
            "id": a.id, "name": a.name, "base_name": a.base_name, "colour": colour_of(a),
            "fits": [m.name for m in models if fits(a, m)],
        }
        for a in studio.adapters.list()
    ]  # fmt: skip
    checkpoints = [
        {
            "run": run.id,
            "name": run.name,
            "model": run.model_name,
            "step": checkpoint.step,
            "eval_loss": checkpoint.eval_loss,
        }
        for run in studio.catalogue.runs_with_worker()
        for checkpoint in studio.checkpoints.list(run.id)
    ]
    return {
        "models": [{"name": m.name, "reference": m.reference} for m in models],
        "adapters": adapters,
        "checkpoints": checkpoints,
        "server": _server(studio),
        "runs": [_what_became_of(studio, id) for id in runs],
    }


def _what_became_of(studio: Studio, id: int) -> dict[str, Any]:
    """run, name, whether it still trains, the steps of its checkpoints (newest first) with what they were kept as, and
    the adapter that it ended with."""
    try:
        run = studio.runs.get(id)
    except NotFound:
        return {"run": id, "name": "", "trains": False, "steps": [], "kept": {}, "adapter": None}
    checkpoints = studio.checkpoints.list(id)
    adapter = studio.catalogue.adapter_of_run(id)
    return {
        "run": id,
        "name": run.name,
        "trains": RunStatus(run.status).has_worker,
        "steps": [each.step for each in checkpoints],
        "kept": {str(each.step): each.adapter for each in checkpoints if each.adapter},
        "adapter": adapter.name if adapter else None,
    }


def _server(studio: Studio) -> str:
    try:
        return studio.remote_server.url
    except StudioError:  # each answer says what is wrong with it
        return ""


def check(sampling: dict[str, str]) -> None:
    """Raises InvalidInput with each number at fault in `fields`."""
    sampling_of(sampling)


def sampling_of(values: dict[str, str]) -> Sampling:
    try:
        return Sampling.model_validate(values)
    except ValidationError as error:
        names = [str(item["loc"][0]) for item in error.errors()]
        faults = {name: _FAULTS.get(name, _FAULT) for name in names}
        first = next(iter(faults.values()))
        raise InvalidInput(first.template, fields=faults) from error


_FAULT = StudioError("This is not a generation setting.", "Reload the page, then try again.")
_FAULTS = {
    "temperature": StudioError("Enter a number from 0 to 2."),
    "top_p": StudioError("Enter a number above 0, up to 1."),
    "max_tokens": StudioError("Enter a whole number of at least 1."),
    "seed": StudioError("Enter a whole number of at least 0."),
}


def answer(
    studio: Studio, columns: list[AskedColumn], sampling: dict[str, str], request: gr.Request | None = None
) -> Iterator[dict[str, Any]]:
    """Yields what every column has said so far, and before that what is being waited for.

    Where two columns at least have answered to the end, the comparison is kept, and the last value has its number.
    """
    prompts = [ColumnPrompt(each.column, each.messages) for each in columns]
    sampling_settings = sampling_of(sampling)
    language = language_of(request)
    states: Sequence[ColumnState] = ()
    news: dict[str, Any] = {}
    for moment in studio.playground.compare(prompts, sampling_settings):
        states = moment.columns
        news = {"status": moment.status, "columns": [_column_news(state, language) for state in states]}
        yield news
    if sum(state.state == "done" for state in states) > 1:
        yield news | {"status": "", "comparison": _record(studio, prompts, sampling_settings, states)}


def _record(studio: Studio, prompts: Sequence[ColumnPrompt], sampling: Sampling, states: Sequence[ColumnState]) -> int:
    messages = prompts[0].messages
    return studio.votes.record(
        prompt=messages[-1].content,
        system="\n".join(m.content for m in messages if m.role == "system"),
        sampling=sampling.model_dump(),
        columns=[each.column.model_dump() for each in prompts],
        states=[asdict(replace(s, error=None, pieces=[])) | {"error": _fault_dict(s.error)} for s in states],
    )


def _fault_dict(fault: StudioError | None) -> dict[str, Any] | None:
    return fault.as_dict() if fault else None


def _column_news(state: ColumnState, language: str) -> dict[str, Any]:
    fault = state.error
    error = {"problem": problem_of(fault, language), "remedy": remedy_of(fault, language)} if fault else None
    return asdict(replace(state, error=None)) | {"error": error}


# Votes


def vote(studio: Studio, comparison: int, choice: Choice, blind: bool, place: int | None = None) -> None:
    """`place` is that of the best column among those that were asked."""
    studio.votes.vote(comparison, choice, place, blind)


def standings(studio: Studio, search: str = "", blind: bool = False) -> dict[str, Any]:
    """Who wins how often, and how often the same comparison is judged the same way again."""
    return {
        "rows": studio.votes.standings(search, blind_only=blind),
        "agreement": studio.votes.agreement(),
    }


def votes_history(studio: Studio, page: int = 1) -> dict[str, Any]:
    """The newest comparisons with their votes; pages count from 1."""
    return studio.votes.history(page)


def delete_comparison(studio: Studio, id: int) -> None:
    """With its votes. Raises NotFound."""
    studio.votes.delete(id)


def votes_file(studio: Studio, format: Literal["csv", "jsonl"]) -> dict[str, str]:
    return {"text": studio.votes.export(format)}


# Chats


def conversations(studio: Studio, search: str = "") -> list[dict[str, Any]]:
    """Newest first."""
    return studio.conversations.list(search)


def conversation(studio: Studio, id: int) -> dict[str, Any]:
    """Raises NotFound."""
    return studio.conversations.get(id)


def keep_conversation(studio: Studio, name: str, content: dict[str, Any], id: int | None = None) -> dict[str, Any]:
    """Saves the chat; one that was deleted meanwhile is saved as a new one."""
    json.dumps(content, allow_nan=False)
    try:
        conversation_id = studio.conversations.save(id, name, content)
    except NotFound:
        conversation_id = studio.conversations.save(None, name, content)
    return {"id": conversation_id, "name": name}


def rename_conversation(studio: Studio, id: int, name: str) -> None:
    studio.conversations.rename(id, name)


def delete_conversation(studio: Studio, id: int) -> None:
    studio.conversations.delete(id)
