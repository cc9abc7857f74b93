"""Which characters of a rendered conversation are answers, that is, what the model is trained to write.

The preview and the training worker both call `target_turns`, so what is shown is what is trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any, Protocol

from studio.domain.chat.template_faults import TemplateRefusal

Messages = Sequence[Mapping[str, Any]]
"""Turns as in row_parts.Turn."""
Tools = Sequence[Mapping[str, Any]]
Span = tuple[int, int]


@dataclass(frozen=True)
class TargetTurn:
    """`index` is the turn's place in the conversation; `span` is where in the text it stands, None where nothing of it
    is learned, or to be masked.

    `follows_prompt`: what stands before the span is, to the letter, what the model is given when it is to answer there.
    `is_masked`: the dataset says that this turn is not to be learned; its span is read alone.
    """

    index: int
    span: Span | None
    follows_prompt: bool
    is_masked: bool = False


class Render(Protocol):
    """A chat template: a conversation, and the tools that it may call, to text."""

    def __call__(self, messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
        """Raises TemplateRefusal where the template does not take them, TemplateExceeds where it takes too much."""


_UNFINISHED_TAG = re.compile(r"[<\[][^<>\[\]]*$")


def is_masked(message: Mapping[str, Any]) -> bool:
    """Whether a turn is only read, and never learned."""
    return message.get("weight") == 0


def turns_of(row: Mapping[str, Any], render: Render, *, answers_only: bool = True) -> tuple[str, list[TargetTurn]]:
    """A conversation (as row_parts.trained_content gives it) as the model sees it, and what is trained on of each
    assistant turn; where all words are trained on, that is the whole text, without the turns that are masked, by
    whoever they are.

    Raises TemplateRefusal, TemplateExceeds as target_turns does.
    """
    messages, tools = row["messages"], row.get("tools")
    if answers_only:
        return target_turns(messages, render, tools)
    if tools:
        render = partial(render, tools=tools)
    text = render(messages, False)
    turns = []
    for i, message in enumerate(messages):
        if is_masked(message):
            turns.append(TargetTurn(i, _masked_span(messages, i, text, render), True, is_masked=True))
        elif message["role"] == "assistant":
            turns.append(TargetTurn(i, (0, len(text)), True))
    return text, turns


def spans_of(text: str, turns: Sequence[TargetTurn], *, answers_only: bool = True) -> list[Span]:
    """Which characters are learned."""
    if answers_only:
        return [turn.span for turn in turns if turn.span and not turn.is_masked]
    if not (masked := masked_spans(turns)):
        return [(0, len(text))]
    spans, here = [], 0
    for start, end in masked:
        spans.append((here, start))
        here = end
    return [(start, end) for start, end in (*spans, (here, len(text))) if start < end]


def masked_spans(turns: Sequence[TargetTurn]) -> list[Span]:
    """Which characters are of turns that are not to be learned."""
    return [turn.span for turn in turns if turn.span and turn.is_masked]


def answer_spans(messages: Messages, render: Render, tools: Tools | None = None) -> tuple[str, list[Span]]:
    """The conversation as the model sees it, and where in that text each answer stands. Raises as target_turns."""
    text, turns = target_turns(messages, render, tools)
    return text, spans_of(text, turns)


def target_turns(messages: Messages, render: Render, tools: Tools | None = None) -> tuple[str, list[TargetTurn]]:
    """The conversation as the model sees it, and where in that text each assistant turn's answer stands.

    A span (start, end) counts characters. It begins behind the generation prompt, since that is given to the model
    when it answers, and ends with the end-of-turn token: the blanks that templates put behind it are not trained.

    Most templates only ever append: the text of the first turns is the beginning of the text of all turns, and the
    lengths of two such beginnings are the span. Where one is not (templates that drop earlier thinking, or that
    close the last turn in another way), the conversation is rendered once more with a mark in place of the answer,
    and the answer is what differs.

    A call of a tool is an answer too. Under a template that leaves calls out, a turn that only calls has no span: from
    it the model would learn to say nothing.

    Raises:
        TemplateRefusal: the template refuses the conversation, or changes an answer so that it cannot be found.
        TemplateExceeds: it takes too much time, memory or room.
    """
    if tools:
        render = partial(render, tools=tools)
    text = render(messages, False)
    turns = []
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            turn = _target_turn(messages, i, text, render)
            turns.append(replace(turn, is_masked=True) if is_masked(message) else turn)
    return text, turns


def _target_turn(messages: Messages, i: int, text: str, render: Render) -> TargetTurn:
    message = messages[i]
    head = _render_or_none(messages[:i], True, render)
    try:
        start, end = _span(messages, i, text, render, head)
        answer = message["content"].rpartition("</think>")[2].strip()
        calls = [call["function"]["name"] for call in message.get("tool_calls", ())]
        says_call = any(name in text[start:end] for name in calls)
        if not says_call and answer not in text[start:end]:  # such as under a template that takes parts only
            raise _span_refusal(i)
    except TemplateRefusal:
        if is_masked(message):  # where it stands need not be known: nothing but the other answers is learned
            return TargetTurn(i, None, True)
        raise
    is_target = says_call or answer or not calls
    follows_prompt = i == 0 or head is None or text[:start] == head
    return TargetTurn(i, (start, end) if is_target else None, follows_prompt)


def _masked_span(messages: Messages, i: int, text: str, render: Render) -> Span:
    """Where a turn stands that is not to be learned among all words: an answer with its end, of others the words."""
    try:
        if messages[i]["role"] == "assistant":
            return _span(messages, i, text, render, _render_or_none(messages[:i], True, render))
        before, mark, after = _around(_unused_mark(text), i, messages, render)
        if mark and text.startswith(before) and text.endswith(after):
            return len(before), max(len(before), len(text) - len(after))
    except TemplateRefusal:
        pass
    raise TemplateRefusal(
        "The model's chat template changes turn {turn}, so it cannot be kept from being trained on.",
        "Turn on “Train on answers only”, or choose another chat template.",
        turn=i + 1,
    )


def parts_of(text: str, spans: Sequence[Span]) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it is trained; none is empty."""
    parts, here = [], 0
    for start, end in spans:
        parts += [(text[here:start], False), (text[start:end], True)]
        here = end
    return [part for part in (*parts, (text[here:], False)) if part[0]]


