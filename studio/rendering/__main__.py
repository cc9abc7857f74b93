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
from pathlib import Path
from types import ModuleType
from typing import IO

from jinja2 import TemplateError

from studio.domain.chat.spans import turns_of
from studio.domain.chat.template_faults import TemplateRefusal
from studio.rendering.frames import Closed, frame_reply, receive_request
from studio.rendering.jinja import TooLong, compiled, renderer_of
from studio.rendering.messages import (
    Answer,
    AtLimit,
    Compile,
    Compiled,
    ReadFolder,
    Refused,
    RenderedText,
    RenderRows,
    RenderText,
    Reply,
    Request,
    Unreadable,
)
from studio.rendering.template_files import read_template

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows: whoever asked watches alone
    resource = None


def main() -> None:
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    own = _own_size()
    with suppress(Closed, BrokenPipeError):
        while True:
            allowance, request = receive_request(requests)
            _limit(own + allowance.memory, allowance.seconds)
            if not _reply(request, allowance.characters, replies, time.process_time()):
                return
            _limit(None, 0)


def _reply(request: Request, characters: int, replies: IO[bytes], began: float) -> bool:
    """Sends one reply, for RenderRows one for each row. False where the memory was used up, so that another process had
    better go on."""

    def send(answer: Answer, seconds: float = 0.0) -> None:
        replies.write(frame_reply(Reply(answer, seconds)))
        replies.flush()

    try:
        for answer in _answers(request, characters):
            send(answer, time.process_time() - began)
    except MemoryError:
        _limit(None, 0)
        send(AtLimit("memory"))
        return False
    except TooLong:
        send(AtLimit("characters"))
    return True


def _answers(request: Request, characters: int) -> Iterator[Answer]:
    match request:
        case ReadFolder():
            yield _read(request)
        case Compile():
            yield _compile(request)
        case RenderText():
            yield _text(request, characters)
        case RenderRows():
            yield from _rows(request, characters)


def _read(request: ReadFolder) -> Answer:
    try:
        return read_template(Path(request.folder), wants_begin=request.wants_begin)
    except RecursionError:
        return Unreadable("its values are nested too deeply")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return Unreadable(str(error)[:1000] or type(error).__name__)


def _compile(request: Compile) -> Answer:
    try:
        for source in (request.sources.plain, request.sources.with_tools):
            compiled(source)
        return Compiled()
    except (TemplateError, ValueError, RecursionError, SyntaxError) as error:
        return Unreadable(str(error)[:1000] or type(error).__name__)


def _text(request: RenderText, characters: int) -> Answer:
    try:
        render = renderer_of(request.sources, characters)
        return RenderedText(render(request.messages, request.prompt, request.tools), [])
    except TemplateRefusal as refusal:
        return Refused(refusal)


def _rows(request: RenderRows, characters: int) -> Iterator[Answer]:
    render, remaining = renderer_of(request.sources, characters), characters
    for row in request.rows:
        try:
            text, turns = turns_of(row, render, answers_only=request.answers_only)
            if (remaining := remaining - len(text)) < 0:
                raise TooLong
            yield RenderedText(text, turns)
        except TemplateRefusal as refusal:
            yield Refused(refusal)


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
