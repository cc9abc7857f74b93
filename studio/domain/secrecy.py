"""Masks known secrets wherever text leaves the studio: errors, events, logs, answers and files.

What another server sends may hold the token that it was asked with, whole or in another spelling. So every spelling
counts in which a reader could use it: percent-encoded, escaped as in JSON, Python or HTML, hexadecimal, in base64 as a
part of anything, and any mixture of escapes; capital or small.
"""

from __future__ import annotations

import base64
import html
import json
import re
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TextIO
from urllib.parse import quote

MASK = "***"
_SHORTEST = 4  # characters; what is shorter cannot be told from other words
_UNMISTAKABLE = 10
_MAX_SECRETS = 64  # secrets; the oldest is forgotten first
_TOKEN_LIKE = re.compile(r"\bhf_[A-Za-z0-9]{8,}|\bBearer\s+\S+")  # of whoever it may be


@dataclass(frozen=True)
class _Secret:
    text: str
    whole: tuple[str, ...]  # spellings as a whole, in small letters
    escapes: tuple[str, ...]  # of single characters, in small letters
    pattern: re.Pattern[str]


_secrets: OrderedDict[str, _Secret] = OrderedDict()
_words: OrderedDict[str, re.Pattern[str]] = OrderedDict()  # secrets that are like other words


def keep_secret(*secrets: str | None) -> None:
    """From now on these are masked. One that could be an ordinary word, such as the password "training", is masked in
    errors and logs alone, and as a word: a name or a setting of a run may be the same."""
    for secret in secrets:
        if not secret or len(secret) < _SHORTEST:
            continue
        place: OrderedDict[str, Any] = _secrets if _is_unmistakable(secret) else _words
        place[secret] = place.pop(secret, None) or (_compile_secret(secret) if place is _secrets else _word(secret))
        while len(place) > _MAX_SECRETS:
            place.popitem(last=False)


def mask_secrets(text: str) -> str:
    """The text without any secret that cannot be mistaken for something else."""
    if not _secrets:
        return text
    lower_text = text.lower()
    for secret in list(_secrets.values()):
        if _may_hold(lower_text, secret):
            text = secret.pattern.sub(MASK, text)
    return text


def mask_words(text: str) -> str:
    """The text without any secret: for what is read by people alone."""
    for pattern in list(_words.values()):
        text = pattern.sub(MASK, text)
    return mask_secrets(text)


def masked_log(text: str) -> str:
    """Also without what looks like somebody's token."""
    return mask_words(_TOKEN_LIKE.sub(MASK, text))


def holds_secret(text: str) -> bool:
    """Whether `mask_secrets` would change it, or a string in it where it is JSON: quick where it holds none."""
    lower_text = text.lower() if _secrets else ""
    return any(_may_hold(lower_text, secret) and secret.pattern.search(text) for secret in list(_secrets.values()))


def mask_value(value: Any) -> Any:
    """The same with every string in it masked, also keys: of what JSON can hold."""
    if not _secrets:
        return value
    match value:
        case str():
            return mask_secrets(value)
        case Mapping():
            return {mask_secrets(key) if isinstance(key, str) else key: mask_value(each) for key, each in value.items()}
        case list() | tuple():
            return [mask_value(each) for each in value]
    return value


