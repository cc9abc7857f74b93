"""Length-prefixed messages between a process and the one that renders for it.

Requests are as marshal writes them, so that a template gets exactly the values that were given. Answers come from where
a stranger's program ran, and are JSON.
"""

from __future__ import annotations

import json
import marshal
from typing import IO, Any

from studio.rendering.messages import Allowance, Reply, Request, reply_of, request_as_plain, request_of

_LENGTH = 8  # bytes
_SAME = 2  # marshal's version that writes equal values alike


class Closed(Exception):
    """The other side is gone, or sends what is no message."""


def _frame(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH) + content


def pack(request: Request) -> bytes:
    """Raises ValueError where something in it is nothing that JSON could say."""
    return marshal.dumps(request_as_plain(request), _SAME)


def frame_request(allowance: Allowance, request: bytes) -> bytes:
    """A packed request behind what it may take."""
    return _frame(marshal.dumps(allowance.as_plain(), _SAME)) + _frame(request)


def receive_request(pipe: IO[bytes]) -> tuple[Allowance, Request]:
    """Raises Closed where there is none."""
    return Allowance(**_receive(pipe)), request_of(_receive(pipe))


def _receive(pipe: IO[bytes]) -> dict[str, Any]:
    content = _read(pipe, int.from_bytes(_read(pipe, _LENGTH)))
    plain: dict[str, Any] = marshal.loads(content)  # noqa: S302 - from the studio, which started this process
    return plain


def frame_reply(reply: Reply) -> bytes:
    """Its text stands behind the rest as it is: as JSON it would take as long again as to render it. Halves of
    surrogate pairs, which a template may write, stay what they are."""
    return _frame(json.dumps(reply.as_plain()).encode()) + _frame(reply.text.encode("utf-8", "surrogatepass"))


def receive_reply(pipe: IO[bytes], most: int) -> Reply:
    """Raises Closed where there is none, or it has more than `most` bytes."""
    try:
        plain = json.loads(_bounded(pipe, most))
        return reply_of(plain, _bounded(pipe, most).decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise Closed from error


def _bounded(pipe: IO[bytes], most: int) -> bytes:
    length = int.from_bytes(_read(pipe, _LENGTH))
    if length > most:
        raise Closed
    return _read(pipe, length)


def _read(pipe: IO[bytes], length: int) -> bytes:
    content = pipe.read(length)
    if len(content) < length:
        raise Closed
    return content
