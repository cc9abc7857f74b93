"""Views: a Gradio HTML component whose inside is built by our own script, and the handlers that it calls."""

from __future__ import annotations

import inspect
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, get_type_hints

import gradio as gr
import orjson
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError

from studio.domain.errors import InvalidInput, StudioError, file_fault
from studio.domain.secrecy import holds_secret, mask_value
from studio.domain.translation import N_
from studio.ui.language import language_of, problem_of, remedy_of, sentence_of, translate

log = logging.getLogger(__name__)

MAX_INTEGER = 2**63 - 1
MAX_LEVELS = 64  # levels
_HALF = re.compile("[\ud800-\udfff]")
STREAM_SECONDS = 0.05
STREAMS_AT_ONCE = 8
SKELETONS = {
    "cards": '<div class="cards">'
    + '<div class="card"><i class="sk w40"></i><i class="sk"></i><i class="sk w70"></i></div>' * 3
    + "</div>",
    "table": '<div class="card">' + '<i class="sk w40"></i>' + '<i class="sk row"></i>' * 5 + "</div>",
    "chart": '<div class="card"><i class="sk w40"></i><i class="sk tall"></i></div>',
    "form": '<div class="card">' + '<i class="sk w40"></i><i class="sk row"></i>' * 4 + "</div>",
    "none": "",
}


def view(
    name: str,
    *functions: Callable[..., Any],
    streams: Sequence[Callable[..., Iterator[Any]]] = (),
    value: Any = None,
    skeleton: str = "cards",
) -> gr.HTML:
    """The place on a page where the script's `define(name, …)` draws.

    Args:
        functions: handlers that the script calls by their name, `ctx.call("rename", {…})`; see `as_server_function`.
        streams: generators that it follows, `ctx.stream("answer", {…}, draw)`; see `as_event_stream`.
        value: what the script is given from the start as `ctx.value`; anything that is JSON.
        skeleton: what stands there until the script has drawn: cards, table, chart, form or none.
    """
    label = json.dumps(name)
    events = [event for stream in streams for event in (_name_of(stream), f"stop_{_name_of(stream)}")]
    box = gr.HTML(
        value=value,
        html_template=f'<div class="view" data-view={label} aria-busy="true">{SKELETONS[skeleton]}</div>',
        js_on_load='import("studio/api/view.js").then(({mount}) => '
        f"mount({label}, {{element, props, server, trigger, watch, events: {json.dumps(events)}}}))",
        apply_default_css=False,
        server_functions=[as_server_function(function) for function in functions],
    )
    for stream in streams:
        listen, stop = getattr(box, _name_of(stream)), getattr(box, f"stop_{_name_of(stream)}")
        event_listener = listen(
            as_event_stream(stream),
            outputs=box,
            show_progress="hidden",
            api_visibility="private",
            trigger_mode="multiple",
            concurrency_limit=STREAMS_AT_ONCE,
            concurrency_id="streams",
        )
        stop(None, cancels=[event_listener], api_visibility="private")
    return box


def as_server_function(handler: Callable[..., Any]) -> Callable[..., Response]:
    """The handler as the page calls it: one JSON object in, its keys are the keyword arguments; JSON out.

    The arguments are checked against the handler's type hints. A handler that names `request` gets the gr.Request, and
    one that names `token` the visitor's gr.OAuthToken or None. What it raises becomes `{"error": …}`.
    """
    name = _name_of(handler)
    call = _checked_call(handler)

    def answer(payload: Any = None, request: gr.Request | None = None, token: gr.OAuthToken | None = None) -> Response:
        try:
            result = call(payload, request, token)
        except Exception as error:
            result = {"error": describe_error(error, language_of(request), name)}
        # orjson turns NaN into null, where FastAPI's own encoder fails.
        body = orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS)
        if holds_secret(body.decode()):
            body = orjson.dumps(mask_value(orjson.loads(body)))
        return Response(body, media_type="application/json")

    # Gradio sets each function as an attribute of the component: a prefix keeps it from hiding one of its own.
    answer.__name__ = f"do_{name}"
    return answer


