"""What is trained in a conversation, under the shapes that chat templates take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from studio.domain.chat.spans import Messages, Render, Tools, answer_spans, spans_of, turns_of
from studio.domain.chat.template_faults import TemplateRefusal
from studio.domain.errors import StudioError


def chat(*contents: str, first: str = "user") -> list[dict[str, str]]:
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return [{"role": roles[i % 2], "content": c} for i, c in enumerate(contents)]


def answers(messages: Messages, render: Render) -> list[str]:
    text, spans = answer_spans(messages, render)
    return [text[start:end] for start, end in spans]


def chatml(messages: Messages, add_generation_prompt: bool) -> str:
    turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return turns + ("<|im_start|>assistant\n" if add_generation_prompt else "")


def drops_thinking(messages: Messages, add_generation_prompt: bool) -> str:
    """Like Qwen3: only the last answer has a thinking block, and an empty one is put in."""
    text = ""
    for i, m in enumerate(messages):
        content = m["content"]
        if m["role"] == "assistant":
            thought, _, content = content.rpartition("</think>")
            if i + 1 == len(messages):
                thought = thought.removeprefix("<think>")
                content = f"<think>\n{thought}\n</think>\n\n{content}"
        text += f"<|im_start|>{m['role']}\n{content}<|im_end|>\n"
    return text + ("<|im_start|>assistant\n" if add_generation_prompt else "")


def opens_thinking(messages: Messages, add_generation_prompt: bool) -> str:
    """Like DeepSeek-R1: the prompt opens a thinking block that the conversation itself does not have."""
    text = "".join(
        f"<|User|>{m['content']}" if m["role"] == "user" else f"<|Assistant|>{m['content']}<|end|>" for m in messages
    )
    return text + ("<|Assistant|><think>\n" if add_generation_prompt else "")


def closes_conversation(messages: Messages, add_generation_prompt: bool) -> str:
    """Like Phi-3: one more token after the last turn only."""
    text = "".join(f"<|{m['role']}|>\n{m['content']}<|end|>\n" for m in messages)
    return text + ("<|assistant|>\n" if add_generation_prompt else "<|endoftext|>")


def needs_question(messages: Messages, add_generation_prompt: bool) -> str:
    if not any(m["role"] == "user" for m in messages):
        raise TemplateRefusal("The template wants a question.")
    return chatml(messages, add_generation_prompt)


def test_an_answer_begins_after_the_generation_prompt_and_ends_with_the_end_of_turn() -> None:
    assert answers(chat("Hi", "Hello."), chatml) == ["Hello.<|im_end|>"]


def test_every_answer_of_a_longer_conversation_is_trained() -> None:
    text, spans = answer_spans(chat("a", "b", "c", "d"), chatml)
    assert [text[s:e] for s, e in spans] == ["b<|im_end|>", "d<|im_end|>"]
    assert text == chatml(chat("a", "b", "c", "d"), False)


def test_an_answer_that_is_repeated_in_the_question_is_found_in_its_own_turn() -> None:
    text, spans = answer_spans(chat("same", "same", "same", "same"), chatml)
    assert [text[:s].endswith("<|im_start|>assistant\n") for s, _ in spans] == [True, True]
    assert [text[s:e] for s, e in spans] == ["same<|im_end|>"] * 2


def calls(content: str = "") -> list[dict[str, Any]]:
    call = {"type": "function", "function": {"name": "look_up", "arguments": {"what": "tide"}}}
    return [
        {"role": "user", "content": "When is high tide?"},
        {"role": "assistant", "content": content, "tool_calls": [call]},
        {"role": "tool", "content": "At six."},
        {"role": "assistant", "content": "At six, captain."},
    ]


def with_tools(messages: Messages, add_generation_prompt: bool, tools: Tools | None = None) -> str:
    """Like Hermes: calls as tagged text, tools at the start."""
    written = [
        {
            **m,
            "content": m["content"] + "".join(f"<call>{c['function']['name']}</call>" for c in m.get("tool_calls", ())),
        }
        for m in messages
    ]
    return "".join(f"<tool>{tool['name']}</tool>" for tool in tools or ()) + chatml(written, add_generation_prompt)


def calls_alone(messages: Messages, add_generation_prompt: bool) -> str:
    """Like Llama 3.1: of a turn with a call only the call is written."""
    return with_tools([{**m, "content": ""} if m.get("tool_calls") else m for m in messages], add_generation_prompt)


def closes_calls(messages: Messages, add_generation_prompt: bool) -> str:
    """Its first turns are never the beginning of the whole."""
    return f"{len(messages)} turns\n" + with_tools(messages, add_generation_prompt)


@pytest.mark.parametrize("render", [with_tools, closes_calls])
@pytest.mark.parametrize("content", ["", "Let me see. "])
def test_the_call_of_a_tool_is_an_answer_and_what_the_tool_says_is_none(render: Render, content: str) -> None:
    assert answers(calls(content), render) == [
        f"{content}<call>look_up</call><|im_end|>", "At six, captain.<|im_end|>",
    ]  # fmt: skip


def test_a_template_that_writes_of_a_turn_only_the_call_trains_the_call() -> None:
    assert answers(calls("Let me see."), calls_alone)[0] == "<call>look_up</call><|im_end|>"


def test_under_a_template_without_calls_no_empty_answer_is_trained() -> None:
    assert answers(calls(), chatml) == ["At six, captain.<|im_end|>"]
    assert answers(calls("Let me see."), chatml) == ["Let me see.<|im_end|>", "At six, captain.<|im_end|>"]


def test_the_template_gets_the_tools_of_the_conversation() -> None:
    row = {"messages": calls(), "tools": [{"name": "look_up"}]}
    text, turns = turns_of(row, with_tools)
    spans = spans_of(text, turns)
    assert text.startswith("<tool>look_up</tool>")
    assert text[slice(*spans[-1])] == "At six, captain.<|im_end|>"
    whole, turns = turns_of(row, with_tools, answers_only=False)
    assert (whole, spans_of(whole, turns, answers_only=False)) == (text, [(0, len(text))])


def test_a_conversation_without_an_answer_has_no_spans() -> None:
    assert answers([{"role": "user", "content": "Hi"}], chatml) == []


def test_a_conversation_may_begin_with_the_assistant() -> None:
    assert answers(chat("Welcome.", "Hi", "Hello.", first="assistant"), needs_question) == [
        "Welcome.<|im_end|>",
        "Hello.<|im_end|>",
    ]


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (("a", "b"), ["<think>\n\n</think>\n\nb<|im_end|>"]),
        (("a", "b", "c", "d"), ["b<|im_end|>", "<think>\n\n</think>\n\nd<|im_end|>"]),
        (
            ("a", "<think>hm</think>b", "c", "<think>so</think>d"),
            ["b<|im_end|>", "<think>\nso\n</think>\n\nd<|im_end|>"],
        ),
    ],
)
def test_templates_that_drop_earlier_thinking_train_what_is_left(contents: Sequence[str], expected: list[str]) -> None:
    assert answers(chat(*contents), drops_thinking) == expected


def test_a_prompt_that_opens_thinking_is_left_out_where_the_conversation_has_none() -> None:
    assert answers(chat("a", "b", "c", "d"), opens_thinking) == ["b<|end|>", "d<|end|>"]


def test_a_token_that_closes_the_conversation_belongs_to_the_last_answer_only() -> None:
    assert answers(chat("a", "b", "c", "d"), closes_conversation) == ["b<|end|>", "d<|end|>\n<|endoftext|>"]


def test_the_mark_is_never_taken_for_words_of_the_conversation() -> None:
    assert answers(chat("ANSWER", "ANSWERX", "c", "d"), closes_conversation)[0] == "ANSWERX<|end|>"


def test_an_answer_that_a_template_for_pictures_leaves_out_is_refused() -> None:
    def wants_parts(messages: Messages, add_generation_prompt: bool) -> str:
        return chatml([{**m, "content": ""} for m in messages], add_generation_prompt)

    with pytest.raises(StudioError, match="turn 2"):
        answer_spans(chat("a", "b"), wants_parts)


def test_an_answer_that_the_template_hides_is_refused_with_a_remedy() -> None:
    def hides(messages: Messages, add_generation_prompt: bool) -> str:
        return f"{len(messages)} turns{' >' if add_generation_prompt else ''}"

    with pytest.raises(StudioError, match=r"turn 2.*Train on answers only"):
        answer_spans(chat("a", "b"), hides)