class MaskedStream:
    """A text stream of which nothing secret comes out: logs, tracebacks and what is printed."""

    def __init__(self, stream: TextIO, *, is_log: bool) -> None:
        self._stream = stream
        self._mask = masked_log if is_log else mask_secrets

    def write(self, text: str) -> int:
        self._stream.write(self._mask(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def masked_output() -> Iterator[None]:
    """Nothing secret is printed within. It stays so after an exception that leaves the block, for its traceback."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        MaskedStream(stream, is_log=log) for stream, log in zip(streams, (False, True), strict=True)
    )
    try:
        yield
    except SystemExit:
        sys.stdout, sys.stderr = streams
        raise
    sys.stdout, sys.stderr = streams


class MaskedPieces:
    """Text that comes in pieces, between which a secret may be divided: what could be its begin is held back."""

    def __init__(self) -> None:
        self._pending = ""

    def feed(self, piece: str) -> str:
        text = mask_secrets(self._pending + piece)
        lower_text = text.lower()
        most = min(len(text), max(map(len, _secrets), default=1) - 1)
        starts = [secret.lower() for secret in _secrets]
        pending = next((n for n in range(most, 0, -1) if any(s.startswith(lower_text[-n:]) for s in starts)), 0)
        self._pending = text[len(text) - pending :]
        return text[: len(text) - pending]

    def end(self) -> str:
        piece, self._pending = self._pending, ""
        return mask_secrets(piece)


def _is_unmistakable(secret: str) -> bool:
    kinds = (str.islower, str.isupper, str.isdigit, lambda c: not c.isalnum())
    return len(secret) >= _UNMISTAKABLE and sum(any(map(kind, secret)) for kind in kinds) > 1


def _word(secret: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(secret)}(?!\w)")


def _compile_secret(secret: str) -> _Secret:
    data = secret.encode()
    cores = [core for shift in range(3) if len(core := _core(data, shift)) >= _UNMISTAKABLE]
    signs = {"+": r"(?:\+|-|%2b)", "/": r"(?:/|_|%2f)"}
    patterns = [
        *("".join(signs.get(sign, sign) for sign in core) for core in cores),
        data.hex(),
        "".join(map(_spellings, secret)),
    ]
    literals = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1])
    whole = {secret, data.hex(), quote(secret), quote(secret, safe=""), html.escape(secret), *literals}
    parts = (max(re.split("[+/]", core), key=len) for core in cores)
    escapes = {escape for character in secret for escape in _escapes(character)}
    return _Secret(
        secret,
        tuple(each.lower() for each in (*whole, *parts)),
        tuple(escapes),
        re.compile("|".join(patterns), re.IGNORECASE),
    )


def _core(data: bytes, shift: int) -> str:
    """What stands in base64 for the data after `shift` other bytes, whatever they and those behind it are."""
    encoded = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
    whole = (shift + len(data)) * 8 // 6
    return encoded[-(-shift * 8 // 6) : whole]


def _escapes(character: str) -> tuple[str, ...]:
    code = ord(character)
    percent = "".join(f"%{byte:02x}" for byte in character.encode())
    return (percent, "%25", *(e for e in (f"\\u{code:04x}", f"\\x{code:02x}", f"&#{code}", f"&#x{code:x}")))


def _spellings(character: str) -> str:
    """An expression for one character in any spelling. Each repetition has an end: the work stays linear."""
    code = ord(character)
    percent = "".join(f"%(?:25){{0,4}}{byte:02x}" for byte in character.encode())
    json_escape = json.dumps(character)[1:-1] if code > 0xFFFF else f"\\u{code:04x}"
    ways = [
        re.escape(character),
        percent,
        rf"\\{{1,8}}{re.escape(json_escape[1:])}",
        rf"&#(?:0{{0,6}}{code}|x0{{0,6}}{code:x});",
    ]
    if code < 0x100:
        ways.append(rf"\\{{1,8}}x{code:02x}")
    if character in "\"'\\/":
        ways.append(rf"\\{{1,8}}{re.escape(character)}")
    if (html_entity := html.escape(character)) != character:
        ways.append(re.escape(html_entity))
    return f"(?:{'|'.join(ways)})"


def _may_hold(lower_text: str, secret: _Secret) -> bool:
    if any(spelling in lower_text for spelling in secret.whole):
        return True
    signs = [sign for sign in ("%", "\\u", "\\x", "&#") if sign in lower_text]
    return bool(signs) and any(escape in lower_text for escape in secret.escapes if escape.startswith(tuple(signs)))