def as_event_stream(handler: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[dict[str, Any]]]:
    """The generator as a Gradio event: each value that it yields goes to the page. Its arguments are as in
    `as_server_function`.

    Values that come faster than the page can draw are passed over, never the last one. Where the reader stops it, or
    leaves, the generator is closed: what it holds belongs into a `finally`.
    """
    call_handler = _checked_call(handler)

    def stream(event: gr.EventData, request: gr.Request, token: gr.OAuthToken | None) -> Iterator[dict[str, Any]]:
        payload = dict(event._data)
        call = payload.pop("call", 0)
        waiting: list[Any] = []
        sent_at = 0.0
        try:
            for value in call_handler(payload, request, token):
                waiting = [value]
                if time.monotonic() - sent_at >= STREAM_SECONDS:
                    yield {"call": call, "value": mask_value(waiting.pop())}
                    sent_at = time.monotonic()
            for value in waiting:
                yield {"call": call, "value": mask_value(value)}
            yield {"call": call, "done": True}
        except Exception as error:
            yield {"call": call, "error": describe_error(error, language_of(request), _name_of(handler))}

    return stream


def check_values(payload: Any) -> None:
    """Raises InvalidInput where a number is larger than a file or the catalogue can count, a text cannot be written
    down, or lists lie in lists without an end."""
    waiting = [(payload, 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict):
            waiting += [(part, depth + 1) for both in value.items() for part in both]
        elif isinstance(value, list | tuple):
            waiting += [(part, depth + 1) for part in value]
        if depth > MAX_LEVELS:
            raise InvalidInput("The request is nested too deeply.", "Reload the page, then try again.")
        if isinstance(value, str) and not value.isascii() and _HALF.search(value):
            raise InvalidInput("The text contains half a character (an unpaired surrogate).", "Enter it again.")
        if isinstance(value, int | float) and abs(value) > MAX_INTEGER:
            raise InvalidInput("A number of {number} or more is too large.", "Enter a smaller one.", number="2⁶³")


class Unexpected(ValueError):
    """The page and the handler do not agree on what is sent."""


def _checked_call(handler: Callable[..., Any]) -> Callable[[Any, Any, Any], Any]:
    """Calls the handler with what the page sent, checked against its type hints, and what else it asks for."""
    signature = inspect.signature(handler)
    function = handler.func if isinstance(handler, partial) else handler
    sent_names = [name for name in signature.parameters if name not in ("request", "token")]
    # Only of what is sent: a hint of another parameter may name what is imported for the type checker alone.
    hints = SimpleNamespace(__annotations__={n: h for n, h in function.__annotations__.items() if n in sent_names})
    type_hints = get_type_hints(hints, function.__globals__, include_extras=True)
    types = {name: TypeAdapter(type_hints.get(name, Any)) for name in sent_names}

    def call(payload: Any, request: Any, token: Any) -> Any:
        kwargs: dict[str, Any] = {}
        if "request" in signature.parameters:
            kwargs["request"] = request if isinstance(request, gr.Request) else gr.Request(request)
        if "token" in signature.parameters:
            kwargs["token"] = token
        check_values(payload)
        try:
            kwargs |= {name: types[name].validate_python(value) for name, value in dict(payload or {}).items()}
            signature.bind(**kwargs)
        except ValidationError as error:
            # Without its text, which repeats what was sent, a token perhaps.
            raise Unexpected(f"{_name_of(handler)}: {error.title} expected") from None
        except (KeyError, TypeError, ValueError) as error:
            raise Unexpected(f"{_name_of(handler)}: {error}") from None
        check_values([kwargs[name] for name in sent_names if name in kwargs])
        return handler(**kwargs)

    return call


def describe_error(error: Exception, language: str, place: str) -> dict[str, Any]:
    """An error as the page shows it: problem, remedy, and the fields at fault. One that nobody foresaw is logged."""
    if isinstance(error, OSError) and error.filename:
        log.warning("%s failed: %s", place, str(error)[:1000])
        error = file_fault(error)
    if isinstance(error, StudioError):
        fields = error.fields if isinstance(error, InvalidInput) else {}
        return {
            "problem": problem_of(error, language),
            "remedy": remedy_of(error, language),
            "fields": {name: sentence_of(fault, language) for name, fault in fields.items()},
        }
    reference = secrets.token_hex(4)
    if isinstance(error, Unexpected):
        log.warning("%s failed: %s", place, str(error)[:1000])
        problem, remedy = (
            N_("The page sent something that the studio did not expect."),
            N_("Reload the page, then try again."),
        )
    else:
        log.error("%s failed, reference %s", place, reference, exc_info=error)
        problem, remedy = (
            N_("Something went wrong inside the studio."),
            N_("Try again. The log has details under {reference}."),
        )
    return {
        "problem": translate(problem, language),
        "remedy": translate(remedy, language, reference=reference),
        "fields": {},
    }


def _name_of(handler: Callable[..., Any]) -> str:
    return handler.func.__name__ if isinstance(handler, partial) else handler.__name__
