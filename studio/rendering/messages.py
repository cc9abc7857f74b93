"""What a process that renders is asked, and what it answers.

Dataclasses, since that process has to start quickly and with little memory. Requests come from the studio. Answers come
from where a stranger's program ran: they are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from studio.domain.chat.spans import TargetTurn
from studio.domain.chat.template_faults import TemplateRefusal

Plain = dict[str, Any]
What = Literal["memory", "seconds", "characters", "ended"]
"""Why a process stopped before it was done."""


# Requests


@dataclass(frozen=True)
class Allowance:
    """What the answers to a request may take: bytes of memory, seconds of processor time, and characters."""

    memory: int
    seconds: float
    characters: int = 0

    def as_plain(self) -> Plain:
        return dict(vars(self))


@dataclass(frozen=True)
class Sources:
    """A chat template, the one that is used where there are tools, and the special tokens by name."""

    plain: str
    with_tools: str
    tokens: dict[str, str]


@dataclass(frozen=True)
class ReadFolder:
    """Answered by TemplateParts or Unreadable: see template_files.read_template."""

    name: ClassVar[str] = "read"
    folder: str
    wants_begin: bool


@dataclass(frozen=True)
class Compile:
    """Answered by Compiled or Unreadable."""

    name: ClassVar[str] = "compile"
    sources: Sources


@dataclass(frozen=True)
class RenderText:
    """Answered by RenderedText, without turns, or Refused. `prompt` asks for the beginning of an answer."""

    name: ClassVar[str] = "text"
    sources: Sources
    messages: list[Plain]
    prompt: bool
    tools: list[Plain] | None


@dataclass(frozen=True)
class RenderRows:
    """Answered by RenderedText or Refused for each row, {"messages", "tools"}."""

    name: ClassVar[str] = "rows"
    sources: Sources
    rows: list[Plain]
    answers_only: bool


Request = ReadFolder | Compile | RenderText | RenderRows
_REQUESTS: dict[str, type[Request]] = {kind.name: kind for kind in (ReadFolder, Compile, RenderText, RenderRows)}


def request_as_plain(request: Request) -> Plain:
    """What is in it stays the values that were given."""
    fields = dict(vars(request))
    if sources := fields.get("sources"):
        fields["sources"] = dict(vars(sources))
    return {"do": request.name, **fields}


def request_of(plain: Plain) -> Request:
    fields = {name: value for name, value in plain.items() if name != "do"}
    if "sources" in fields:
        fields["sources"] = Sources(**fields["sources"])
    return _REQUESTS[plain["do"]](**fields)


# Answers


@dataclass(frozen=True)
class TemplateParts:
    """`own`: the chat template of a folder, `for_tools`: the one to be used where there are tools, both empty where
    there is none; `tokens`: the special tokens by name; `begins`: whether the tokenizer puts its begin token before a
    text of its own accord, which is looked up where it is wanted or there is no template."""

    own: str
    for_tools: str
    tokens: dict[str, str]
    begins: bool


@dataclass(frozen=True)
class Unreadable:
    reason: str


@dataclass(frozen=True)
class Compiled:
    pass


@dataclass(frozen=True)
class RenderedText:
    text: str
    turns: list[TargetTurn]


@dataclass(frozen=True)
class Refused:
    refusal: TemplateRefusal


@dataclass(frozen=True)
class AtLimit:
    """The last answer to a request."""

    what: What


Answer = TemplateParts | Unreadable | Compiled | RenderedText | Refused | AtLimit


@dataclass(frozen=True)
class Reply:
    """An answer, and the processor time that the request has taken so far."""

    answer: Answer
    seconds: float = 0.0

    @property
    def text(self) -> str:
        return self.answer.text if isinstance(self.answer, RenderedText) else ""

    def as_plain(self) -> Plain:
        """As JSON can keep it, without the text."""
        match self.answer:
            case TemplateParts():
                plain: Plain = {"parts": vars(self.answer)}
            case Unreadable(reason):
                plain = {"unreadable": reason}
            case Compiled():
                plain = {"compiled": True}
            case RenderedText(turns=turns):
                plain = {"turns": [[turn.index, turn.span, turn.follows_prompt, turn.is_masked] for turn in turns]}
            case Refused(refusal):
                plain = {"refused": refusal.as_dict()}
            case AtLimit(what):
                plain = {"limit": what}
        return plain | {"seconds": self.seconds}


def reply_of(plain: Any, text: str) -> Reply:
    """Raises ValueError where that is no answer."""
    match plain:
        case {"seconds": int() | float() as seconds} if seconds >= 0:
            return Reply(_answer_of(plain, text), seconds)
    raise ValueError("no answer")


def _answer_of(plain: Plain, text: str) -> Answer:
    match plain:
        case {"turns": [*turns]}:
            return RenderedText(text, [_turn(turn) for turn in turns])
        case {"refused": {"problem": str(), "remedy": str(), "values": {}} as told}:
            return Refused(_refusal(told))
        case {"limit": "memory" | "characters" as what}:
            return AtLimit(what)
        case {"compiled": True}:
            return Compiled()
        case {"unreadable": str(reason)}:
            return Unreadable(reason)
        case {"parts": {"own": str(own), "for_tools": str(for_tools), "tokens": {} as tokens, "begins": bool(begins)}}:
            if all(isinstance(token, str) for token in tokens.values()):
                return TemplateParts(own, for_tools, dict(tokens), begins)
    raise ValueError("no answer")


def _refusal(plain: Plain) -> TemplateRefusal:
    try:
        return TemplateRefusal.from_dict(plain)
    except TypeError as error:  # its values have names that no value may have
        raise ValueError("no refusal") from error


def _turn(plain: Any) -> TargetTurn:
    match plain:
        case [int(index), None, bool(follows), bool(masked)]:
            return TargetTurn(index, None, follows, masked)
        case [int(index), [int(start), int(end)], bool(follows), bool(masked)]:
            return TargetTurn(index, (start, end), follows, masked)
    raise ValueError("no turn")
