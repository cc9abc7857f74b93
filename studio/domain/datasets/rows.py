"""Rows of any format, normalised into four shapes, with every problem in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studio.domain.datasets.columns import nested_columns, value_of
from studio.domain.datasets.formats import PARTS, VERDICT_OF, Format, Layout, excerpt
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.recognition import UnclearFormat
from studio.domain.datasets.row_parts import Row, Turn
from studio.domain.datasets.turns.fields import (
    says_something,
)
from studio.domain.datasets.turns.lists import are_answers, is_turn
from studio.domain.datasets.turns.reader import TurnReader, kind_of, parsed, turn_of, without_places
from studio.domain.datasets.turns.text_parts import is_media_column, is_parts
from studio.domain.datasets.turns.tool_calls import WrongTools, read_tools
from studio.domain.datasets.turns.transcripts import transcript_turns
from studio.domain.errors import StudioError
from studio.domain.graphemes import cut, is_whole


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


_OF_THE_FORM = ("wrong_type", "not_a_list", "not_a_turn", "not_text", "missing")


def check_first_rows(layout: Layout, rows: Sequence[Mapping[str, Any]]) -> None:
    """Whether the format that the columns tell can be the right one.

    Raises:
        UnclearFormat: none of the rows has the form that the format needs, all for the same reason.
    """
    faults = [problems for made, problems in (read_row(layout, row, 1) for row in rows) if made is None]
    same = {(problem.code, without_places(problem.field)) for problems in faults for problem in problems[:1]}
    if len(faults) < len(rows) or len(same) != 1 or (fault := faults[0][0]).code not in _OF_THE_FORM:
        return
    optional = [part for part in PARTS[layout.format].optional if layout.columns.get(part) == fault.field]
    columns = {part: column for part, column in layout.columns.items() if part not in optional}
    raise UnclearFormat(
        StudioError(
            "The columns are those of “{format}”, but none of the first rows can be read so: {reason}",
            "Say which column holds what, or correct the rows and add the file again.",
            format=layout.format.value, reason=fault.error.problem,
        ),
        rows,
        Layout(layout.format, columns),
    )  # fmt: skip


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
    used = layout.used_columns
    unused = [excerpt(str(name)) for name, value in row.items() if name not in used and says_something(value)]
    for outer in used.difference(layout.columns.values()):
        inner = nested_columns([{outer: row.get(outer)}])
        inside = [path for path in inner if path not in used and not any(name.startswith(f"{path}.") for name in used)]
        unused += [excerpt(path) for path in inside if says_something(value_of(row, path))]
    return unused


class _RowReader(TurnReader):
    """Reads one row and gathers its problems; what cannot be read stands as empty until the row is refused."""

    def __init__(
        self, layout: Layout, line: int, file: int, mend: Callable[[list[Turn]], list[Turn]] | None = None
    ) -> None:
        super().__init__(line, file)
        self._layout = layout
        self._columns = layout.columns
        self._format = layout.format
        self._mend = mend

    def row(self, row: Any) -> Row:
        if not isinstance(row, Mapping):
            self.note("", "not_an_object", found=kind_of(row))
            return {}
        for column in row:
            if is_media_column(column) and row[column] and column not in self._layout.used_columns:
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
            turns = self.turns(value_of(row, field), field)
        else:
            question, answer = ("instruction", "output") if self._format is Format.ALPACA else ("prompt", "completion")
            field = self._columns[answer]
            turns = [
                *self._history(row), *self._question(row, question),
                *self._with_reasoning(row, self._side(row, answer, "assistant")),
            ]  # fmt: skip
        turns = self._with_system(row, turns)
        if not self.problems:
            if self._mend is not None:
                turns = self._mend(turns)
            self.check_order(turns, field)
        if self._format is not Format.UNPAIRED:
            self.check_teaches(turns, field)
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
            for question in (prompt, _before_answer(prompt)[0]):  # the prompt may have an answer already
                if question and question in (whole[: len(question)], whole[-len(question) :]):  # both answers repeat it
                    prompt, (chosen, rejected) = whole, ends
                    break
            for part, turns in (("chosen", chosen), ("rejected", rejected)):
                if not self.problems and any(turn["role"] in ("system", "user") for turn in turns):
                    self.note(self._columns[part], "not_one_answer")
        else:
            prompt, chosen, rejected = _common_start(chosen, rejected)
            if not prompt and not self.problems:
                self._note_no_prompt(chosen, rejected)
        return self._pair(row, prompt, chosen, rejected)

    def _note_no_prompt(self, chosen: list[Turn], rejected: list[Turn]) -> None:
        sides = {"chosen": chosen, "rejected": rejected}
        for part, turns in sides.items():
            if turns[-1]["role"] != "assistant":
                self.note(self._columns[part], "no_answer", role=turns[-1]["role"])
        if not self.problems and all(len(turns) > 1 for turns in sides.values()):
            self.note(self._columns["rejected"], "other_question")
        elif not self.problems:
            self.note("prompt", "missing")

    def _pair(self, row: Mapping[str, Any], prompt: list[Turn], chosen: list[Turn], rejected: list[Turn]) -> Row:
        prompt = self._with_system(row, prompt)
        if not self.problems:
            for part, turns in (("chosen", chosen), ("rejected", rejected)):
                field = self._columns.get(part, self._columns.get("prompt", part))
                self.check_order([*prompt, *turns], field)
                self.check_teaches(turns, field)
            if not self.problems and chosen == rejected:
                self.note(self._columns["rejected"], "same_answers")
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}

    def _unpaired(self, row: Mapping[str, Any]) -> Row:
        turns = self._conversation(row)
        column = self._columns["label"]
        verdict = VERDICT_OF.get(str(value_of(row, column)).strip().lower())
        if verdict is None:
            value = value_of(row, column)
            self.note(column, "no_verdict", found="null" if value is None else excerpt(str(value)))
        prompt, completion = _before_answer(turns)
        if verdict:
            self.check_teaches(completion, self._columns.get("messages") or self._columns["completion"])
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
        return self.words(value_of(row, column), column)

    def _with_system(self, row: Mapping[str, Any], turns: list[Turn]) -> list[Turn]:
        column = self._columns.get("system", "")
        value = value_of(row, column)
        system = "" if value is None else self.words(value, column, may_be_empty=True)
        if system.strip() and (not turns or turns[0]["role"] != "system"):
            return [turn_of("system", system), *turns]
        return turns

    def _question(self, row: Mapping[str, Any], part: str) -> list[Turn]:
        """The question, with more input below it where there is some."""
        column = self._columns.get("input", "")
        value = value_of(row, column)
        extra = "" if value is None else self.words(value, column, may_be_empty=True)
        if not extra.strip():
            return self._side(row, part, "user")
        if value_of(row, self._columns[part]) in (None, ""):
            return [turn_of("user", extra)]
        *before, last = self._side(row, part, "user") or [turn_of("user", "")]
        return [*before, {**last, "content": f"{last['content']}\n\n{extra}"}]

    def _with_reasoning(self, row: Mapping[str, Any], answer: list[Turn]) -> list[Turn]:
        column = self._columns.get("reasoning", "")
        value = value_of(row, column)
        reasoning = "" if value is None else self.words(value, column, may_be_empty=True)
        if not answer or not reasoning.strip() or "reasoning_content" in answer[-1]:
            return answer
        return [*answer[:-1], answer[-1] | {"reasoning_content": reasoning}]

    def _history(self, row: Mapping[str, Any]) -> list[Turn]:
        column = self._columns.get("history", "")
        value = parsed(value_of(row, column) or [])
        earlier = value if isinstance(value, list) else [value]
        for i, pair in enumerate(earlier):
            if not (isinstance(pair, Mapping) or (isinstance(pair, list) and len(pair) == 2)):
                self.note(f"{column}[{i}]", "bad_history")
                return []
        return self.turns(earlier, column) if earlier else []

    def _side(self, row: Mapping[str, Any], part: str, role: str) -> list[Turn]:
        """A question or an answer: text, a transcript, one turn, or a list of turns; of several answers the first."""
        column = self._columns[part]
        value = value_of(row, column)
        if isinstance(value, str):
            transcript = None if role == "assistant" and "prompt" in self._columns else transcript_turns(value)
            if transcript and (role == "assistant" or transcript[-1][0] == "user"):
                return [turn_of(who, words) for who, words in transcript]
        if role == "assistant" and are_answers(value, column):
            if len(value) > 1:
                self.notes["first_of_several", column] = None
            return [turn_of(role, self.words(value[0] if value else "", column))]
        turns = parsed(value) if role == "user" or self._asks_in_turns(row) else value
        if isinstance(turns, list) and not is_parts(turns) and (turns is value or any(map(is_turn, turns))):
            return self.turns(turns, column)
        if is_turn(value):
            return [self.one_turn(value, column)]
        return [turn_of(role, self.words(value, column))]

    def _asks_in_turns(self, row: Mapping[str, Any]) -> bool:
        """Whether an answer that is turns in JSON is meant as turns: an answer to words may be JSON to be learned."""
        question = value_of(row, self._columns.get("prompt") or self._columns.get("instruction", ""))
        return not isinstance(question, str) or question.lstrip()[:1] == "["


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
