"""Rows as lines of the clean file, JSON. A version's hash is that of these lines."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}
_ESCAPES = {code: f"\\u{code:04x}" for code in range(32)} | {ord(char): escape for char, escape in _SHORT.items()}
_NEED_NONE = bytes(set(range(256)) - _ESCAPES.keys())


def row_line(row: dict[str, Any]) -> bytes:
    """The row as a line, with its end."""
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # a number of more than 64 bits in a tool's description
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def column_lines(columns: dict[str, pa.Array]) -> tuple[memoryview, list[int]]:
    """The same for all rows of a batch at once, outside of Python's lock, one behind the other; and where each ends.

    The rows have nothing but `text`, or `messages` whose turns have nothing but a role and a content.
    """
    if "text" in columns:
        lines = _join('{"text":"', _escape(columns["text"]), '"}\n')
    else:
        lists = columns["messages"]
        turns = lists.flatten()
        turn_objects = _join('{"role":"', turns.field("role"), '","content":"', _escape(turns.field("content")), '"}')
        offsets = pc.subtract(lists.offsets, lists.offsets[0])
        lines = _join('{"messages":[', pc.binary_join(pa.ListArray.from_arrays(offsets, turn_objects), ","), "]}\n")
    _, offsets, data = lines.buffers()
    ends = memoryview(offsets).cast("i")[: len(lines) + 1].tolist()
    return memoryview(data)[ends[0] : ends[-1]], [end - ends[0] for end in ends[1:]]


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _escape(texts: pa.Array) -> pa.Array:
    first, last = texts.offset, texts.offset + len(texts)
    _, offsets, data = texts.buffers()
    ends = memoryview(offsets).cast("i")
    present = bytes(memoryview(data)[ends[first] : ends[last]]).translate(None, _NEED_NONE)
    for code in sorted(set(present), key=lambda code: code != ord("\\")):  # the backslash first
        texts = pc.replace_substring(texts, chr(code), _ESCAPES[code])
    return texts
