"""Length-prefixed messages between a process and the one that renders for it.

Requests are as marshal writes them, so that a template gets exactly the values that were given. Answers come from where
a stranger's program ran, and are JSON.
"""

from __future__ import annotations

import json
import marshal
from typing import IO, Any

_LENGTH = 8  # bytes
_SAME = 2  # marshal's version that writes equal values alike


class Closed(Exception):
    """The other side is gone, or sends what is no message."""


def frame(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH) + content


def pack(request: dict[str, Any]) -> bytes:
    """Raises ValueError where something in it is nothing that JSON could say."""
    return marshal.dumps(request, _SAME)


def receive_request(pipe: IO[bytes]) -> dict[str, Any]:
    """Raises Closed where there is none."""
    content = _read(pipe, int.from_bytes(_read(pipe, _LENGTH)))
    request: dict[str, Any] = marshal.loads(content)  # noqa: S302 - from the studio, which started this process
    return request


def answer(reply: dict[str, Any]) -> bytes:
    """Its `text` stands behind the rest as it is: as JSON it would take as long again as to render it. Halves of
    surrogate pairs, which a template may write, stay what they are."""
    text = reply.pop("text", "").encode("utf-8", "surrogatepass")
    return frame(json.dumps(reply).encode()) + frame(text)


def receive_answer(pipe: IO[bytes], most: int) -> dict[str, Any]:
    """Always with `text`. Raises Closed where there is none, or it has more than `most` bytes."""
    try:
        reply = json.loads(_bounded(pipe, most))
        text = _bounded(pipe, most).decode("utf-8", "surrogatepass")
    except (ValueError, RecursionError) as error:
        raise Closed from error
    if not isinstance(reply, dict):
        raise Closed
    return reply | {"text": text}


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
