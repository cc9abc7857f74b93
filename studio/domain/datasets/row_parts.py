"""The shapes of rows, and which part of a row is trained on."""

from __future__ import annotations

from typing import Any

Turn = dict[str, Any]
"""{"role", "content"}, and where they are there "tool_calls", "name", "tool_call_id", "reasoning_content", and
"weight", which is 0 in a turn that is read and never learned."""

Row = dict[str, Any]
"""One of four shapes, in trl's own names: {"messages": [Turn, …]}, {"text"}, {"prompt", "chosen", "rejected"} or
{"prompt", "completion", "label": bool}, whose parts are lists of turns. The first two may have a "label" (text) to
split them by, all but text "tools"."""

ANSWER_PARTS = ("chosen", "rejected", "completion")
TURN_PARTS = ("messages", "prompt", *ANSWER_PARTS)
"""The parts that are lists of turns, in the order in which they are read."""
TURN_TEXTS = ("content", "reasoning_content")
"""The fields of a turn that hold what people or models have written."""
TEXT_PARTS = ("text", *TURN_PARTS)
"""The parts that hold what people or models have written."""


def trained_content(row: Row) -> Row | None:
    """What supervised training learns of a row: {"messages", "tools"?} or {"text"}; None of an answer rated bad."""
    if "text" in row:
        return {"text": row["text"]}
    if "messages" in row:
        turns = row["messages"]
    elif "chosen" in row:
        turns = [*row["prompt"], *row["chosen"]]
    elif row["label"]:
        turns = [*row["prompt"], *row["completion"]]
    else:
        return None
    return {"messages": turns, "tools": row["tools"]} if row.get("tools") else {"messages": turns}


def pair_contents(row: Row) -> list[Row]:
    """Of a preference pair both answers behind their prompt, the chosen one first: see trained_content."""
    contents = (trained_content(row), trained_content({**row, "chosen": row["rejected"]}))
    return [content for content in contents if content is not None]


def texts_of(row: Row) -> list[tuple[str, str]]:
    """Every text in the row with its path: ("messages[1].content", "Hello.")."""
    if "text" in row:
        return [("text", row["text"])]
    return [
        (f"{part}[{i}].{name}", turn[name])
        for part in TURN_PARTS
        for i, turn in enumerate(row.get(part, ()))
        for name in TURN_TEXTS
        if name in turn
    ]
