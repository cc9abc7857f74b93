"""What a turn has beside its role and its words: reasoning, and a weight that says whether it is learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

from studio.domain.chat.spans import is_masked
from studio.domain.chat.template_losses import REASONING_FIELDS
from studio.domain.datasets.formats import excerpt
from studio.domain.datasets.row_parts import Turn
from studio.domain.datasets.turns.spellings import parts_of_gemini

WEIGHT_FIELDS = ("weight", "loss_weight", "loss_scale", "train", "training", "loss")
"""Under which it says whether a turn is learned: OpenAI's and vLLM's names, and those of axolotl and ms-swift."""

_THOUGHT_PARTS = {"thinking": ("thinking", "text"), "reasoning": ("reasoning", "text")}
REDACTED = "redacted_thinking"
"""The type of a part that is reasoning which nobody can read."""
NOTHING: Sequence[Any] = (None, "", [], {})
"""Values that say nothing."""

_YES, _NO = ("true", "yes"), ("false", "no")


class WrongWeight(ValueError):
    """`field` of a turn says in no known way whether the turn is learned."""

    def __init__(self, field: str, found: Any) -> None:
        self.field = field
        self.found = found


def without_thoughts(content: Any) -> tuple[Any, str]:
    """A turn's content without the parts of it that are reasoning, and these."""
    if not isinstance(content, list):
        return content, ""
    thoughts = [_thought_of(part) for part in content]
    rest = [part for part, thought in zip(content, thoughts, strict=True) if thought is None]
    return rest, "\n\n".join(thought for thought in thoughts if thought)


def _thought_of(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == REDACTED:
        return ""
    names = _THOUGHT_PARTS.get(kind, ()) if isinstance(kind, str) else ()
    return next((part[name] for name in names if isinstance(part.get(name), str)), None)


def tool_parts_apart(turn: Any) -> list[Any]:
    """The turn, with calls of tools and their results that are parts of its content, as Anthropic's format has them, as
    OpenAI's has them: calls in a field of their own, and each result as a turn before it."""
    name = "content" if isinstance(turn, Mapping) and turn.get("content") is not None else "parts"
    content = turn.get(name) if isinstance(turn, Mapping) else None
    if not isinstance(content, list):
        return [turn]
    content = parts_of_gemini(content) if name == "parts" else content
    by_type: dict[Any, list[Any]] = {"tool_use": [], "tool_result": []}
    rest: list[Any] = []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        (by_type[kind] if kind in ("tool_use", "tool_result") else rest).append(part)
    uses, results = by_type.values()
    if not uses and not results:
        return [{**turn, name: content}]
    calls = [{"id": part.get("id"), "name": part.get("name"), "arguments": part.get("input")} for part in uses]
    turns = [
        {
            "role": "tool",
            "tool_call_id": part.get("tool_use_id"),
            "name": part.get("name"),
            "content": part.get("content") or "",
        }
        for part in results
    ]
    if rest or calls:
        turns.append({**turn, name: rest or None, **({"tool_calls": calls} if calls else {})})
    return turns


def reasoning_in(turn: Mapping[str, Any]) -> tuple[str, str]:
    """The reasoning in a turn's fields, and the field that it stands in; both empty where there is none."""
    texts = ((name, _plain_text(turn.get(name))) for name in REASONING_FIELDS)
    return next(((text, name) for name, text in texts if text.strip()), ("", ""))


def _plain_text(value: Any) -> str:
    """Text, an object that holds it, or several of them in a list; empty where it is something else."""
    match value:
        case str():
            return value
        case {"text": str(text)} | {"thinking": str(text)} | {"content": str(text)}:
            return text
        case [*parts]:
            texts = [_plain_text(part) for part in parts]
            return "\n\n".join(texts) if all(texts) else ""
    return ""


def weight_in(turn: Mapping[str, Any]) -> tuple[float, str]:
    """The least weight that a turn's fields give it, 1 where there is none, and the field that it stands in.

    Raises WrongWeight.
    """
    given = [(name, turn[name]) for name in WEIGHT_FIELDS if turn.get(name) is not None]
    # A table that has no value there may say "not a number", which is not equal to itself.
    weights = [(_weight(name, value), name) for name, value in given if value == value]
    return min(weights, default=(1.0, ""))


def _weight(field: str, found: Any) -> float:
    value = found
    if isinstance(value, str):
        word = value.strip().lower()
        value = word in _YES if word in (*_YES, *_NO) else _number(word)
    try:
        weight = float(value) if isinstance(value, bool | int | float) else -1.0
    except OverflowError:  # an integer of more than 300 digits
        weight = -1.0
    if not isfinite(weight) or weight < 0:
        raise WrongWeight(field, found)
    return weight


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def teaches(turns: Sequence[Turn]) -> bool:
    """Whether an answer is left in them to be learned."""
    return any(turn["role"] == "assistant" and not is_masked(turn) for turn in turns)


def all_learned(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, none of them masked."""
    return [{name: value for name, value in turn.items() if name != "weight"} for turn in turns]


def joined_calls(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, with calls of tools that follow the assistant's words or another call at once in the same turn.

    A dataset in which a turn holds words or one call writes calls that are made at the same time so. Answers of which
    one is learned and the other is not stay apart.
    """
    joined: list[Turn] = []
    for turn in turns:
        before = joined[-1] if joined else {}
        if (
            turn.get("role") == before.get("role") == "assistant"
            and turn.get("tool_calls")
            and not turn["content"].strip()
            and is_masked(turn) == is_masked(before)
        ):
            joined[-1] = _with_calls_of(before, turn)
        else:
            joined.append(turn)
    return joined


def _with_calls_of(turn: Turn, next_turn: Turn) -> Turn:
    thoughts = [each["reasoning_content"] for each in (turn, next_turn) if "reasoning_content" in each]
    reasoning = {"reasoning_content": "\n\n".join(thoughts)} if thoughts else {}
    return {**turn, **reasoning, "tool_calls": [*turn.get("tool_calls", ()), *next_turn["tool_calls"]]}


def used_fields(turn: Mapping[str, Any], new_turn: Turn) -> Iterator[str]:
    """The names of the fields beside role and content of which something is used in the turn that was made."""
    yield from WEIGHT_FIELDS
    if "tool_calls" in new_turn and not says_something(turn.get("tool_calls")):
        yield "function_call"
    if new_turn["role"] == "assistant" and (reasoning := reasoning_in(turn)[0]):
        yield from (name for name in REASONING_FIELDS if _plain_text(turn.get(name)) == reasoning)


def unused_fields(turn: Mapping[str, Any], used: set[str]) -> Iterator[str]:
    """The names of the fields that say something and are not used."""
    return (excerpt(str(name)) for name, value in turn.items() if name not in used and says_something(value))


def says_something(value: Any) -> bool:
    return value not in NOTHING
