"""A chat template that is rendered in a process of its own, within limits of time, memory and length."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.chat.spans import Messages, TargetTurn, Tools
from studio.domain.chat.template_faults import TemplateExceeds, TemplateRefusal, template_refusal
from studio.domain.errors import StudioError
from studio.domain.translation import N_
from studio.rendering.frames import pack
from studio.rendering.messages import (
    Allowance,
    Compile,
    ReadFolder,
    Refused,
    RenderedText,
    RenderRows,
    RenderText,
    Reply,
    Request,
    Sources,
    TemplateParts,
    Unreadable,
    What,
)
from studio.rendering.process import RenderingPool, Stopped, pool
from studio.rendering.template_files import MAX_TEMPLATE_CHARACTERS, files_size

Rendered = tuple[str, list[TargetTurn]]


@dataclass(frozen=True)
class Limits:
    """What a template may take. The first of each pair is there once, however often it is asked; the rest is added for
    each request, and what is not used of it is lost.

    `seconds` of processor time, then for each time that a conversation is rendered, and for each million characters of
    it; `characters` written, then for each conversation, and for each of its bytes; `memory` in bytes, and for each
    byte of a request.
    """

    seconds: tuple[float, float, float] = (5.0, 0.05, 1.0)
    characters: tuple[int, int, int] = (4_000_000, 64_000, 16)
    memory: tuple[int, int] = (320 << 20, 24)


LIMITS = Limits()
_RENDERINGS = 5  # of a conversation for each answer in it: see domain.chat.spans.target_turns
_BATCH = 200, 1_000_000  # conversations, and characters, of one request
_REMEMBERED = 256  # questions that were stopped, and would be again: each costs seconds
_MAX_FILE_BYTES = 8 << 20  # bytes of the templates and tokens that are read from a model's folder
_stopped_before: OrderedDict[bytes, What] = OrderedDict()


class Template:
    """Is a chat_spans.Render, whose calls raise TemplateRefusal, or TemplateExceeds where it takes too much; once it
    did, it is not asked again.

    `name` is said of whoever it belongs to. `for_tools` is the template that is used where there are tools.
    """

    def __init__(
        self,
        source: str,
        tokens: Mapping[str, str],
        *,
        for_tools: str = "",
        name: str = "",
        limits: Limits = LIMITS,
        processes: RenderingPool | None = None,
    ) -> None:
        """Raises TemplateExceeds: it is too long to be one."""
        self._sources = Sources(source, for_tools or source, dict(tokens))
        self._name, self._limits = name, limits
        self._seconds, self._characters = limits.seconds[0], limits.characters[0]
        self._processes = processes or pool()
        self._fault: TemplateExceeds | None = None
        longest = max(len(source), len(for_tools))
        if longest > MAX_TEMPLATE_CHARACTERS:
            raise TemplateExceeds(
                "The chat template of {model} has {characters} characters; at most {most} are read.",
                _REMEDY, model=name, characters=f"{longest:,}", most=f"{MAX_TEMPLATE_CHARACTERS:,}",
            )  # fmt: skip

    def __call__(self, messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        plain = [dict(message) for message in messages]
        request = RenderText(self._sources, plain, add_generation_prompt, _plain(tools))
        (reply,) = self._ask(request, 1, 1, _length(messages))
        text, _ = _text_and_turns(reply)
        return text

    def turns(
        self, rows: Sequence[Mapping[str, Any]], *, answers_only: bool = True
    ) -> list[Rendered | TemplateRefusal]:
        """What chat_spans.turns_of makes of each of these rows, in few requests."""
        rendered_rows: list[Rendered | TemplateRefusal] = []
        for some in _batches(rows):
            renderings = [1 + _RENDERINGS * _answers(row["messages"]) for row in some]
            work = sum(times * _length(row["messages"]) for times, row in zip(renderings, some, strict=True))
            request = RenderRows(self._sources, some, answers_only)
            for reply in self._ask(request, len(some), sum(renderings), work):
                try:
                    rendered_rows.append(_text_and_turns(reply))
                except TemplateRefusal as refusal:
                    rendered_rows.append(refusal)
        return rendered_rows

    def check(self, path: Path) -> None:
        """Raises StudioError: it is no Jinja. `path` is where it comes from."""
        (reply,) = self._ask(Compile(self._sources), 1, 1, 0)
        if isinstance(reply.answer, Unreadable):
            raise unreadable(str(path), reply.answer.reason)

    def _ask(self, query: Request, replies: int, renderings: int, work: int) -> list[Reply]:
        """`work`: characters that go through the template, as often as they do."""
        if self._fault:
            raise self._fault
        try:
            request = pack(query)
        except ValueError as error:
            raise template_refusal(error) from error
        size, limits = len(request), self._limits
        seconds = self._seconds + renderings * limits.seconds[1] + work * limits.seconds[2] / 1e6
        characters = self._characters + replies * limits.characters[1] + size * limits.characters[2]
        allowance = Allowance(limits.memory[0] + size * limits.memory[1], seconds, characters)
        question = hashlib.sha256(request + repr(limits).encode()).digest()
        is_fresh = (self._seconds, self._characters) == (limits.seconds[0], limits.characters[0])
        try:
            if question in _stopped_before:
                raise Stopped(_stopped_before[question])
            answers = self._processes.ask(request, replies, 6 * characters + 64 * size, allowance)
        except Stopped as stopped:
            fault = self._limit(stopped.what)
            if stopped.what != "ended":
                self._fault = fault
                if is_fresh:
                    _remember(question, stopped.what)
            raise fault from None
        self._seconds = min(limits.seconds[0], seconds - max(reply.seconds for reply in answers))
        self._characters = min(limits.characters[0], characters - sum(len(reply.text) for reply in answers))
        return answers

    def _limit(self, what: What) -> TemplateExceeds:
        values: dict[str, Any] = {
            "seconds": f"{self._limits.seconds[0]:g}", "characters": f"{self._limits.characters[0]:,}",
            "memory": self._limits.memory[0] >> 20,
        }  # fmt: skip
        if what == "ended":
            return TemplateExceeds(_PROBLEMS[what], "Try again, or choose another chat template.", model=self._name)
        return TemplateExceeds(_PROBLEMS[what], _REMEDY, model=self._name, limit=values[what])


_REMEDY = N_("Choose another chat template, or another base model.")
_PROBLEMS: dict[What, str] = {
    "seconds": N_("The chat template of {model} was stopped: it ran longer than the {limit} s allowed."),
    "memory": N_("The chat template of {model} was stopped: it used more than the {limit} MB of memory allowed."),
    "characters": N_("The chat template of {model} was stopped: it wrote more than {limit} characters."),
    "ended": N_("The process that renders the chat template of {model} ended before it was done."),
}


def read_template(folder: Path, *, wants_begin: bool) -> TemplateParts:
    """What template_files.read_template finds in a model's folder, found by a process of its own.

    Raises StudioError: what is there cannot be read.
    """
    size = files_size(folder)
    request = pack(ReadFolder(str(folder.absolute()), wants_begin))
    allowance = Allowance(LIMITS.memory[0] + 12 * size, 10.0 + size / 2e6)
    try:
        (reply,) = pool().ask(request, 1, _MAX_FILE_BYTES, allowance)
    except Stopped:
        raise unreadable(str(folder), "its files are too large") from None
    match reply.answer:
        case TemplateParts() as parts:
            return parts
        case Unreadable(reason):
            raise unreadable(str(folder), reason)
    raise unreadable(str(folder), "the process that reads it answered something else")


def unreadable(path: str, reason: str) -> StudioError:
    return StudioError(
        "The chat template in {path} cannot be read: {reason}.", "Add the model again.", path=path, reason=reason
    )


def _text_and_turns(reply: Reply) -> Rendered:
    match reply.answer:
        case RenderedText(text, turns):
            return text, turns
        case Refused(refusal):
            raise refusal
    raise template_refusal(ValueError("the process that renders it answered something else"))


def _batches(rows: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    length = 0
    for row in rows:
        some.append({"messages": _plain(row["messages"]), "tools": _plain(row.get("tools"))})
        length += _length(row["messages"])
        if len(some) >= _BATCH[0] or length >= _BATCH[1]:
            yield some
            some, length = [], 0
    if some:
        yield some


def _answers(messages: Messages) -> int:
    return sum(message["role"] == "assistant" for message in messages)


def _length(messages: Messages) -> int:
    return sum(len(text) for message in messages if isinstance(text := message.get("content"), str))


def _plain(mappings: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if mappings is None else [dict(each) for each in mappings]


def _remember(question: bytes, what: What) -> None:
    _stopped_before[question] = what
    while len(_stopped_before) > _REMEMBERED:
        _stopped_before.popitem(last=False)
