"""Prompt lists as people paste them: one prompt per line, JSON Lines, a JSON array, or a table with a header."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.chat.spans import is_masked
from studio.domain.datasets.problem import Problem
from studio.domain.graphemes import is_whole

ROLES = ("system", "user", "assistant")
PROMPT, REFERENCE = ("prompt", "messages"), ("reference", "completion")
DELIMITERS = (",", ";", "\t")
NO_DELIMITER = "\x1f"  # a table of one column may have commas in its cells
_BEGINS_ROW = re.compile(r"""\s*\{\s*["'](prompt|messages)["']\s*:""")
_KINDS = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}

Turn = dict[str, str]


@dataclass(frozen=True)
class PromptRow:
    """What is asked, and the right answer, empty where there is none."""

    messages: Sequence[Turn]
    reference: str = ""

    @property
    def text(self) -> str:
        """To be shown and searched: the question, or of several turns who says what."""
        if len(self.messages) == 1:
            return self.messages[0]["content"]
        return "\n".join(f"{turn['role']}: {turn['content']}" for turn in self.messages)

    def as_dict(self) -> dict[str, Any]:
        return {"messages": list(self.messages), "text": self.text, "reference": self.reference}


def read_prompts(text: str) -> tuple[list[PromptRow], list[Problem]]:
    """The prompts, and what is wrong with those that cannot be used, by line from 1 on; of a JSON array by element.

    JSON Lines and tables have “prompt” (text, or turns) or “messages”, and may have “reference” or “completion”. An
    answer at the end of the messages is the reference where no other is given. Blank lines are passed over. The first
    line says what all are: a row in JSON among plain lines or in a table is a problem, never a prompt.
    """
    prompts: list[PromptRow] = []
    problems: list[Problem] = []
    for line, record in _records(text.removeprefix("\ufeff")):
        reader = _Reader(line)
        row = record if isinstance(record, PromptRow) else None
        if isinstance(record, Problem):
            problems.append(record)
            continue
        if row is None:
            row = reader.row(record)
        else:
            reader.check_whole("prompt", row.text)
        problems += reader.problems
        if not reader.problems:
            prompts.append(row)
    return prompts, problems


def prompt_of(turns: Sequence[Mapping[str, Any]]) -> PromptRow | None:
    """A conversation up to its last answer that is to be learned, which is the reference; None where it has none, or
    uses tools."""
    learned = (i for i, turn in enumerate(turns) if turn["role"] == "assistant" and not is_masked(turn))
    last = max(learned, default=0)
    question = turns[:last]
    plain = all(turn["role"] in ROLES and turn["content"] and "tool_calls" not in turn for turn in turns[: last + 1])
    if not plain or not question or question[-1]["role"] != "user":
        return None
    return PromptRow([{"role": t["role"], "content": t["content"]} for t in question], turns[last]["content"])


def _records(text: str) -> Iterator[tuple[int, Any]]:
    """(line, what stands there): JSON, a row of a table as a mapping, a prompt, or the problem that it is none."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    start = first.replace(" ", "")
    if start.startswith("["):
        try:
            elements = json.loads(text)
        except (ValueError, RecursionError):
            elements = None  # a prompt may begin with a bracket
        if isinstance(elements, list):
            yield from enumerate(({"prompt": one} if isinstance(one, str) else one for one in elements), 1)
            return
    if start.startswith(('{"', "{'")):
        yield from _json_lines(text)
    elif (delimiter := _delimiter(first)) is not None:
        yield from _table(text, delimiter)
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if _is_json_row(line):
                yield number, Problem(number, "", "mixed_lines")
            elif line.strip():
                yield number, PromptRow([{"role": "user", "content": line.strip()}])


def _is_json_row(line: str) -> bool:
    """Whether it would be a row of a file in JSON Lines, whole or broken. A prompt may hold any other JSON."""
    if _BEGINS_ROW.match(line):
        return True
    if not line.lstrip().startswith(("{", "[")):
        return False
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if isinstance(value, dict):
        return any(name in value for name in PROMPT)
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) and "role" in turn for turn in value)


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                yield number, Problem(number, "", "not_json", {"reason": error.msg, "column": error.colno})
            except (ValueError, RecursionError) as error:
                yield number, Problem(number, "", "json_too_deep", {"reason": str(error)})


def _delimiter(header: str) -> str | None:
    """What stands between the cells of a table's header; None where the line is no header."""
    for delimiter in DELIMITERS:
        names = [name.strip().strip('"').lower() for name in header.split(delimiter)]
        if set(names) & set(PROMPT) and all(name.replace("_", "").isalnum() for name in names):
            return delimiter if len(names) > 1 else NO_DELIMITER
    return None


def _table(text: str, delimiter: str) -> Iterator[tuple[int, Any]]:
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names: list[str] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, Problem(line, "", "not_csv", {"reason": str(error)})
            return
        if not any(cell.strip() for cell in cells):
            continue
        if _is_json_row(lines[line - 1]):
            yield line, Problem(line, "", "mixed_lines")
        elif not names:
            names = [cell.strip().lower() for cell in cells]
        elif len(cells) != len(names):
            yield line, Problem(line, "", "cell_count", {"cells": len(cells), "columns": len(names)})
        else:
            row: dict[str, Any] = dict(zip(names, cells, strict=True))
            if "messages" in row:
                try:
                    row["messages"] = json.loads(row["messages"])
                except (ValueError, RecursionError):
                    yield line, Problem(line, "messages", "not_a_list", {"found": "string"})
                    continue
            yield line, row


class _Reader:
    """Reads one row and gathers its problems."""

    def __init__(self, line: int) -> None:
        self.problems: list[Problem] = []
        self._line = line

    def row(self, row: Any) -> PromptRow:
        if not isinstance(row, Mapping):
            self._note("", "not_an_object", found=_kind(row))
            return PromptRow([])
        prompt_field = next((name for name in PROMPT if row.get(name) is not None), None)
        if prompt_field is None:
            self._note("prompt", "missing")
            return PromptRow([])
        turns = self._turns(prompt_field, row[prompt_field])
        reference_field = next((name for name in REFERENCE if row.get(name) is not None), None)
        reference = self._reference(reference_field, row[reference_field]) if reference_field else ""
        if len(turns) > 1 and turns[-1]["role"] == "assistant":
            *turns, last = turns
            reference = reference or last["content"]
        if not self.problems and turns[-1]["role"] != "user":
            self._note(prompt_field, "no_turns")
        return PromptRow(turns, reference)

    def check_whole(self, field: str, text: str) -> None:
        if not is_whole(text):
            self._note(field, "broken_character")
        elif "\0" in text:
            self._note(field, "control_characters", character="U+0000")

    def _turns(self, field: str, value: Any) -> list[Turn]:
        if isinstance(value, str) and field == "prompt":
            return [{"role": "user", "content": self._text(field, value)}]
        if not isinstance(value, list):
            self._note(field, "not_a_list" if field == "messages" else "wrong_type", found=_kind(value))
            return []
        if not value:
            self._note(field, "no_turns")
        return [self._turn(f"{field}[{i}]", turn) for i, turn in enumerate(value)]

    def _turn(self, field: str, turn: Any) -> Turn:
        if not isinstance(turn, Mapping):
            self._note(field, "not_a_turn", found=_kind(turn))
            return {"role": "user", "content": ""}
        role = turn.get("role")
        if role not in ROLES:
            self._note(f"{field}.role", "unknown_role", role=str(role))
        return {"role": str(role), "content": self._text(f"{field}.content", turn.get("content"))}

    def _reference(self, field: str, value: Any) -> str:
        """A text, which may be empty, or turns of which the last one is it."""
        if isinstance(value, list) and value:
            return self._turn(f"{field}[{len(value) - 1}]", value[-1])["content"]
        if isinstance(value, str) and not value.strip():
            return ""
        return self._text(field, value).strip()

    def _text(self, field: str, value: Any) -> str:
        if value is None:
            self._note(field, "missing")
        elif not isinstance(value, str):
            self._note(field, "wrong_type", found=_kind(value))
        elif not value.strip():
            self._note(field, "empty")
        else:
            self.check_whole(field, value)
            return value
        return ""

    def _note(self, field: str, code: str, **values: Any) -> None:
        self.problems.append(Problem(self._line, field, code, values))


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "null")
