"""Scans all texts of a batch at once, and closely only those that an expression has matched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.row_parts import TEXT_PARTS, TURN_TEXTS
from studio.domain.datasets.text_checks import SUSPECT, text_faults

Fault = tuple[int, str, str, dict[str, Any]]  # row in the batch, field, code, values

_TEXTS_OF_TURNS = (*TURN_TEXTS, "tool_calls")


def scan(batch: pa.RecordBatch, layouts: Sequence[Layout]) -> Iterator[Fault]:
    """What is wrong with the words of a batch (see store.row_file). layouts: each row's."""
    for name in TEXT_PARTS:
        if name not in batch.schema.names:
            continue
        column = batch.column(name)
        if not pa.types.is_list(column.type):
            for i, text in _suspects(column):
                for code, values in text_faults(text):
                    yield i, _field(layouts[i], name), code, values
            continue
        turns = column.flatten()
        suspects = {key: list(_suspects(turns.field(key))) for key in _TEXTS_OF_TURNS if _has(turns, key)}
        if not any(suspects.values()):
            continue
        parents, offsets, lengths = pc.list_parent_indices(column), column.offsets, column.value_lengths()
        for key, found in suspects.items():
            for i, text in found:
                row = parents[i].as_py()
                field = _field(layouts[row], name, key, i - offsets[row].as_py(), lengths[row].as_py())
                for code, values in text_faults(text):
                    yield row, field, code, values


def _has(turns: pa.StructArray, key: str) -> bool:
    return key in [field.name for field in turns.type] and turns.field(key).null_count < len(turns)


def _suspects(texts: pa.Array) -> Iterator[tuple[int, str]]:
    for i in pc.indices_nonzero(pc.match_substring_regex(texts, SUSPECT)).to_pylist():
        yield i, texts[i].as_py()


def _field(layout: Layout, part: str, key: str = "", turn: int = 0, turns: int = 0) -> str:
    """Where in the file the text stood."""
    columns = layout.columns
    if part == "text":
        return columns["text"]
    if layout.format in (Format.ALPACA, Format.PROMPT_COMPLETION):
        question, answer = ("instruction", "output") if layout.format is Format.ALPACA else ("prompt", "completion")
        if "history" in columns and turn < turns - 2:
            return columns["history"]
        return columns[answer if turn == turns - 1 else question]
    column = columns.get(part) or columns.get("messages") or columns.get("prompt") or part
    return f"{column}[{turn}].{'value' if layout.format is Format.SHAREGPT and key == 'content' else key}"
