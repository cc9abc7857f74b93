"""What a file is by its content, where its name says something else."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import Any

from studio.domain.datasets.file_format import SUFFIXES
from studio.domain.datasets.recognition import recognise
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import Packed
from studio.worker.ingest.readers.shapes.header import has_known_name
from studio.worker.ingest.readers.shapes.line_ends import with_line_feeds

_SAMPLED = 20  # lines
_TABLE_MARKS = ("\t", ",", ";", "|")
_LINES, _TABLES = (".jsonl", ".ndjson"), (".csv", ".tsv")
_ARROW = b"ARROW1\0\0"


def kind_of_bytes(sample: bytes, kind: str) -> str:
    """The kind, or that of a table or workbook under another name."""
    if sample.startswith(b"PAR1\x15"):
        return ".parquet"
    if sample.startswith(_ARROW) and kind not in (".arrow", ".feather"):
        return ".arrow"
    if kind == ".xlsx" and sample and b"\0" not in sample and not sample.startswith(b"PK"):
        return ""  # a table of text, as some programs export it
    return kind


def kind_of_text(packed_file: Packed, encoding: str, kind: str) -> str:
    """The kind of a file of text; where its name does not say it, what is most like it."""
    sample, complete = packed_file.sample()
    text = with_line_feeds(sample, encoding).decode(encoding, "replace").lstrip("\ufeff").lstrip()
    lines = [line.strip() for line in text.split("\n", 4 * _SAMPLED)[: 4 * _SAMPLED] if line.strip()][:_SAMPLED]
    if not lines or (kind in SUFFIXES and kind not in (*_LINES, ".json", *_TABLES, ".txt")):
        return kind or ".txt"
    values = [value for line in lines if (value := _value(line)) is not None]
    if kind not in (*_LINES, ".json"):
        if found := _as_json(text, lines, values, complete):
            return found
        if kind in _TABLES:
            return kind
    elif any(isinstance(value, dict | list | str) for value in values) or lines[0][0] in "{[/#":
        return kind
    if mark := _table_mark(text, lines):
        return ".tsv" if mark == "\t" else ".csv"
    if kind in SUFFIXES:
        return kind
    return ".csv" if len(lines) > 1 and _fits_table(lines, ",") else ".txt"


def _value(line: str) -> Any:
    try:
        return json.loads(line.rstrip(","))
    except (ValueError, RecursionError):
        return None


def _as_json(text: str, lines: Sequence[str], values: Sequence[Any], complete: bool) -> str:
    """Each line an object, or one document."""
    last_is_cut = len(lines) < _SAMPLED and not complete
    if lines[0][0] == "{" and len(values) >= len(lines) - last_is_cut and all(isinstance(v, dict) for v in values):
        return ".jsonl" if len(lines) > 1 or _fits(values[:1]) else ""
    if text[0] == "[" and text[1:].lstrip()[:1] in ("{", "["):
        begin = len(text) - len(text[1:].lstrip())
        try:
            value, _ = json.JSONDecoder().raw_decode(text, begin)
        except (ValueError, RecursionError):
            return ""
        return ".json" if isinstance(value, dict | list) else ""
    if text[0] == "{" and complete and isinstance(_value(text.strip()), dict):
        return ".json"
    return ""


def _table_mark(text: str, lines: Sequence[str]) -> str:
    """The delimiter of a table whose header a format knows; empty where it is none."""
    if len(lines) < 2:
        return ""
    return next((mark for mark in _TABLE_MARKS if mark in lines[0] and _fits_table(lines, mark)), "")


def _fits_table(lines: Sequence[str], mark: str) -> bool:
    try:
        rows = list(csv.reader(lines[:1], delimiter=mark, strict=True))
    except csv.Error:
        return False
    header = rows[0] if rows else []
    if len(header) < 2 or not has_known_name(header) or not _fits([dict.fromkeys(header)]):
        return False
    return sum(mark in line for line in lines[1:]) * 2 > len(lines) - 1


def _fits(rows: Sequence[Any]) -> bool:
    try:
        return bool(recognise(rows))
    except InvalidInput:
        return False
