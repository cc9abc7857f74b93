"""JSON as people write it by hand, and as other languages print it: read only where it is not JSON already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from studio.domain.datasets.notes import Notes

# A quotation mark or a remark without its end goes on to the end of the text, so that none is looked for twice.
_TOKEN = re.compile(
    r"""
    (?P<string>"(?:[^"\\]+|\\.?)*+"?)
    |(?P<single>'(?:[^'\\]+|\\.?)*+'?)
    |(?P<remark>//[^\n]*|\#[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<word>[^\W\d][\w$]*)
    |(?P<open>[{\[])
    |(?P<close>[}\]])
    |(?P<comma>,)
    |(?P<blank>\s+)
    |(?P<other>[-+.\w]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_KEY = re.compile(r"\s*:")
_IN_PYTHON = {"None": "null", "True": "true", "False": "false"}
_BETWEEN = re.compile(r"[\s,]*")
_ESCAPE = re.compile(r"""\\x([0-9a-fA-F]{2})|\\(.)|(")""", re.DOTALL)
_decode = json.JSONDecoder(strict=False).raw_decode


def note_all(kinds: Iterable[str], line: int, notes: Notes) -> None:
    for kind in sorted(kinds):
        notes.add(f"json_{kind}", line)


def read_mended(text: str) -> tuple[list[Any], set[str]] | None:
    """The values in the text, and in what ways it is not JSON; None where it cannot be read even so. Several are given
    where all are objects, none where there are only remarks."""
    mended, kinds = _mended(text)
    values: list[Any] = []
    place = 0
    try:
        while True:
            match = _BETWEEN.match(mended, place)
            place = match.end() if match else place
            if match and "," in match[0]:
                kinds.add("commas")
            if place == len(mended):
                break
            value, place = _decode(mended, place)
            values.append(value)
    except (ValueError, RecursionError):
        return None
    if len(values) > 1:
        if not all(isinstance(value, dict) for value in values):
            return None
        kinds.add("several")
    return (values, kinds) if kinds and (values or "remarks" in kinds) else None


def extent(text: str, start: int) -> int | None:
    """Where the list or object that begins there ends; None where it does not."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token.lastgroup == "open":
            depth += 1
        elif token.lastgroup == "close":
            depth -= 1
            if depth <= 0:
                return token.end()
        elif not depth:
            return None
    return None


def _mended(text: str) -> tuple[str, set[str]]:
    kinds: set[str] = set()
    parts: list[str] = []
    copied = 0
    comma: tuple[int, int] | None = None  # the last one, where nothing has followed it: how many parts were before it

    def put(start: int, end: int, instead: str, kind: str) -> None:
        nonlocal copied
        parts.extend((text[copied:start], instead))
        copied = end
        kinds.add(kind)

    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "blank":
                continue
            case "remark":
                put(token.start(), token.end(), "\n" * token[0].count("\n"), "remarks")
                continue
            case "comma":
                put(token.start(), token.end(), ",", "")
                comma = (len(parts) - 1, token.start())
                continue
            case "close" if comma is not None:
                parts[comma[0]] = ""
                kinds.add("commas")
            case "string" if not token[0].isprintable() and any(c < " " for c in token[0]):
                kinds.add("controls")
            case "single":
                put(token.start(), token.end(), _quoted(token[0]), "quotes")
            case "word" if (word := token[0]) in _IN_PYTHON:
                put(token.start(), token.end(), _IN_PYTHON[word], "quotes")
            case "word" if _KEY.match(text, token.end()):
                put(token.start(), token.end(), json.dumps(token[0]), "quotes")
        comma = None
    kinds.discard("")
    return "".join([*parts, text[copied:]]), kinds


def _quoted(single: str) -> str:
    """A text between single quotation marks, as JSON writes it."""

    def escaped(match: re.Match[str]) -> str:
        if match[1]:
            return rf"\u00{match[1]}"
        if match[3]:
            return r"\""
        return "'" if match[2] == "'" else match[0]

    ends = len(single) > 1 and single.endswith("'")
    return f'"{_ESCAPE.sub(escaped, single[1 : -1 if ends else None])}{chr(34) if ends else ""}'
