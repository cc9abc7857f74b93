"""What rows say, for comparing them with others, by parts: what is asked, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.row_parts import TURN_PARTS

Words = Sequence[Sequence[str]]
"""Each part of all rows. The parts are prompt, answer, and of preference pairs the worse answer; a text of one piece is
one part."""

_SPOKEN = ("content", "reasoning_content", "tool_calls")  # what a turn says


def words_of(batch: pa.RecordBatch) -> Words:
    """Of the rows of a batch (see store.row_file). An answer is all that assistants say in a row, a prompt all that
    others do but system messages: what all rows share would make all alike."""
    names = batch.schema.names
    if "text" in names:
        return [batch["text"].to_pylist()]
    others = [name for name in TURN_PARTS if name in names and name != "rejected"]
    parts = [_joined(batch, others, by_assistant=False), _joined(batch, others, by_assistant=True)]
    return [*parts, _joined(batch, ["rejected"], by_assistant=True)] if "rejected" in names else parts


def _joined(batch: pa.RecordBatch, names: Sequence[str], *, by_assistant: bool) -> list[str]:
    parts = [_said(batch[name], by_assistant) for name in names]
    return list(pc.binary_join_element_wise(*parts, "\n").to_pylist())


def _said(lists: pa.ListArray, by_assistant: bool) -> pa.Array:
    turns = lists.flatten()
    content, *more = [turns.field(name) for name in _SPOKEN if turns.type.get_field_index(name) >= 0]
    more = [field for field in more if field.null_count < len(field)]
    spoken = pc.binary_join_element_wise(content, *more, "\n", null_handling="skip") if more else content
    is_answer = pc.equal(turns.field("role"), "assistant")
    is_wanted = is_answer if by_assistant else pc.invert(pc.or_(is_answer, pc.equal(turns.field("role"), "system")))
    offsets = pc.subtract(lists.offsets, lists.offsets[0])
    # What is not wanted is an empty line.
    return pc.binary_join(pa.ListArray.from_arrays(offsets, pc.if_else(is_wanted, spoken, "")), "\n")
