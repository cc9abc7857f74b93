"""Formats as other programs and well-known datasets spell them."""

from __future__ import annotations

import json

from tests.support.dataset_zoo.making import OF_QA, Case, Row, chat, lines, parquet, said
from tests.support.dataset_zoo.other_programs import OTHER_PROGRAMS

PAIR: Row = {
    "prompt": [{"role": "user", "content": "hi"}],
    "chosen": [{"role": "assistant", "content": "hello"}],
    "rejected": [{"role": "assistant", "content": "no"}],
}
TALK = chat(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
OF_PREFERENCE, OF_RATED = {"format": "preference"}, {"format": "unpaired"}


def message(id: str, parent: str | None, role: str, text: str) -> Row:
    return {"message_id": id, "parent_id": parent, "role": role, "text": text, "deleted": False, "lang": "en"}


def rated(prompt: str, completion: str, label: bool) -> Row:
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "completion": [{"role": "assistant", "content": completion}],
        "label": label,
    }


SPELLINGS = [
    # whole conversations
    Case(
        "contents and parts of Gemini",
        "a.jsonl",
        lines(
            {
                "systemInstruction": {"role": "system", "parts": [{"text": "be "}, {"text": "kind"}]},
                "contents": [
                    {"role": "user", "parts": [{"text": "hi"}]},
                    {"role": "model", "parts": [{"text": "hello"}]},
                ],
            }
        ),
        [chat(("system", "be kind"), ("user", "hi"), ("assistant", "hello"))],
    ),
    Case(
        "system and content in parts, as Anthropic and Bedrock have them",
        "a.jsonl",
        lines(
            {
                "system": [{"text": "be kind"}],
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "hi"}]},
                    {"role": "assistant", "content": [{"type": "output_text", "text": "yo"}]},
                ],
            },
            {
                "system": {"type": "text", "value": "be kind"},
                "messages": [
                    {"role": "user", "content": {"content_type": "text", "parts": ["Who was it?"]}},
                    {"role": "assistant", "content": [{"type": "text", "value": "yo!"}]},
                ],
            },
        ),
        [
            chat(("system", "be kind"), ("user", "hi"), ("assistant", "yo")),
            chat(("system", "be kind"), ("user", "Who was it?"), ("assistant", "yo!")),
        ],
    ),
    *(
        Case(
            f"turns as pairs of {user} and {assistant}",
            "a.jsonl",
            lines({"conversation": [{user: "a", assistant: "b"}, {user: "c", assistant: "d"}]}),
            [TALK],
        )
        for user, assistant in (
            ("human", "assistant"),
            ("input", "output"),
            ("user", "bot"),
            ("Question", "Answer"),
            ("prompt", "response"),
        )
    ),
    Case(
        "pairs whose first has a system message",
        "a.jsonl",
        lines({"conversation": [{"system": "s", "input": "a", "output": "b"}]}),
        [chat(("system", "s"), ("user", "a"), ("assistant", "b"))],
    ),
    Case("turns as lists of two", "a.jsonl", lines({"conversations": [["a", "b"], ["c", "d"]]}), [TALK]),
    Case("turns as texts", "a.jsonl", lines({"conversations": ["a", "b", "c", "d"]}), [TALK]),
    Case(
        "turns with a speaker",
        "a.jsonl",
        lines({"dialog": [{"speaker": "user", "text": "a"}, {"speaker": "bot", "text": "b"}]}),
        [said("a", "b")],
    ),
    Case(
        "a conversation that is a transcript",
        "a.csv",
        'conversation\n"Human: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d"\n',
        [TALK],
    ),
    # threads
    Case(
        "threads of OpenAssistant",
        "a.parquet",
        parquet(
            [
                message("1", None, "prompter", "a"),
                message("2", "1", "assistant", "b"),
                message("3", "2", "prompter", "c"),
                message("4", "3", "assistant", "d"),
                message("5", "1", "assistant", "e"),
                message("6", "5", "prompter", "And then?"),
                message("7", None, "prompter", "Anyone?"),
                message("8", "0", "assistant", "To whom?"),
                message("4", "3", "assistant", "once more"),
                message("9", "8", "prompter", "Behind it."),
                {**message("10", "3", "assistant", "gone"), "deleted": True},
            ]
        ),
        [TALK, said("a", "e")],
        [(7, "no_answer", "text"), (8, "no_parent", "parent_id"), (9, "same_message", "message_id")],
        expected={
            "format": "chat",
            "notes": [("deleted_message", 1), ("threads", 9), ("unanswered", 1), ("behind_missing", 1)],
        },
    ),
    Case(
        "threads that go round in a circle",
        "a.jsonl",
        lines(
            message("1", None, "user", "q"),
            message("2", "1", "assistant", "a"),
            message("3", "4", "user", "q"),
            message("4", "3", "assistant", "a"),
        ),
        [said("q", "a")],
        [(3, "no_parent", "parent_id"), (4, "no_parent", "parent_id")],
    ),
    # a question and its answer
    Case(
        "query, response and history of ms-swift",
        "a.jsonl",
        lines({"query": "c", "response": "d", "history": [["a", "b"]], "system": "s"}),
        [{"messages": [{"role": "system", "content": "s"}, *TALK["messages"]]}],
    ),
    *(
        Case(f"history as {what}", "a.jsonl", lines({"instruction": "c", "output": "d", "history": history}), [TALK])
        for what, history in (
            ("text in JSON", '[["a", "b"]]'),
            ("turns", [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]),
            ("pairs", [{"user": "a", "assistant": "b"}]),
        )
    ),
    Case(
        "question, answer and context",
        "a.jsonl",
        lines({"question": "who?", "answer": "me", "context": "It was me."}),
        [said("who?\n\nIt was me.", "me")],
        expected={**OF_QA, "ignored": []},
    ),
    Case(
        "SQuAD",
        "a.parquet",
        parquet(
            [{"question": "who?", "context": "Bob did.", "answers": {"text": ["Bob", "He"], "answer_start": [0, 9]}}]
        ),
        [said("who?\n\nBob did.", "Bob")],
        expected={"ignored": []},
    ),
    Case(
        "SQuAD without an answer",
        "a.jsonl",
        lines(
            {"question": "who?", "context": "Bob did.", "answers": {"text": ["Bob"], "answer_start": [0]}},
            {"question": "when?", "context": "Bob did.", "answers": {"text": [], "answer_start": []}},
        ),
        [said("who?\n\nBob did.", "Bob")],
        [(2, "empty", "answers.text")],
    ),
    Case(
        "answers that are numbers and booleans",
        "a.jsonl",
        lines(
            {"question": "2+2", "answer": 4}, {"question": "1+1", "answer": "2"}, {"question": "so?", "answer": True}
        ),
        [said("2+2", "4"), said("1+1", "2"), said("so?", "true")],
    ),
    Case(
        "conversational prompt and completion with more input",
        "a.jsonl",
        lines(
            {
                "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}],
                "completion": [{"role": "assistant", "content": "a"}],
                "context": "c",
            }
        ),
        [chat(("system", "s"), ("user", "q\n\nc"), ("assistant", "a"))],
    ),
    Case(
        "reasoning in a column of its own",
        "a.jsonl",
        lines({"Question": "q", "Complex_CoT": "Well.", "Response": "a"}, {"Question": "r", "Response": "b"}),
        [
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": "a", "reasoning_content": "Well."},
                ]
            },
            said("r", "b"),
        ],
    ),
    # pairs
    Case(
        "transcripts of HH-RLHF",
        "a.jsonl",
        lines(
            {"chosen": "\n\nHuman: hi\n\nAssistant: hello", "rejected": "\n\nHuman: hi\n\nAssistant: no"},
            {
                "chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d",
                "rejected": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: e",
            },
        ),
        [
            PAIR,
            {
                "prompt": TALK["messages"][:3],
                "chosen": TALK["messages"][3:],
                "rejected": [{"role": "assistant", "content": "e"}],
            },
        ],
        expected=OF_PREFERENCE,
    ),
    Case(
        "a transcript as the prompt",
        "a.jsonl",
        lines({"prompt": "\n\nHuman: hi\n\nAssistant:", "chosen": " hello", "rejected": " no"}),
        [
            {
                **PAIR,
                "chosen": [{"role": "assistant", "content": " hello"}],
                "rejected": [{"role": "assistant", "content": " no"}],
            }
        ],
    ),
    Case(
        "preferences of OpenAI",
        "a.jsonl",
        lines(
            {
                "input": {"messages": PAIR["prompt"]},
                "preferred_output": PAIR["chosen"],
                "non_preferred_output": PAIR["rejected"],
            }
        ),
        [PAIR],
        expected={**OF_PREFERENCE, "ignored": []},
    ),
    Case(
        "chosen and rejected messages",
        "a.jsonl",
        lines(
            {
                "chosen_messages": [*PAIR["prompt"], *PAIR["chosen"]],
                "rejected_messages": [*PAIR["prompt"], *PAIR["rejected"]],
            }
        ),
        [PAIR],
    ),
    *(
        Case(
            f"a worse answer beside {what}",
            "a.jsonl",
            lines({**row, "rejected_response": "no"}),
            [PAIR],
            expected=OF_PREFERENCE,
        )
        for what, row in (
            ("messages", {"messages": [*PAIR["prompt"], *PAIR["chosen"]]}),
            ("query and response", {"query": "hi", "response": "hello"}),
        )
    ),
    Case(
        "a worse conversation beside messages",
        "a.jsonl",
        lines(
            {
                "messages": [*PAIR["prompt"], *PAIR["chosen"]],
                "rejected_messages": [*PAIR["prompt"], *PAIR["rejected"]],
            }
        ),
        [PAIR],
    ),
    Case(
        "a worse answer beside messages without an answer",
        "a.jsonl",
        lines(
            {"messages": [*PAIR["prompt"], *PAIR["chosen"]], "rejected_response": "no"},
            {"messages": PAIR["prompt"], "rejected_response": "no"},
        ),
        [PAIR],
        [(2, "no_answer", "messages")],
    ),
    # ratings
    *(
        Case(
            f"ratings as {good!r} and {bad!r}",
            "a.jsonl",
            lines(
                {"prompt": "hi", "completion": "yo", "label": good}, {"prompt": "hi", "completion": "go", "label": bad}
            ),
            [rated("hi", "yo", True), rated("hi", "go", False)],
            expected={**OF_RATED, "trainable": 1},
        )
        for good, bad in ((1, 0), ("1", "0"), ("good", "bad"), ("True", "false"))
    ),
    Case(
        "ratings of Alpaca rows",
        "a.jsonl",
        lines(
            {"instruction": "hi", "input": "you", "output": "yo", "kto_tag": True},
            {"instruction": "hi", "input": "", "output": "go", "kto_tag": False},
        ),
        [rated("hi\n\nyou", "yo", True), rated("hi", "go", False)],
        expected=OF_RATED,
    ),
    Case(
        "ratings that turn up late",
        "a.csv",
        "prompt,completion,label\n" + "".join(f"Question {i}?,Answer {i * i}.,\n" for i in range(25)) + "p,c,False\n",
        [rated("p", "c", False)],
        [(i, "no_verdict", "label") for i in range(2, 27)],
        expected=OF_RATED,
    ),
    Case(
        "a column that turns up after the first thousand rows",
        "a.jsonl",
        lines(
            *({"prompt": f"Question {i}?", "completion": f"Answer {i * i}."} for i in range(1000)),
            {"prompt": "p", "completion": "c", "system": "s"},
        ),
        [*(said(f"Question {i}?", f"Answer {i * i}.") for i in range(1000)), said("p", "c")],
        expected={"unused": {"system": 1}, "notes": [("late_column", 1)]},
    ),
    # pictures
    Case(
        "a column of pictures",
        "a.jsonl",
        lines(
            {"image": "cat.jpg", **said("<image>\nWhat is it?", "A cat.")},
            {"image": "", **said("q", "a")},
            said("r", "b"),
        ),
        [said("q", "a"), said("r", "b")],
        [(1, "media", "image")],
        expected={"ignored": ["image"]},
    ),
    Case(
        "a column of videos in a table of a thousand rows",
        "a.jsonl",
        lines(
            *(said(f"Question {i}?", f"Answer {i * i}.") for i in range(1, 1000)),
            {**said("q", "a"), "videos": ["v.mp4"]},
        ),
        [said(f"Question {i}?", f"Answer {i * i}.") for i in range(1, 1000)],
        [(1000, "media", "videos")],
    ),
    Case(
        "placeholders of pictures without any",
        "a.jsonl",
        lines(said("<image>What is it?", "A cat."), said("Write HTML.", "<p>Hi</p>")),
        [said("<image>What is it?", "A cat."), said("Write HTML.", "<p>Hi</p>")],
        [(1, "media_placeholder", "messages[0].content")],
    ),
    Case(
        "a conversation in JSON within a table",
        "a.csv",
        'id,messages\n1,"' + json.dumps(TALK["messages"]).replace('"', '""') + '"\n',
        [TALK],
    ),
    *OTHER_PROGRAMS,
]
