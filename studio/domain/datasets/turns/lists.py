"""Lists of turns in the spellings that datasets have: one object for each turn, pairs of question and answer, texts in
turn, a transcript."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studio.domain.datasets.turns.spellings import CONTENT_KEYS, ROLE_KEYS, as_turn, turns_of_columns
from studio.domain.datasets.turns.text_parts import is_parts, is_plain_part
from studio.domain.datasets.turns.transcripts import transcript_turns

_USER_KEYS = ("human", "user", "prompt", "question", "query", "instruction", "input")
_ASSISTANT_KEYS = ("assistant", "bot", "gpt", "model", "completion", "response", "answer", "output")
_SYSTEM_KEYS = ("system",)


def is_turn(value: Any) -> bool:
    """Whether it is one turn, or a pair of them."""
    value = as_turn(value)
    if not isinstance(value, Mapping):
        return False
    return any(key in value for key in ROLE_KEYS) and any(
        key in value for key in (*CONTENT_KEYS, "tool_calls", "function_call")
    )


def is_pair(value: Any) -> bool:
    """Whether it is a question and its answer in one object."""
    return isinstance(value, Mapping) and bool(_pair_keys(value))


def are_answers(value: Any, column: str) -> bool:
    """Whether it is a list of answers to the same question, as SQuAD has them, of which there may be none."""
    if not isinstance(value, list):
        return False
    says_answers = "answers" in column.lower()
    if not value or all(isinstance(each, str) for each in value):
        return bool(value) or says_answers
    return all(map(is_plain_part, value)) and not any(map(is_turn, value)) and (says_answers or not is_parts(value))


def holds_turns(value: Any) -> bool:
    """Whether turns may stand in it, well-formed or not."""
    if isinstance(value, str):
        return value.lstrip()[:1] == "[" or transcript_turns(value) is not None
    if turns_of_columns(value) is not None:
        return True
    return isinstance(value, list) and (
        not value or any(isinstance(each, Mapping | list) for each in value) or _alternate(value)
    )


def spread(turns: Sequence[Any]) -> Iterator[tuple[str, str, Any]]:
    """Every turn: its path behind that of the list, its role where the list's form tells it, and what stands there: of
    pairs, and of texts by turns of the user and the assistant, the content, and otherwise the whole turn."""
    if _alternate(turns):
        for i, text in enumerate(turns):
            yield f"[{i}]", ("user", "assistant")[i % 2], text
        return
    for i, turn in enumerate(turns):
        if isinstance(turn, Mapping) and (keys := _pair_keys(turn)):
            for role, key in keys:
                yield f"[{i}].{key}", role, turn[key]
        elif isinstance(turn, list) and len(turn) == 2:
            for j, role in enumerate(("user", "assistant")):
                yield f"[{i}][{j}]", role, turn[j]
        else:
            yield f"[{i}]", "", turn


def _alternate(turns: Sequence[Any]) -> bool:
    return bool(turns) and len(turns) % 2 == 0 and all(isinstance(turn, str) for turn in turns)


def _pair_keys(turn: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(role, key) of each turn in a pair of question and answer; none where it is no pair."""
    if any(key in turn for key in ROLE_KEYS):
        return []
    names = {str(key).strip().lower(): key for key in turn}
    user = next((names[key] for key in _USER_KEYS if key in names), None)
    assistant = next((names[key] for key in _ASSISTANT_KEYS if key in names), None)
    if user is None or assistant is None:
        return []
    system = next((names[key] for key in _SYSTEM_KEYS if key in names and turn[names[key]]), None)
    return [*([("system", system)] if system is not None else []), ("user", user), ("assistant", assistant)]
