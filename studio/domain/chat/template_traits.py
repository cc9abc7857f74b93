"""What a chat template keeps of a conversation and how it ends an answer, found by rendering small ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studio.domain.chat.spans import Messages, Render, Tools, common_beginning, target_turns
from studio.domain.chat.template_faults import TemplateRefusal
from studio.domain.chat.template_losses import losses

_ASK, _ANSWER, _ASK_AGAIN, _ANSWER_AGAIN = "QUESTION-1", "ANSWER-1", "QUESTION-2", "ANSWER-2"
_PLAIN: Messages = (
    {"role": "user", "content": _ASK},
    {"role": "assistant", "content": _ANSWER},
    {"role": "user", "content": _ASK_AGAIN},
    {"role": "assistant", "content": _ANSWER_AGAIN},
)
_THINKING: Messages = (
    _PLAIN[0],
    {"role": "assistant", "content": f"<think>\nREASON-1\n</think>\n\n{_ANSWER}"},
    _PLAIN[2],
    {"role": "assistant", "content": f"<think>\nREASON-2\n</think>\n\n{_ANSWER_AGAIN}"},
)
_CALL, _CALL_AGAIN = (
    {"type": "function", "function": {"name": "look_up", "arguments": {"place": place}}}
    for place in ("PLACE-1", "PLACE-2")
)
_CALLING: Messages = (
    _PLAIN[0],
    {"role": "assistant", "content": "", "tool_calls": [_CALL]},
    {"role": "tool", "name": "look_up", "content": "RESULT-1"},
    _PLAIN[1],
)
_TOOLS: Tools = (
    {
        "type": "function",
        "function": {
            "name": "look_up",
            "description": "Looks a place up",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
        },
    },
)
_UNFINISHED_TAG = re.compile(r"[<\[][^<>\[\]]*$")


@dataclass(frozen=True)
class TemplateTraits:
    """`end_of_turn` is what the template writes behind every answer, without blanks; empty where it writes nothing.

    `last_end` is all that it writes behind the last answer, and `next_turn` what stands between an answer and the next
    question. `call_end` is what ends a turn that calls tools, empty where calls are left out.
    """

    end_of_turn: str = ""
    last_end: str = ""
    next_turn: str = ""
    call_end: str = ""
    keeps_tools: bool = False
    keeps_reasoning: bool = False
    prefix_equals_prompt: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What is told of a template."""
        return {
            "end_of_turn": self.end_of_turn,
            "keeps_tools": self.keeps_tools,
            "keeps_reasoning": self.keeps_reasoning,
            "prefix_equals_prompt": self.prefix_equals_prompt,
        }

    @property
    def merits(self) -> tuple[bool, ...]:
        return bool(self.end_of_turn), self.keeps_tools, self.keeps_reasoning, self.prefix_equals_prompt

    def serves_better_than(self, other: TemplateTraits) -> bool:
        """Whether it has all that the other one has, and more."""
        pairs = list(zip(self.merits, other.merits, strict=True))
        return all(mine or not theirs for mine, theirs in pairs) and any(mine and not theirs for mine, theirs in pairs)


def traits_of(render: Render) -> TemplateTraits:
    """What a template refuses, it does not keep. Raises TemplateExceeds alone."""
    last_end = _render_or_empty(render, _PLAIN[:2]).partition(_ANSWER)[2]
    next_turn = _render_or_empty(render, _PLAIN[:3]).partition(_ANSWER)[2].partition(_ASK_AGAIN)[0]
    return TemplateTraits(
        end_of_turn=_end_of_turn(last_end, next_turn),
        last_end=last_end.rstrip(),
        next_turn=next_turn,
        call_end=_call_end(render),
        keeps_tools=_is_kept(render, _CALLING, _TOOLS),
        keeps_reasoning=_is_kept(render, _THINKING),
        prefix_equals_prompt=_follows_prompt(render, _PLAIN),
    )


def asks_alike(one: Render, other: Render) -> bool:
    """Whether both templates give the model the same to answer."""
    try:
        return one(_PLAIN[:1], True) == other(_PLAIN[:1], True)
    except TemplateRefusal:
        return False


def _end_of_turn(last_end: str, next_turn: str) -> str:
    if not next_turn or next_turn.startswith(last_end.rstrip()):
        return last_end.strip()
    common = _UNFINISHED_TAG.sub("", common_beginning(last_end, next_turn)).strip()
    return common or last_end.strip()


def _call_end(render: Render) -> str:
    """What stands behind the last call and not between two: a tag that closes one call may be followed by another."""
    calling = {"role": "assistant", "content": "", "tool_calls": [_CALL, _CALL_AGAIN]}
    between, separator, end = (
        _render_or_empty(render, [_CALLING[0], calling], _TOOLS).partition("PLACE-1")[2].partition("PLACE-2")
    )
    if separator:
        return end[len(_UNFINISHED_TAG.sub("", common_beginning(between, end))) :].strip()
    return _render_or_empty(render, _CALLING[:2], _TOOLS).partition("PLACE-1")[2].strip()  # one call at a time


def _render_or_empty(render: Render, messages: Messages, tools: Tools | None = None) -> str:
    try:
        return render(messages, False, tools)
    except TemplateRefusal:
        return ""


def _is_kept(render: Render, messages: Sequence[Mapping[str, Any]], tools: Tools | None = None) -> bool:
    row = {"messages": messages} | ({"tools": tools} if tools else {})
    try:
        text, turns = target_turns(messages, render, tools)
    except TemplateRefusal:
        return False
    return not any(loss.code != "prefix_differs" for loss in losses(row, text, turns))


def _follows_prompt(render: Render, messages: Messages) -> bool:
    try:
        _, turns = target_turns(messages, render)
    except TemplateRefusal:
        return False
    return all(turn.follows_prompt for turn in turns)
