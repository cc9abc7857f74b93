"""Renders chat templates with Jinja as transformers sets it up, sandbox included. Only the process that renders imports
this."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from studio.domain.chat.spans import Messages, Render, Tools
from studio.domain.chat.template_faults import template_refusal
from studio.rendering.messages import Sources

_REASONING = ("reasoning_content", "thinking", "reasoning")  # a message's reasoning has one of these names


class Generation(Extension):
    """`{% generation %}`, by which some templates mark answers, shows what is in it."""

    tags = {"generation"}  # noqa: RUF012 - the name and kind that jinja2 asks for

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller: Callable[[], str]) -> str:
        return caller()


class Namespace(jinja2.utils.Namespace):
    """jinja2's own, without names that lead into Python."""

    def __init__(*args: Any, **more: Any) -> None:  # so that a template may call a name of its own `self`
        own, *rest = args
        attributes = dict(*rest, **more)
        for name in attributes:
            _check(name)
        jinja2.utils.Namespace.__init__(own, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _check(name)
        super().__setitem__(name, value)


def _check(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"{name} may not be set")


class Dict:
    """`dict` for templates: what makes one, and nothing of the type itself."""

    def __call__(self, *args: Any, **more: Any) -> dict[Any, Any]:
        return dict(*args, **more)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def environment() -> ImmutableSandboxedEnvironment:
    sandbox = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    sandbox.filters["tojson"] = _to_json
    template_globals: dict[str, Any] = {
        "raise_exception": _raise,
        "strftime_now": lambda form: datetime.now().strftime(form),  # noqa: DTZ005 - transformers' is local time too
        "dict": Dict(),
        "namespace": Namespace,
    }
    sandbox.globals.update(template_globals)
    return sandbox


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class TooLong(Exception):
    """A template wrote more than it may."""


def renderer_of(sources: Sources, most: int) -> Render:
    """Raises TooLong, when it is called, where that is more than `most` characters."""

    def render(messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        try:
            if not messages:
                raise ValueError("Cannot apply chat template to an empty conversation. Provide at least one message.")
            text = str(
                compiled(sources.with_tools if tools else sources.plain).render(
                    **sources.tokens,
                    messages=[_message_fields(message) for message in messages],
                    tools=[dict(tool) for tool in tools] if tools else None,
                    documents=None,
                    add_generation_prompt=add_generation_prompt,
                )
            )
        except MemoryError:
            raise
        except Exception as error:
            raise template_refusal(error) from None
        if len(text) > most:
            raise TooLong
        return text

    return render


def _message_fields(message: Any) -> dict[str, Any]:
    """A message as transformers hands it to a template. That it is not learned is nothing to a template."""
    fields = {key: value for key, value in message.items() if value is not None and key != "weight"}
    reasoning = next((fields[name] for name in _REASONING if name in fields), None)
    return fields if reasoning is None else {"thinking": reasoning, **fields, "reasoning_content": reasoning}


@lru_cache(8)
def compiled(source: str) -> jinja2.Template:
    return environment().from_string(source)
