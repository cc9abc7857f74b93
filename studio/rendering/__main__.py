"""`python -m studio.rendering`: renders what is asked on standard input, until that is closed.

Each request says how much memory and processor time it may take. The system ends a process that computes for longer:
nothing that a template does can hold that up, nor does it depend on somebody who watches.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from jinja2 import Template, TemplateError

from studio.domain.chat.spans import Messages, Render, Tools, turns_of
from studio.domain.chat.template_faults import TemplateRefusal, template_refusal
from studio.rendering.frames import Closed, answer, receive_request
from studio.rendering.jinja import environment
from studio.rendering.template_files import read_template

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows: whoever asked watches alone
    resource = None

Message = dict[str, Any]
_REASONING = ("reasoning_content", "thinking", "reasoning")  # a message's reasoning has one of these names


class TooLong(Exception):
    """A template wrote more than it may."""


def main() -> None:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    own = _own_size()
    with suppress(Closed, BrokenPipeError):
        while True:
            limits = receive_request(requests)
            request = receive_request(requests)
            _limit(own + limits["memory"], limits["seconds"])
            if not _answer(request | limits, replies, time.process_time()):
                return
            _limit(None, 0)


def _answer(request: Message, replies: IO[bytes], began: float) -> bool:
    """Sends one reply, for "turns" one for each row. False where the memory was used up, so that another process had
    better go on."""
    try:
        for reply in _ACTIONS[request["do"]](request):
            replies.write(answer(reply | {"seconds": time.process_time() - began}))
            replies.flush()
    except MemoryError:
        _limit(None, 0)
        replies.write(answer({"limit": "memory"}))
        replies.flush()
        return False
    except TooLong:
        replies.write(answer({"limit": "characters"}))
        replies.flush()
    return True


def _read(request: Message) -> Iterator[Message]:
    try:
        yield read_template(Path(request["folder"]), wants_begin=request["wants_begin"])
    except RecursionError:
        yield {"unreadable": "its values are nested too deeply"}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        yield {"unreadable": str(error)[:1000] or type(error).__name__}


def _compile(request: Message) -> Iterator[Message]:
    try:
        for source in request["sources"]:
            _compiled(source)
        yield {}
    except (TemplateError, ValueError, RecursionError, SyntaxError) as error:
        yield {"unreadable": str(error)[:1000] or type(error).__name__}


def _text(request: Message) -> Iterator[Message]:
    try:
        yield {"text": _render_of(request)(request["messages"], request["prompt"], request["tools"])}
    except TemplateRefusal as refusal:
        yield {"refused": refusal.as_dict()}


def _turns(request: Message) -> Iterator[Message]:
    render, remaining = _render_of(request), request["characters"]
    for row in request["rows"]:
        try:
            text, turns = turns_of(row, render, answers_only=request["answers_only"])
            if (remaining := remaining - len(text)) < 0:
                raise TooLong
            yield {"text": text, "turns": [[turn.index, turn.span, turn.follows_prompt] for turn in turns]}
        except TemplateRefusal as refusal:
            yield {"refused": refusal.as_dict()}


_ACTIONS = {"read": _read, "compile": _compile, "text": _text, "turns": _turns}


def _render_of(request: Message) -> Render:
    plain, with_tools = request["sources"]
    tokens, most = request["tokens"], request["characters"]

    def render(messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        try:
            if not messages:
                raise ValueError("Cannot apply chat template to an empty conversation. Provide at least one message.")
            text = str(
                _compiled(with_tools if tools else plain).render(
                    **tokens,
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


def _message_fields(message: Any) -> Message:
    """A message as transformers hands it to a template."""
    fields = {key: value for key, value in message.items() if value is not None}
    reasoning = next((fields[name] for name in _REASONING if name in fields), None)
    return fields if reasoning is None else {"thinking": reasoning, **fields, "reasoning_content": reasoning}


@lru_cache(8)
def _compiled(source: str) -> Template:
    return environment().from_string(source)


def _limit(memory: int | None, seconds: float) -> None:
    """For what follows: bytes of address space (None: all), and seconds of processor time (0: all) after which the
    system ends this process."""
    if resource is not None:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = resource.RLIM_INFINITY if memory is None else memory
        if hard != resource.RLIM_INFINITY:
            limit = hard if memory is None else min(hard, memory)
        with suppress(OSError, ValueError):  # macOS knows the limit and does not take it
            resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _own_size() -> int:
    """Bytes of address space that this process has before it renders."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 64 << 20


if __name__ == "__main__":
    main()
