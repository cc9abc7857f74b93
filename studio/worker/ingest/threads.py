"""Threads: tables with a message in each row that names the one that it answers, as OpenAssistant's have, become
conversations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from studio.domain.datasets.columns import columns_of
from studio.domain.datasets.formats import excerpt
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.turns.fields import says_something
from studio.domain.datasets.turns.reader import ROLE_OF
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.item import Item

_SPELLINGS = {
    "id": ("message_id", "id"),
    "parent": ("parent_id", "parent_message_id"),
    "role": ("role",),
    "content": ("text", "content"),
}
_MAX_MESSAGES = 3_000_000  # about 2 GB of short ones
_IS_DELETED = "deleted"


@dataclass(frozen=True)
class ThreadColumns:
    id: str
    parent: str
    role: str
    content: str


@dataclass(frozen=True)
class _Message:
    parent: str
    role: str
    content: Any
    line: int


class _Beginning(Enum):
    FIRST = "with a thread's first message"
    MISSING = "with a message that is not there"
    CIRCLE = "nowhere"


def thread_columns(rows: Sequence[Mapping[str, Any]]) -> ThreadColumns | None:
    """The columns of a table of messages; None where it is another one."""
    names = {str(column).strip().lower(): column for column in reversed(columns_of(rows))}
    found = {
        part: next((names[spelling] for spelling in spellings if spelling in names), None)
        for part, spellings in _SPELLINGS.items()
    }
    if any(column is None for column in found.values()):
        return None
    return ThreadColumns(**{part: str(column) for part, column in found.items()})


def conversations(items: Iterator[Item], columns: ThreadColumns, notes: Notes, file: str) -> Iterator[Item]:
    """One row for each way from a thread's first message to an assistant's that no other assistant's follows, with the
    line of that last one. A message that cannot be placed is a Problem.

    Raises:
        InvalidInput: there are more messages than fit into memory.
    """
    messages: dict[str, _Message] = {}
    used = {columns.id, columns.parent, columns.role, columns.content}
    for item in items:
        if isinstance(item, Problem) or not isinstance(item[1], dict):
            yield item
            continue
        line, row = item
        notes.add_unused([excerpt(str(name)) for name in row if name not in used and says_something(row[name])])
        if row.get(_IS_DELETED) is True:
            notes.add("deleted_message", line)
            continue
        key = _key(row.get(columns.id))
        if not key:
            yield Problem(line, columns.id, "missing")
        elif key in messages:
            yield Problem(line, columns.id, "same_message", {"id": excerpt(key), "twin": messages[key].line})
        else:
            role = row.get(columns.role)
            messages[key] = _Message(
                _key(row.get(columns.parent)), role if isinstance(role, str) else "", row.get(columns.content), line
            )
        if len(messages) > _MAX_MESSAGES:
            raise InvalidInput(
                "“{file}” has more than {count} messages, too many to put them together as conversations.",
                "Split it by thread, or write each conversation as one row.",
                file=file, count=f"{_MAX_MESSAGES:,}",
            )  # fmt: skip
    notes.add("threads", rows=len(messages), field=columns.parent)
    yield from _put_together(messages, columns, notes)


def _put_together(messages: Mapping[str, _Message], columns: ThreadColumns, notes: Notes) -> Iterator[Item]:
    is_answered = _answered(messages)
    begins = _beginnings(messages)
    for key, message in messages.items():
        is_first = not message.parent
        if (not is_first and message.parent not in messages) or begins[key] is _Beginning.CIRCLE:
            yield Problem(message.line, columns.parent, "no_parent", {"parent": excerpt(message.parent)})
        elif begins[key] is _Beginning.MISSING:
            notes.add("behind_missing", message.line)
        elif key in is_answered:
            continue
        elif _is_assistant(message):
            way = _way_to(key, messages)
            yield message.line, {"messages": [{"role": each.role, "content": each.content} for each in way]}
        elif is_first:
            yield Problem(message.line, columns.content, "no_answer", {"role": "user"})
        else:
            notes.add("unanswered", message.line)


def _answered(messages: Mapping[str, _Message]) -> set[str]:
    """The messages that an assistant's message follows, however far behind."""
    answered: set[str] = set()
    for message in messages.values():
        if _is_assistant(message):
            key = message.parent
            while key in messages and key not in answered:
                answered.add(key)
                key = messages[key].parent
    return answered


def _beginnings(messages: Mapping[str, _Message]) -> dict[str, _Beginning]:
    """How the way to each message begins."""
    found: dict[str, _Beginning] = {"": _Beginning.FIRST}
    for start in messages:
        way: dict[str, None] = {}
        key = start
        while key in messages and key not in found and key not in way:
            way[key] = None
            key = messages[key].parent
        beginning = _Beginning.CIRCLE if key in way else found.get(key, _Beginning.MISSING)
        found |= dict.fromkeys(way, beginning)
    return found


def _way_to(key: str, messages: Mapping[str, _Message]) -> list[_Message]:
    way = []
    while key in messages:
        way.append(messages[key])
        key = messages[key].parent
    return way[::-1]


def _is_assistant(message: _Message) -> bool:
    return ROLE_OF.get(message.role.strip().lower()) == "assistant"


def _key(value: Any) -> str:
    return "" if value is None else str(value)
