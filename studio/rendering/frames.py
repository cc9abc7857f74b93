"""Messages between a process and the one that renders for it, behind their length in bytes.

Requests are as marshal writes them, so that a template gets exactly the values that were given. Answers come from where
a stranger's program ran, and are JSON.
"""

from __future__ import annotations

import json
import marshal
from typing import IO, Any

_LENGTH = 8  # bytes


class Closed(Exception):
    """The other side is gone, or sends what is no message."""


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH) + content


def packed(request: dict[str, Any]) -> bytes:
    """Raises ValueError where something in it is nothing that JSON could say."""
    return marshal.dumps(request)


def receive_request(pipe: IO[bytes]) -> dict[str, Any]:
    """Raises Closed where there is none."""
    content = _read(pipe, int.from_bytes(_read(pipe, _LENGTH)))
    request: dict[str, Any] = marshal.loads(content)  # noqa: S302 - from the studio, which started this process
    return request


def answer(said: dict[str, Any]) -> bytes:
    """Halves of surrogate pairs, which a template may write, stay what they are."""
    return framed(json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def receive_answer(pipe: IO[bytes], most: int) -> dict[str, Any]:
    """Raises Closed where there is none, or it has more than `most` bytes."""
    length = int.from_bytes(_read(pipe, _LENGTH))
    if length > most:
        raise Closed
    try:
        said = json.loads(_read(pipe, length).decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise Closed from error
    if not isinstance(said, dict):
        raise Closed
    return said


def _read(pipe: IO[bytes], length: int) -> bytes:
    content = pipe.read(length)
    if len(content) < length:
        raise Closed
    return content
