"""Scans all texts of a batch at once, and closely only those that an expression has matched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.formats import Format, Layout
from studio.domain.datasets.row_parts import TEXT_PARTS, TURN_TEXTS
from studio.domain.datasets.text_checks import SUSPECT, text_faults

Fault = tuple[int, str, str, dict[str, Any]]  # row in the batch, field, code, values


def scan(batch: pa.RecordBatch, layouts: Sequence[Layout]) -> Iterator[Fault]:
    """What is wrong with the words of a batch (see store.row_file). layouts: each row's."""
    for name, of_turns in product(TEXT_PARTS, TURN_TEXTS):
        if name not in batch.schema.names:
            continue
        column = batch.column(name)
        is_list = pa.types.is_list(column.type)
        if not is_list and of_turns != "content":
            continue
        texts = column.flatten().field(of_turns) if is_list else column
        if texts.null_count == len(texts):
            continue
        suspects = pc.indices_nonzero(pc.match_substring_regex(texts, SUSPECT)).to_pylist()
        if not suspects:
            continue
        parents = pc.list_parent_indices(column) if is_list else None
        offsets, lengths = (column.offsets, column.value_lengths()) if is_list else (None, None)
        for i in suspects:
            row = parents[i].as_py() if parents is not None else i
            turn = i - offsets[row].as_py() if offsets is not None else 0
            turns = lengths[row].as_py() if lengths is not None else 0
            for code, values in text_faults(texts[i].as_py()):
                yield row, _field(layouts[row], name, turn, turns, of_turns), code, values


def _field(layout: Layout, part: str, turn: int, turns: int, of_turns: str) -> str:
    """Where in the file the text stood."""
    columns = layout.columns
    if part == "text":
        return columns["text"]
    if layout.format in (Format.ALPACA, Format.PROMPT_COMPLETION):
        question, answer = ("instruction", "output") if layout.format is Format.ALPACA else ("prompt", "completion")
        return columns[answer if turn == turns - 1 else question]
    column = columns.get(part) or columns.get("messages") or columns.get("prompt") or part
    name = "value" if of_turns == "content" and layout.format is Format.SHAREGPT else of_turns
    return f"{column}[{turn}].{name}"
