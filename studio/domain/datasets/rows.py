"""Rows of any format, normalised into four shapes, with every problem in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from studio.domain.datasets.columns import value_of
from studio.domain.datasets.formats import VERDICT_OF, Format, Layout, excerpt
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import Row, Turn
from studio.domain.datasets.text_parts import NotText, is_media_column, is_parts, text_of_parts
from studio.domain.datasets.tool_calls import WrongTools, read_calls, read_tools
from studio.domain.datasets.transcripts import transcript_turns
from studio.domain.datasets.turn_fields import (
    WrongWeight,
    joined_calls,
    reasoning_in,
    says_something,
    teaches,
    tool_parts_apart,
    unused_fields,
    used_fields,
    weight_in,
    without_thoughts,
)
from studio.domain.datasets.turn_lists import CONTENT_KEYS, ROLE_KEYS, are_answers, is_turn, spread
from studio.domain.graphemes import cut

ROLES = ("system", "user", "assistant", "tool")

ROLE_OF = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(
        (
            "assistant", "gpt", "chatgpt", "model", "bing", "bard", "claude", "ai", "bot", "chatbot",
            "function_call", "function-call", "tool_call",
        ),
        "assistant",
    ),
    **dict.fromkeys(("tool", "function", "observation", "ipython", "tool_response", "function_response"), "tool"),
}  # fmt: skip

_CALLS = ("function_call", "function-call", "tool_call")  # whose words are a call in JSON

# JSON's own names, which are the same in every language.
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}


def read_row(
    layout: Layout, row: Any, line: int, file: int = 0, notes: Notes | None = None
) -> tuple[Row | None, list[Problem]]:
    """The row in its shape with warnings, or None and what is wrong with it. Words are kept as they are; what else was
    done to a row that is used is added to `notes`."""
    if layout.format is Format.CHAT and len(layout.columns) == 1 and (turns := _plain_chat(layout, row)) is not None:
        if notes is not None and len(row) > 1:
            notes.add_unused(_unused_columns(layout, row))
        return {"messages": turns}, []
    reader = _RowReader(layout, line, file)
    content = reader.row(row)
    if reader.problems:
        return None, reader.problems
    if notes is not None:
        for code, field in reader.notes:
            notes.add(code, line, field=field)
        notes.add_unused([*_unused_columns(layout, row), *reader.unused])
    return content, reader.warnings


def draft_row(
    layout: Layout,
    row: Any,
    line: int,
    file: int = 0,
    mend: Callable[[list[Turn]], list[Turn]] = lambda turns: turns,
) -> tuple[Row, list[Problem], list[Problem]]:
    """The row, what is wrong with it, and its warnings. A row at fault is read as far as it can be: the rest is empty.

    Args:
        mend: Is given the turns of a conversation in which nothing is wrong but, maybe, their order.
    """
    reader = _RowReader(layout, line, file, mend)
    return reader.row(row), reader.problems, reader.warnings


def _plain_chat(layout: Layout, row: Any) -> list[Turn] | None:
    """The turns of a row that has nothing but text turns in good order, quickly; None where a closer look is due."""
    turns = row.get(layout.columns["messages"]) if type(row) is dict else None
    if type(turns) is list and len(row) > 1 and any(map(is_media_column, row)):
        return None
    if type(turns) is not list or not turns:
        return None
    before = ""
    for turn in turns:
        if type(turn) is not dict or len(turn) != 2:
            return None
        role, content = turn.get("role"), turn.get("content")
        if (
            type(content) is not str
            or not content
            or content.isspace()
            or (not content.isascii() and not is_whole(content))
        ):
            return None
        if role == "user" or role == "assistant":
            if role == before:
                return None
        elif role != "system" or before:
            return None
        before = role
    return turns if before == "assistant" else None


def _unused_columns(layout: Layout, row: Mapping[str, Any]) -> list[str]:
    used = layout.columns.values()
    return [excerpt(str(name)) for name, value in row.items() if name not in used and says_something(value)]


class _RowReader:
    """Reads one row and gathers its problems; what cannot be read stands as empty until the row is refused."""

    def __init__(
        self, layout: Layout, line: int, file: int, mend: Callable[[list[Turn]], list[Turn]] | None = None
    ) -> None:
        self.problems: list[Problem] = []
        self.notes: dict[tuple[str, str], None] = {}  # code and field of what is said once for all rows
        self.warnings: list[Problem] = []  # at most one of each kind
        self.unused: dict[str, None] = {}  # paths of fields inside turns
        self._columns = layout.columns
        self._format = layout.format
        self._line = line
        self._file = file
        self._mend = mend

    def note(self, field: str, code: str, **values: Any) -> None:
        self.problems.append(Problem(self._line, field, code, values, self._file))

    def warn(self, field: str, code: str, **values: Any) -> None:
        if all(warning.code != code for warning in self.warnings):
            self.warnings.append(Problem(self._line, field, code, values, self._file))

    def row(self, row: Any) -> Row:
        if not isinstance(row, Mapping):
            self.note("", "not_an_object", found=_kind(row))
            return {}
        for column in row:
            if is_media_column(column) and row[column] and column not in self._columns.values():
                self.note(column, "media")
        match self._format:
            case Format.TEXT:
                content: Row = {"text": self._text(row, "text")}
            case Format.PREFERENCE:
                content = self._preference(row)
            case Format.UNPAIRED:
                content = self._unpaired(row)
            case _:
                content = {"messages": self._conversation(row)}
        self._add_tools(row, content)
        if self._format is not Format.UNPAIRED and (label := _label(value_of(row, self._columns.get("label", "")))):
            content["label"] = label
        return content

    # the four shapes

    def _conversation(self, row: Mapping[str, Any]) -> list[Turn]:
        if "messages" in self._columns:
            field = self._columns["messages"]
            turns = self._turns(value_of(row, field), field)
        else:
            question, answer = ("instruction", "output") if self._format is Format.ALPACA else ("prompt", "completion")
            field = self._columns[answer]
            turns = [*self._history(row), *self._question(row, question), *self._side(row, answer, "assistant")]
        turns = self._with_system(row, turns)
        if not self.problems:
            if self._mend is not None:
                turns = self._mend(turns)
            self._check_order(turns, field)
        if self._format is not Format.UNPAIRED:
            self._check_teaches(turns, field)
        return turns

    def _preference(self, row: Mapping[str, Any]) -> Row:
        rejected = self._side(row, "rejected", "assistant")
        if "chosen" not in self._columns:
            prompt, chosen = _before_answer(self._question(row, "prompt"))
            if not chosen and not self.problems:
                self.note(self._columns["prompt"], "no_answer", role=prompt[-1]["role"])
            if rejected[: len(prompt)] == prompt:
                rejected = rejected[len(prompt) :]
            return self._pair(row, prompt, chosen, rejected)
        chosen = self._side(row, "chosen", "assistant")
        if "prompt" in self._columns:
            prompt = [*self._history(row), *self._question(row, "prompt")]
            whole, *ends = _common_start(chosen, rejected)
            if prompt and prompt in (whole[: len(prompt)], whole[-len(prompt) :]):  # both answers repeat it
                prompt, (chosen, rejected) = whole, ends
            for part, turns in (("chosen", chosen), ("rejected", rejected)):
                if not self.problems and any(turn["role"] in ("system", "user") for turn in turns):
                    self.note(self._columns[part], "not_one_answer")
        else:
            prompt, chosen, rejected = _common_start(chosen, rejected)
            if not prompt and not self.problems:
                self.note("prompt", "missing")
        return self._pair(row, prompt, chosen, rejected)

    def _pair(self, row: Mapping[str, Any], prompt: list[Turn], chosen: list[Turn], rejected: list[Turn]) -> Row:
        prompt = self._with_system(row, prompt)
        if not self.problems:
            for part, turns in (("chosen", chosen), ("rejected", rejected)):
                field = self._columns.get(part, self._columns.get("prompt", part))
                self._check_order([*prompt, *turns], field)
                self._check_teaches(turns, field)
            if not self.problems and chosen == rejected:
                self.note(self._columns["rejected"], "same_answers")
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}

    def _unpaired(self, row: Mapping[str, Any]) -> Row:
        turns = self._conversation(row)
        column = self._columns["label"]
        verdict = VERDICT_OF.get(str(value_of(row, column)).strip().lower())
        if verdict is None:
            self.note(column, "no_verdict", found=excerpt(str(value_of(row, column))))
        prompt, completion = _before_answer(turns)
        if verdict:
            self._check_teaches(completion, self._columns.get("messages") or self._columns["completion"])
        return {"prompt": prompt, "completion": completion, "label": bool(verdict)}

    def _add_tools(self, row: Mapping[str, Any], content: Row) -> None:
        column = self._columns.get("tools", "")
        if not (value := value_of(row, column)):
            return
        try:
            if tools := read_tools(value):
                content["tools"] = tools
        except WrongTools:
            self.note(column, "bad_tools")

    # parts of a conversation

    def _text(self, row: Mapping[str, Any], part: str) -> str:
        column = self._columns[part]
        return self._words(value_of(row, column), column)

    def _with_system(self, row: Mapping[str, Any], turns: list[Turn]) -> list[Turn]:
        column = self._columns.get("system", "")
        value = value_of(row, column)
        system = "" if value is None else self._words(value, column, may_be_empty=True)
        if system.strip() and (not turns or turns[0]["role"] != "system"):
            return [_turn("system", system), *turns]
        return turns

    def _question(self, row: Mapping[str, Any], part: str) -> list[Turn]:
        """The question, with more input below it where there is some."""
        column = self._columns.get("input", "")
        value = value_of(row, column)
        extra = "" if value is None else self._words(value, column, may_be_empty=True)
        if not extra.strip():
            return self._side(row, part, "user")
        if value_of(row, self._columns[part]) in (None, ""):
            return [_turn("user", extra)]
        *before, last = self._side(row, part, "user") or [_turn("user", "")]
        return [*before, {**last, "content": f"{last['content']}\n\n{extra}"}]

    def _history(self, row: Mapping[str, Any]) -> list[Turn]:
        column = self._columns.get("history", "")
        value = _parsed(value_of(row, column) or [])
        earlier = value if isinstance(value, list) else [value]
        for i, pair in enumerate(earlier):
            if not (isinstance(pair, Mapping) or (isinstance(pair, list) and len(pair) == 2)):
                self.note(f"{column}[{i}]", "bad_history")
                return []
        return self._turns(earlier, column) if earlier else []

    def _side(self, row: Mapping[str, Any], part: str, role: str) -> list[Turn]:
        """A question or an answer: text, a transcript, one turn, or a list of turns; of several answers the first."""
        column = self._columns[part]
        value = value_of(row, column)
        if isinstance(value, str):
            transcript = None if role == "assistant" and "prompt" in self._columns else transcript_turns(value)
            if transcript and (role == "assistant" or transcript[-1][0] == "user"):
                return [_turn(who, words) for who, words in transcript]
        if role == "assistant" and are_answers(value, column):
            if len(value) > 1:
                self.notes["first_of_several", column] = None
            return [_turn(role, self._words(value[0] if value else "", column))]
        if isinstance(value, list) and not is_parts(value):
            return self._turns(value, column)
        if is_turn(value):
            return [self._one_turn(value, column)]
        return [_turn(role, self._words(value, column))]

    # values

    def _words(self, value: Any, field: str, *, may_be_empty: bool = False) -> str:
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
            self.notes["number_as_text", _without_places(field)] = None
            return str(value) if isinstance(value, Decimal) else json.dumps(value)
        else:
            self.note(field, "wrong_type", found=_kind(value))
        return ""

    def _turns(self, value: Any, field: str) -> list[Turn]:
        if isinstance(value, str) and (transcript := transcript_turns(value)):
            return [_turn(role, self._words(words, field)) for role, words in transcript]
        value = _parsed(value)
        if value is None:
            self.note(field, "missing")
        elif not isinstance(value, list):
            self.note(field, "not_a_list", found=_kind(value))
        elif not value:
            self.note(field, "no_turns")
        else:
            return joined_calls(
                [
                    self._one_turn(turn, f"{field}{place}")
                    if not role
                    else _turn(role, self._words(turn, f"{field}{place}", may_be_empty=role == "system"))
                    for place, role, each in spread(value)
                    for turn in ([each] if role else tool_parts_apart(each))
                ]
            )
        return []

    def _one_turn(self, turn: Any, field: str) -> Turn:
        if not isinstance(turn, Mapping):
            self.note(field, "not_a_turn", found=_kind(turn))
            return _turn("", "")
        who = next((key for key in ROLE_KEYS if turn.get(key) is not None), "role")
        what = next((key for key in CONTENT_KEYS if turn.get(key) is not None), "content")
        role, is_call = self._role(turn.get(who), f"{field}.{who}")
        content, thoughts = without_thoughts(turn.get(what)) if role == "assistant" else (turn.get(what), "")
        new_turn = _turn(role, "")
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
            self.unused |= dict.fromkeys(f"{_without_places(field)}.{name}" for name in unused_fields(turn, used))
        return new_turn

    def _add_reasoning(self, new_turn: Turn, turn: Mapping[str, Any], field: str, what: str, thoughts: str) -> None:
        reasoning, name = reasoning_in(turn)
        words = self._words(reasoning or thoughts, f"{field}.{name or what}", may_be_empty=True)
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
            self.note(field, "wrong_type", found=_kind(value))
            return "", False
        name = self._words(value, field).strip().lower()
        role = ROLE_OF.get(name, "")
        if name and not role:
            self.note(field, "unknown_role", role=excerpt(str(value)))
        return role, name in _CALLS

    def _content(self, value: Any, field: str, role: str, *, calls: bool) -> str:
        """A turn's words, which may be in parts, as the OpenAI format has it."""
        if value is None and calls:
            return ""
        return self._words(value, field, may_be_empty=calls or role in ("system", "tool"))

    def _check_order(self, turns: Sequence[Turn], field: str) -> None:
        """Roles in an order that chat templates take, with an answer to learn at the end."""
        roles = [turn["role"] for turn in turns]
        for i, role in enumerate(roles):
            if role == "system" and i:
                self.note(field, "late_system", turn=i + 1)
            elif i and role == roles[i - 1] and role != "tool":
                self.note(field, "same_role", before=i, turn=i + 1, role=role)
        if roles[-1] != "assistant":
            self.note(field, "no_answer", role=roles[-1])

    def _check_teaches(self, turns: Sequence[Turn], field: str) -> None:
        if not self.problems and not teaches(turns):
            self.note(field, "no_learned_answer")


