"""Rows of any layout, made into conversations or texts, with all that is wrong in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studio.domain.dataset import Problem, Unit
from studio.domain.dataset_formats import Format, Layout

Turn = dict[str, str]
Row = dict[str, Any]
"""{"messages": [{"role", "content"}, …]} or {"text": …}"""

ROLES = ("system", "user", "assistant", "tool")

_ROLE_OF = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "chatgpt", "model", "bing", "bard", "claude", "ai", "bot", "chatbot", "function_call"),
        "assistant",
    ),
    **dict.fromkeys(("tool", "function", "observation", "ipython", "tool_response", "function_response"), "tool"),
}

# JSON's own names, which are the same in every language.
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}


def read_row(layout: Layout, row: Any, line: int, unit: Unit = "line") -> tuple[Row | None, list[Problem]]:
    """The row in its one of two shapes, or None and what is wrong with it. Words are kept as they are."""
    reader = _RowReader(layout, line, unit)
    if not isinstance(row, Mapping):
        reader.note("", "not_an_object", "This is no object; its type is {found}.", _ONE_OBJECT, found=_kind(row))
        return None, reader.problems
    made: Row
    if layout.format is Format.TEXT:
        made = {"text": reader.text(row, "text")}
    else:
        made = {"messages": reader.conversation(row)}
    return (None, reader.problems) if reader.problems else (made, [])


_ONE_OBJECT = "Each row must be an object with named fields."


class _RowReader:
    """Reads one row and gathers its problems; what cannot be read stands as empty until the row is refused."""

    def __init__(self, layout: Layout, line: int, unit: Unit) -> None:
        self.problems: list[Problem] = []
        self._layout = layout
        self._line = line
        self._unit = unit

    def note(self, field: str, code: str, message: str, remedy: str, **values: Any) -> None:
        self.problems.append(Problem(self._line, field, code, message, remedy, {"field": field, **values}, self._unit))

    # parts of a row

    def text(self, row: Mapping[str, Any], part: str) -> str:
        column = self._layout.columns[part]
        return self._words(row.get(column), column)

    def conversation(self, row: Mapping[str, Any]) -> list[Turn]:
        if self._layout.format in (Format.CHAT, Format.SHAREGPT):
            field = self._layout.columns["messages"]
            turns = self._turns(row.get(field), field)
        elif self._layout.format is Format.ALPACA:
            field = self._layout.columns["output"]
            turns = [*self._history(row), self._instruction(row), _turn("assistant", self.text(row, "output"))]
        else:
            field = self._layout.columns["completion"]
            turns = [*self._side(row, "prompt", "user"), *self._side(row, "completion", "assistant")]
        system = self._optional(row, "system")
        if system.strip() and (not turns or turns[0]["role"] != "system"):
            turns.insert(0, _turn("system", system))
        if not self.problems:
            self._check_order(turns, field)
        return turns

    def _instruction(self, row: Mapping[str, Any]) -> Turn:
        extra = self._optional(row, "input")
        column = self._layout.columns["instruction"]
        if extra.strip() and row.get(column) in (None, ""):
            return _turn("user", extra)
        instruction = self._words(row.get(column), column)
        return _turn("user", f"{instruction}\n\n{extra}" if extra.strip() else instruction)

    def _history(self, row: Mapping[str, Any]) -> list[Turn]:
        column = self._layout.columns.get("history", "")
        pairs = row.get(column) or []
        turns: list[Turn] = []
        for i, pair in enumerate(pairs if isinstance(pairs, list) else [pairs]):
            field = f"{column}[{i}]"
            if isinstance(pair, list) and len(pair) == 2:
                question, answer = (self._words(words, f"{field}[{j}]") for j, words in enumerate(pair))
                turns += _turn("user", question), _turn("assistant", answer)
            else:
                message = "“{field}” must be a question and its answer in a list."
                remedy = "Write the earlier turns as [[question, answer], …], or leave them out."
                self.note(field, "wrong_type", message, remedy)
        return turns

    def _side(self, row: Mapping[str, Any], part: str, role: str) -> list[Turn]:
        column = self._layout.columns[part]
        if isinstance(row.get(column), list):
            return self._turns(row[column], column)
        return [_turn(role, self._words(row.get(column), column))]

    def _optional(self, row: Mapping[str, Any], part: str) -> str:
        column = self._layout.columns.get(part, "")
        value = row.get(column)
        return "" if value is None else self._words(value, column, may_be_empty=True)

    # values

    def _words(self, value: Any, field: str, *, may_be_empty: bool = False) -> str:
        """The value as it is, once it is text that can be learned."""
        if isinstance(value, str):
            if not may_be_empty and not value.strip():
                self.note(field, "empty", "“{field}” is empty.", _FILL_IN)
            elif not value.isascii() and not _is_whole(value):
                message = "“{field}” has half of a character (an unpaired surrogate)."
                self.note(field, "broken_character", message, "Remove it, or write the whole character.")
                return ""
            return value
        if value is None:
            self.note(field, "missing", "There is no “{field}”.", _FILL_IN)
        else:
            message = "“{field}” must be text; its type is {found}."
            self.note(field, "wrong_type", message, "Write it as text, in quotation marks.", found=_kind(value))
        return ""

    def _turns(self, value: Any, field: str) -> list[Turn]:
        if value is None:
            self.note(field, "missing", "There is no “{field}”.", _FILL_IN)
        elif not isinstance(value, list):
            message = "“{field}” must be a list of turns; its type is {found}."
            self.note(field, "wrong_type", message, _TURNS, found=_kind(value))
        elif not value:
            self.note(field, "empty", "“{field}” has no turns.", _FILL_IN)
        else:
            return [self._one_turn(turn, f"{field}[{i}]") for i, turn in enumerate(value)]
        return []

    def _one_turn(self, turn: Any, field: str) -> Turn:
        if not isinstance(turn, Mapping):
            self.note(
                field, "wrong_type", "“{field}” must be an object; its type is {found}.", _TURNS, found=_kind(turn)
            )
            return _turn("", "")
        who = "from" if turn.get("role") is None and "from" in turn else "role"
        what = "value" if turn.get("content") is None and "value" in turn else "content"
        role = self._role(turn.get(who), f"{field}.{who}")
        content = turn.get(what)
        if turn.get("tool_calls"):
            message = "“{field}” holds tool calls, which cannot be learned here."
            remedy = "Write the call as text in “content”, or remove the row."
            self.note(f"{field}.tool_calls", "tool_calls", message, remedy)
            return _turn(role, "")
        if isinstance(content, list):
            return _turn(role, self._join(content, f"{field}.{what}"))
        return _turn(role, self._words(content, f"{field}.{what}", may_be_empty=role == "system"))

    def _role(self, value: Any, field: str) -> str:
        name = self._words(value, field)
        role = _ROLE_OF.get(name.strip().lower(), "")
        if name.strip() and not role:
            message = "“{field}” is “{role}”, which is no known role."
            self.note(field, "unknown_role", message, "Use system, user, assistant or tool.", role=name[:40])
        return role

    def _join(self, parts: list[Any], field: str) -> str:
        """Content in parts, as the OpenAI format has it."""
        words = [p.get("text") if isinstance(p, Mapping) and p.get("type", "text") == "text" else None for p in parts]
        whole = "".join(word for word in words if isinstance(word, str))
        if all(isinstance(word, str) for word in words):
            return self._words(whole, field)
        self.note(field, "not_text", "“{field}” has parts that are not text.", "Leave them out, or remove the row.")
        return whole

    def _check_order(self, turns: list[Turn], field: str) -> None:
        """Roles in an order that chat templates take, with an answer to learn at the end."""
        roles = [turn["role"] for turn in turns]
        for i, role in enumerate(roles):
            if role == "system" and i:
                message = "Turn {turn} of “{field}” is a system message."
                remedy = "Move it to the beginning: only there do chat templates take one."
                self.note(field, "late_system", message, remedy, turn=i + 1)
            elif i and role == roles[i - 1] and role != "tool":
                message = "Turns {before} and {turn} of “{field}” are both by the {role}."
                remedy = "Join them into one turn, or add what was said between them."
                self.note(field, "same_role", message, remedy, before=i, turn=i + 1, role=role)
        if roles[-1] != "assistant":
            message = "The last turn of “{field}” is by the {role}, so there is no answer to learn."
            remedy = "Add the assistant's answer, or remove what follows the last one."
            self.note(field, "no_answer", message, remedy, role=roles[-1])


_FILL_IN = "Fill it in, or remove the row."
_TURNS = 'Write it as [{{"role": "user", "content": "…"}}, {{"role": "assistant", "content": "…"}}].'


def _turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


def _is_whole(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)
