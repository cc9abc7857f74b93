"""How the files of the zoo are made."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from tests.support.in_process_intake import Content

Row = dict[str, Any]
Place = tuple[int, str, str]  # line, code, field


@dataclass(frozen=True)
class Case:
    """A file, and all `rows` and `problems` that come out. `expected` are some of the details, `request` what a person
    chose."""

    name: str
    file: str
    content: Content
    rows: Sequence[Row] = ()
    problems: Sequence[Place] = ()
    expected: dict[str, Any] = field(default_factory=dict)
    request: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Content] = field(default_factory=dict)  # further files of the same dataset


Answers = dict[str, Any]
"""By each answer that is offered: the rows that come out, None where their columns are then asked for, or the answers
to a second question of the same option."""


@dataclass(frozen=True)
class Asking:
    """A file that is read once a person has answered."""

    name: str
    file: str
    content: Content
    option: str
    answers: Answers


def chat(*turns: tuple[str, str], **more: Any) -> Row:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **more}


def said(question: str, answer: str, **more: Any) -> Row:
    return chat(("user", question), ("assistant", answer), **more)


def lines(*rows: Any) -> bytes:
    """JSON Lines; text and bytes stand as they are."""
    whole = [row if isinstance(row, bytes) else row.encode() if isinstance(row, str) else dumps(row) for row in rows]
    return b"".join(line + b"\n" for line in whole)


def dumps(value: Any, **how: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, **how).encode("utf-8", "backslashreplace")  # halves of characters


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parquet(rows: list[Row], **how: Any) -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(rows), buffer, **how)
    return buffer.getvalue()


def arrow(table: pa.Table, kind: Callable[..., Any]) -> bytes:
    buffer = io.BytesIO()
    with kind(buffer, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return buffer.getvalue()


def feather(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pa.feather.write_feather(table, buffer)
    return buffer.getvalue()


def workbook(*sheets: tuple[str, list[list[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, cells in sheets:
        page = book.create_sheet(title)
        for row in cells:
            page.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def sharegpt(*turns: tuple[str, str]) -> Row:
    return {"conversations": [{"from": role, "value": words} for role, words in turns]}


A, B, C = said("Who are you?", "A captain. ⚓"), said("你去哪里？", "去海边。"), said("Ever lost?", "Never twice.")
ROWS = [A, B, C]

CALL = '{"name": "weather", "arguments": {"city": "Brest"}}'
PREFERRED = {
    "prompt": [{"role": "user", "content": "Red or blue?"}],
    "chosen": [{"role": "assistant", "content": "Blue, as the sea."}],
    "rejected": [{"role": "assistant", "content": "Whatever."}],
}
RATED = {
    "prompt": [{"role": "user", "content": "Red or blue?"}],
    "completion": [{"role": "assistant", "content": "Blue, as the sea."}],
    "label": True,
}
QA: list[Row] = [
    {"prompt": "Who are you?", "completion": "A captain. ⚓"},
    {"prompt": "你去哪里？", "completion": "去海边。"},
    {"prompt": "Ever lost?", "completion": "Never twice."},
]
OF_CHAT, OF_QA, OF_TEXT = {"format": "chat"}, {"format": "prompt-completion"}, {"format": "text"}
LABELLED_TEXT = {"layout": {"format": "text", "columns": {"text": "text", "label": "label"}}}
"""What a person chooses where labels are not to be learned."""