def _span(messages: Messages, i: int, text: str, render: Render, head: str | None) -> Span:
    whole = text if i + 1 == len(messages) else _render_or_none(messages[: i + 1], False, render)
    if head is not None and whole is not None and text.startswith(whole) and whole.startswith(head):
        return len(head), max(len(head), len(whole.rstrip()))
    return _span_of_mark(messages, i, text, render, head)


def _render_or_none(messages: Messages, add_generation_prompt: bool, render: Render) -> str | None:
    """The first turns alone; None where the template refuses them, such as a system message without a question."""
    if not messages:
        return None
    try:
        return render(messages, add_generation_prompt)
    except TemplateRefusal:
        return None


def _span_of_mark(messages: Messages, i: int, text: str, render: Render, head: str | None) -> Span:
    mark = _unused_mark(text)
    before, middle, after = _around(mark, i, messages, render)
    if head is not None and text.startswith(head):
        start = len(head)
    elif text.startswith(before):
        start = len(before)
    elif (earlier := _render_or_none(messages[:i], False, render)) and text.startswith(earlier.rstrip()):
        # The template writes something else before this very answer, such as its reasoning: that is of the answer too.
        start = max(len(earlier.rstrip()), len(common_beginning(text, before)))
    else:
        middle = ""
    if not middle or not text.endswith(after) or len(text) - len(after) < start:
        raise _span_refusal(i)
    last = max(j for j, m in enumerate(messages) if m["role"] == "assistant")
    closing = _around(mark, last, messages[: last + 1], render)[2].rstrip()
    if not after.startswith(closing):  # the last turn is closed in another way than this one
        closing = _UNFINISHED_TAG.sub("", common_beginning(closing, after)).rstrip()
    return start, len(text) - len(after) + len(closing)


def _span_refusal(i: int) -> TemplateRefusal:
    return TemplateRefusal(
        "The model's chat template changes turn {turn}, so its answer cannot be told apart from the rest.",
        "Turn off “Train on answers only”, or choose another chat template.",
        turn=i + 1,
    )


def _unused_mark(text: str) -> str:
    return "ANSWER" + "X" * (1 + max(map(len, re.findall("ANSWER(X*)", text)), default=0))


def _around(mark: str, i: int, messages: Messages, render: Render) -> tuple[str, str, str]:
    """What stands before and behind turn i's content, with the mark between."""
    # Calls and reasoning are part of the answer.
    turn = {key: value for key, value in messages[i].items() if key not in ("tool_calls", "reasoning_content")}
    marked_messages = [*messages[:i], turn | {"content": mark}, *messages[i + 1 :]]
    return render(marked_messages, False).partition(mark)


def common_beginning(one: str, other: str) -> str:
    """The characters that both begin with."""
    return one[: sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))]
