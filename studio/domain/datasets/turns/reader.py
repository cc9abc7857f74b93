"""Reads the turns of one row, and gathers what is wrong with them."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from studio.domain.datasets.formats import excerpt
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import Turn
from studio.domain.datasets.turns.fields import (
    REDACTED,
    WrongWeight,
    joined_calls,
    reasoning_in,
    teaches,
    tool_parts_apart,
    unused_fields,
    used_fields,
    weight_in,
    without_thoughts,
)
from studio.domain.datasets.turns.lists import spread
from studio.domain.datasets.turns.spellings import CONTENT_KEYS, ROLE_KEYS, as_turn, turns_of_columns
from studio.domain.datasets.turns.text_parts import NotText, text_of_parts
from studio.domain.datasets.turns.tool_calls import WrongTools, read_calls
from studio.domain.datasets.turns.transcripts import transcript_turns
from studio.domain.graphemes import is_whole

ROLES = ("system", "user", "assistant", "tool")

ROLE_OF = {
    **dict.fromkeys(("system", "developer", "系统"), "system"),
    **dict.fromkeys(("user", "human", "prompter", "用户", "人类"), "user"),
    **dict.fromkeys(
        (
            "assistant", "gpt", "chatgpt", "model", "bing", "bard", "claude", "ai", "bot", "chatbot", "助手",
            "function_call", "function-call", "tool_call",
        ),
        "assistant",
    ),
    **dict.fromkeys(("tool", "function", "observation", "ipython", "tool_response", "function_response"), "tool"),
}  # fmt: skip

_CALLS = ("function_call", "function-call", "tool_call")  # whose words are a call in JSON

# JSON's own names, which are the same in every language.
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}


class TurnReader:
    """What cannot be read stands as empty until the row is refused.

    Attributes:
        notes: Code and field of what is said once for all rows.
        warnings: At most one of each kind.
        unused: Paths of fields inside turns.
    """

    def __init__(self, line: int, file: int) -> None:
        self.problems: list[Problem] = []
        self.notes: dict[tuple[str, str], None] = {}
        self.warnings: list[Problem] = []
        self.unused: dict[str, None] = {}
        self._line = line
        self._file = file

    def note(self, field: str, code: str, **values: Any) -> None:
        self.problems.append(Problem(self._line, field, code, values, self._file))

    def warn(self, field: str, code: str, **values: Any) -> None:
        if all(warning.code != code for warning in self.warnings):
            self.warnings.append(Problem(self._line, field, code, values, self._file))

    def words(self, value: Any, field: str, *, may_be_empty: bool = False) -> str:
        """The value as it is, once it is text that can be learned; the text of one that is written in parts."""
        if isinstance(value, list | Mapping):
            try:
                value = text if (text := text_of_parts(value)) is not None else value
            except NotText as error:
                self.note(field, "media" if error.media else "not_text")
                return ""
        if isinstance(value, str):
            if not may_be_empty and not value.strip():
                self.note(field, "empty")
            elif not value.isascii() and not is_whole(value):
                self.note(field, "broken_character")
                return ""
            return value
        if value is None:
            self.note(field, "missing")
        elif isinstance(value, bool | int | float | Decimal) and isfinite(value):
            self.notes["number_as_text", without_places(field)] = None
            return str(value) if isinstance(value, Decimal) else json.dumps(value)
        else:
            self.note(field, "wrong_type", found=kind_of(value))
        return ""

    def turns(self, value: Any, field: str) -> list[Turn]:
        if isinstance(value, str) and (transcript := transcript_turns(value)):
            return [turn_of(role, self.words(words, field)) for role, words in transcript]
        value = parsed(value)
        value = in_columns if (in_columns := turns_of_columns(value)) is not None else value
        if value is None:
            self.note(field, "missing")
        elif not isinstance(value, list):
            self.note(field, "not_a_list", found=kind_of(value))
        elif not value:
            self.note(field, "no_turns")
        else:
            return joined_calls(
                [
                    self.one_turn(turn, f"{field}{place}")
                    if not role
                    else turn_of(role, self.words(turn, f"{field}{place}", may_be_empty=role == "system"))
                    for place, role, each in spread(value)
                    for turn in ([each] if role else tool_parts_apart(as_turn(each)))
                ]
            )
        return []

    def one_turn(self, turn: Any, field: str) -> Turn:
        if not isinstance(turn, Mapping):
            self.note(field, "not_a_turn", found=kind_of(turn))
            return turn_of("", "")
        turn = as_turn(turn)
        who = next((key for key in ROLE_KEYS if turn.get(key) is not None), "role")
        what = next((key for key in CONTENT_KEYS if turn.get(key) is not None), "content")
        role, is_call = self._role(turn.get(who), f"{field}.{who}")
        content, thoughts = without_thoughts(turn.get(what)) if role == "assistant" else (turn.get(what), "")
        if isinstance(turn.get(what), list) and any(is_redacted(part) for part in turn[what]):
            self.unused[f"{without_places(field)}.{what}[].{REDACTED}"] = None
        new_turn = turn_of(role, "")
        calls = content if is_call else turn.get("tool_calls") or turn.get("function_call")
        try:
            if calls and (read := read_calls(calls)):
                new_turn["tool_calls"] = read
            elif calls and is_call:
                raise WrongTools
        except WrongTools as error:
            self.note(f"{field}.{what if is_call else 'tool_calls'}{error.place}", "bad_tool_call")
            return new_turn
        if not (is_call and "tool_calls" in new_turn):
            new_turn["content"] = self._content(content, f"{field}.{what}", role, calls="tool_calls" in new_turn)
        if role == "tool":
            new_turn |= {key: turn[key] for key in ("name", "tool_call_id") if isinstance(turn.get(key), str)}
        if role == "assistant":
            self._add_reasoning(new_turn, turn, field, what, thoughts)
        self._add_weight(new_turn, turn, field)
        if len(turn) > 2:
            used = {who, what, *new_turn, *used_fields(turn, new_turn)}
            self.unused |= dict.fromkeys(f"{without_places(field)}.{name}" for name in unused_fields(turn, used))
        return new_turn

    def _add_reasoning(self, new_turn: Turn, turn: Mapping[str, Any], field: str, what: str, thoughts: str) -> None:
        reasoning, name = reasoning_in(turn)
        words = self.words(reasoning or thoughts, f"{field}.{name or what}", may_be_empty=True)
        if words.strip() and not _says_thought(new_turn["content"], words):
            new_turn["reasoning_content"] = words

    def _add_weight(self, new_turn: Turn, turn: Mapping[str, Any], field: str) -> None:
        try:
            weight, name = weight_in(turn)
        except WrongWeight as error:
            self.note(f"{field}.{error.field}", "bad_weight", found=excerpt(str(error.found)))
            return
        if weight == 0:
            new_turn["weight"] = 0
        elif weight != 1 and new_turn["role"] == "assistant":
            self.warn(f"{field}.{name}", "weight_in_part", found=excerpt(str(turn[name])))

    def _role(self, value: Any, field: str) -> tuple[str, bool]:
        """The role, and whether its words are a tool call."""
        if value is not None and not isinstance(value, str):
            self.note(field, "wrong_type", found=kind_of(value))
            return "", False
        name = self.words(value, field).strip().lower()
        role = ROLE_OF.get(name, "")
        if name and not role:
            self.note(field, "unknown_role", role=excerpt(str(value)))
        return role, name in _CALLS

    def _content(self, value: Any, field: str, role: str, *, calls: bool) -> str:
        """A turn's words, which may be in parts, as the OpenAI format has it."""
        if value is None and calls:
            return ""
        return self.words(value, field, may_be_empty=calls or role in ("system", "tool"))

    def check_order(self, turns: Sequence[Turn], field: str) -> None:
        """Roles in an order that chat templates take, with an answer to learn at the end."""
        roles = [turn["role"] for turn in turns]
        for i, role in enumerate(roles):
            if role == "system" and i:
                self.note(field, "late_system", turn=i + 1)
            elif i and role == roles[i - 1] and role != "tool":
                self.note(field, "same_role", before=i, turn=i + 1, role=role)
        if roles[-1] != "assistant":
            self.note(field, "no_answer", role=roles[-1])

    def check_teaches(self, turns: Sequence[Turn], field: str) -> None:
        if not self.problems and not teaches(turns):
            self.note(field, "no_learned_answer")


def _says_thought(content: str, thought: str) -> bool:
    """Whether an answer has its reasoning in its own words already."""
    return thought.strip() in content.rpartition("</think>")[0]


def is_redacted(part: Any) -> bool:
    return isinstance(part, Mapping) and part.get("type") == REDACTED


def turn_of(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


def parsed(value: Any) -> Any:
    """A list that stands as JSON in a cell of a table, or as Python writes it; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] != "[":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        pass
    try:
        # numpy has no commas between the elements of a list, and texts have no line breaks in Python's notation.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # of backslashes in foreign words
            return ast.literal_eval(re.sub(r"\}\s*\n\s*\{", "}, {", value.strip()))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def without_places(field: str) -> str:
    """The same for every turn: messages[].content."""
    return re.sub(r"\[\d+\]", "[]", field)


def kind_of(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)
