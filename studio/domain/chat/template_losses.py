"""What a chat template leaves out of a conversation, so that it is never trained on or never read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.chat.spans import TargetTurn

REASONING_FIELDS = ("reasoning_content", "reasoning", "thinking")


@dataclass(frozen=True)
class Loss:
    """`code` is one of PROBLEM_KINDS; `turn` counts from 0 and is None for the tools of the whole conversation."""

    code: str
    turn: int | None
    values: dict[str, Any]


def losses(row: Mapping[str, Any], text: str, turns: Sequence[TargetTurn]) -> Iterator[Loss]:
    """What is not in `text`, a conversation (of row_parts.trained_content) as the model sees it, or stands in it
    behind something else than what the model is given when it is to answer.

    A call counts as kept where the tool's name and those of its arguments stand in the answer, reasoning where all its
    words do.
    """
    messages: Sequence[Mapping[str, Any]] = row["messages"]
    for turn in turns:
        if turn.is_masked:  # of what is not learned, nothing is lost
            continue
        message = messages[turn.index]
        answer = text[slice(*turn.span)] if turn.span else ""
        if lost_tool := _lost_call(message, answer):
            yield Loss("call_dropped", turn.index, {"turn": turn.index + 1, "tool": lost_tool})
        if _lost_reasoning(message, answer):
            yield Loss("reasoning_dropped", turn.index, {"turn": turn.index + 1})
        if turn.span and not turn.follows_prompt:
            yield Loss("prefix_differs", turn.index, {"turn": turn.index + 1})
    for i, message in enumerate(messages):
        if message["role"] != "assistant" and not _stands_in(message["content"], text):
            yield Loss("turn_dropped", i, {"turn": i + 1, "role": message["role"]})
    for tool in row.get("tools") or ():
        if not _is_described(tool["function"], messages, text):
            yield Loss("tools_dropped", None, {"tool": tool["function"]["name"]})
            return


def reasoning_of(message: Mapping[str, Any]) -> list[str]:
    """What the assistant thinks in this turn, in its words or in a field of its own."""
    fields = [message[name] for name in REASONING_FIELDS if isinstance(message.get(name), str)]
    thoughts = [*_thoughts(message["content"]), *fields]
    if not thoughts and "</think>" in message["content"]:  # the template has written the beginning
        thoughts = [message["content"].partition("</think>")[0]]
    return [thought.strip() for thought in thoughts if thought.strip()]


def _thoughts(text: str) -> Iterator[str]:
    """What stands between marks; each part of the text is looked at once, also where a mark is never closed."""
    begin = text.find("<think>")
    while begin >= 0 and (end := text.find("</think>", begin)) >= 0:
        yield text[begin + len("<think>") : end]
        begin = text.find("<think>", end)


def _lost_call(message: Mapping[str, Any], answer: str) -> str:
    """The name of a tool whose call does not stand in what is said; empty where all do."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    for name, count in Counter(call["name"] for call in calls).items():
        if answer.count(name) - message["content"].count(name) < count:  # its words may name the tool too
            return str(name)
    for call in calls:
        arguments = call.get("arguments")
        if isinstance(arguments, Mapping) and not all(_stands_in(str(key), answer) for key in arguments):
            return str(call["name"])
    return ""


def _lost_reasoning(message: Mapping[str, Any], answer: str) -> bool:
    return not all(_stands_in(thought, answer) for thought in reasoning_of(message))


def _is_described(tool: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], text: str) -> bool:
    """Whether the text has the tool's description, or (where it has none) its name more often than the turns do."""
    if isinstance(description := tool.get("description"), str) and description.strip():
        return _stands_in(description, text)
    name = str(tool["name"])
    mentions = sum(message["content"].count(name) for message in messages)
    calls = sum(call["function"]["name"] == name for m in messages for call in m.get("tool_calls") or ())
    return bool(text.count(name) > mentions + calls)


def _stands_in(words: str, text: str) -> bool:
    """As they are, or as a string of JSON."""
    words = words.strip()
    if words in text:
        return True
    return any(json.dumps(words, ensure_ascii=ascii)[1:-1] in text for ascii in (False, True))
