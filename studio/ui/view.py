"""Views: a Gradio HTML component whose inside is built by our own script, and the handlers that it calls."""

from __future__ import annotations

import contextlib
import html
import inspect
import json
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import orjson
from fastapi.responses import Response
from gradio.utils import get_upload_folder
from pydantic import ValidationError, validate_call

from studio.domain.errors import InvalidInput, StudioError
from studio.ui.language import language_of, problem_of, remedy_of, sentence_of, translate

log = logging.getLogger(__name__)

SECONDS_TO_READ = 12
SKELETONS = {
    "cards": '<div class="cards">' + '<div class="card"><i class="sk w40"></i><i class="sk"></i><i class="sk w70"></i></div>' * 3 + "</div>",
    "table": '<div class="card">' + '<i class="sk w40"></i>' + '<i class="sk row"></i>' * 5 + "</div>",
    "chart": '<div class="card"><i class="sk w40"></i><i class="sk tall"></i></div>',
    "form": '<div class="card">' + '<i class="sk w40"></i><i class="sk row"></i>' * 4 + "</div>",
    "none": "",
}


def view(
    name: str,
    *functions: Callable[..., Any],
    value: Any = None,
    skeleton: str = "cards",
    events: Sequence[str] = (),
) -> gr.HTML:
    """The place on a page where the script's `Studio.define(name, …)` draws.

    Args:
        functions: handlers that the script calls by their name; see `served`.
        value: the first value, anything that is JSON; `ctx.value` in the script.
        skeleton: what stands there until the script has drawn: cards, table, chart, form or none.
        events: names that the script triggers; each is a Gradio listener of the returned component.
    """
    said = ", ".join(json.dumps(event) for event in events)
    return gr.HTML(
        value=value,
        html_template=f'<div class="view" data-view="{html.escape(name)}" aria-busy="true">{SKELETONS[skeleton]}</div>',
        js_on_load=f"Studio.mount({json.dumps(name)}, {{element, props, server, trigger, watch, events: [{said}]}})",
        apply_default_css=False,
        server_functions=[served(function) for function in functions],
    )


def served(handler: Callable[..., Any]) -> Callable[..., Response]:
    """The handler as the page calls it: one JSON object in, its keys are the keyword arguments; JSON out.

    The arguments are checked against the handler's type hints. A handler that names `request` gets the gr.Request, and
    one that names `token` the visitor's gr.OAuthToken or None. What it raises becomes `{"error": …}`.
    """
    name = _name_of(handler)
    wanted = inspect.signature(handler).parameters
    checked = validate_call(config={"arbitrary_types_allowed": True})(handler)

    def answer(payload: Any = None, request: gr.Request | None = None, token: gr.OAuthToken | None = None) -> Response:
        given = dict(payload) if isinstance(payload, dict) else {}
        if "request" in wanted:
            given["request"] = request if isinstance(request, gr.Request) else gr.Request(request)
        if "token" in wanted:
            given["token"] = token
        try:
            result = checked(**given)
        except Exception as error:
            result = {"error": described(error, language_of(request), name)}
        # orjson turns NaN into null, where FastAPI's own encoder fails.
        return Response(orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS), media_type="application/json")

    # Gradio sets each function as an attribute of the component: a prefix keeps it from hiding one of its own.
    answer.__name__ = f"do_{name}"
    return answer


def described(error: Exception, language: str, place: str) -> dict[str, Any]:
    """An error as the page shows it: problem, remedy, and the fields at fault. One that nobody foresaw is logged."""
    if isinstance(error, StudioError):
        fields = error.fields if isinstance(error, InvalidInput) else {}
        return {
            "problem": problem_of(error, language),
            "remedy": remedy_of(error, language),
            "fields": {name: sentence_of(fault, language) for name, fault in fields.items()},
        }
    reference = secrets.token_hex(4)
    log.error("%s failed, reference %s", place, reference, exc_info=error)
    if isinstance(error, ValidationError):
        problem, remedy = "The page sent something that the studio did not expect.", "Reload the page, then try again."
    else:
        problem, remedy = "Something went wrong inside the studio.", "Try again. The log says more under {reference}."
    return {
        "problem": translate(problem, language),
        "remedy": translate(remedy, language, reference=reference),
        "fields": {},
    }


@contextlib.contextmanager
def shown_to_user(request: gr.Request | None) -> Iterator[None]:
    """For the handlers of Gradio events: what they raise is shown on the page, in the reader's language."""
    try:
        yield
    except gr.Error:
        raise
    except Exception as error:
        said = described(error, language_of(request), "An event")
        # Gradio puts the message into the page as HTML.
        text = html.escape(f"{said['problem']} {said['remedy']}".strip())
        raise gr.Error(text, duration=SECONDS_TO_READ, title="", print_exception=False) from error


def uploaded(path: str) -> Path:
    """The file behind a path that the page got from its own upload.

    Raises:
        InvalidInput: the path is not that of an upload.
    """
    folder = Path(get_upload_folder()).resolve()
    file = Path(path).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise InvalidInput("The uploaded file is gone.", "Choose the file again.")
    return file


def _name_of(handler: Callable[..., Any]) -> str:
    return handler.func.__name__ if isinstance(handler, partial) else handler.__name__