def _says_thought(content: str, thought: str) -> bool:
    """Whether an answer has its reasoning in its own words already."""
    return thought.strip() in content.rpartition("</think>")[0]


def _turn(role: str, content: str) -> Turn:
    return {"role": role, "content": content}


def _parsed(value: Any) -> Any:
    """A list that stands as JSON in a cell of a table; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] != "[":
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _before_answer(turns: list[Turn]) -> tuple[list[Turn], list[Turn]]:
    """The turns up to the last one that is not the assistant's, and the answer behind it."""
    start = max((i + 1 for i, turn in enumerate(turns) if turn["role"] != "assistant"), default=0)
    return turns[:start], turns[start:]


def _common_start(chosen: list[Turn], rejected: list[Turn]) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """Two whole conversations as what they share, and how each ends."""
    common = 0
    most = min(len(chosen), len(rejected)) - 1
    while common < most and chosen[common] == rejected[common]:
        common += 1
    return chosen[:common], chosen[common:], rejected[common:]


def _label(value: Any) -> str:
    return cut(str(value).strip(), 100) if isinstance(value, str | int | float) and is_whole(str(value)) else ""


def is_whole(value: str) -> bool:
    """Has no half of a character (an unpaired surrogate), which no file can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_places(field: str) -> str:
    """The same for every turn: messages[].content."""
    return re.sub(r"\[\d+\]", "[]", field)


def _kind(value: Any) -> str:
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)
