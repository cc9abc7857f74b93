"""Transcripts: a whole conversation in one text, each turn behind the name of who speaks.

Such are the pairs of Anthropic's HH-RLHF ("\\n\\nHuman: …\\n\\nAssistant: …") and of openassistant-guanaco
("### Human: …### Assistant: …").
"""

from __future__ import annotations

import re

_PEOPLE = ("human", "user", "用户", "人类")
_ASSISTANTS = ("assistant", "ai", "bot", "gpt", "chatbot", "助手")
_NAME = rf"({'|'.join((*_PEOPLE, *_ASSISTANTS))}|system)[ \t]*[:：][ \t]?"
_FIRST = re.compile(rf"\s*(###[ \t]*)?{_NAME}", re.IGNORECASE)
_NEXT = re.compile(rf"(\n[ \t]*|###[ \t]*){_NAME}", re.IGNORECASE)


def transcript_turns(text: str) -> list[tuple[str, str]] | None:
    """(role, content) of each turn; None where the text is no transcript: it has to begin with the name of a person or
    of the system, and an assistant has to speak in it. An assistant's name at the end, with nothing behind it, is the
    end of a prompt and no turn.

    Turns are held apart as the first two are: a name that is another one, or stands behind fewer line breaks, belongs
    to what is said.
    """
    first = _FIRST.match(text[:1000])
    if not first or first[2].lower() in _ASSISTANTS:
        return None
    marks = [first, *_NEXT.finditer(text, first.end())]
    reply = next((mark for mark in marks if mark[2].lower() in _ASSISTANTS), None)
    if reply is None:
        return None
    apart = _kind_of_break(reply)
    names = {reply[2], *(next(([mark[2]] for mark in marks if mark[2].lower() in _PEOPLE), []))}
    marks = [first, *(mark for mark in marks[1:] if mark[2] in names and _kind_of_break(mark) == apart)]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    turns = [(_role(mark[2]), text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]
    if turns[-1] == ("assistant", ""):
        turns.pop()
    return turns


def _kind_of_break(mark: re.Match[str]) -> str:
    """What stands before the name: "###", a blank line, or the end of a line."""
    if "#" in (mark[1] or ""):
        return "###"
    before = mark.string[max(0, mark.start() - 80) : mark.start()]
    return "\n\n" if "\n" in before[len(before.rstrip()) :] else "\n"


def _role(name: str) -> str:
    name = name.lower()
    return "assistant" if name in _ASSISTANTS else "system" if name == "system" else "user"
