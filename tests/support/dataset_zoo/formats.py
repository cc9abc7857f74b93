"""Every format, in its spellings."""

from __future__ import annotations

import json

from tests.support.dataset_zoo.making import (
    CALL,
    LABELLED_TEXT,
    OF_QA,
    PREFERRED,
    RATED,
    A,
    Case,
    chat,
    dumps,
    lines,
    parquet,
    said,
    sharegpt,
)
from tests.support.tool_conversations import WEATHER

WEATHER_TOOL = WEATHER["tools"][0]["function"]
CALLED = {
    **WEATHER,
    "messages": [
        *WEATHER["messages"][:2],
        {"role": "tool", "content": '{"sky": "rain"}'},
        WEATHER["messages"][3],
    ],
}
FORMATS = [
    Case(
        "chat with a system message",
        "a.jsonl",
        lines(chat(("system", "s"), ("user", "q"), ("assistant", "a"))),
        [chat(("system", "s"), ("user", "q"), ("assistant", "a"))],
    ),
    Case(
        "chat with its system message in a column",
        "a.jsonl",
        lines(said("q", "a", system="s")),
        [chat(("system", "s"), ("user", "q"), ("assistant", "a"))],
    ),
    Case(
        "chat with labels and columns that nothing needs",
        "a.jsonl",
        lines(said("q", "a", topic="sea", id=7)),
        [said("q", "a", label="sea")],
        expected={"ignored": ["id"]},
    ),
    Case(
        "chat with content in parts",
        "a.jsonl",
        lines(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Hel"}, {"text": "lo"}]},
                    {"role": "assistant", "content": "Ho"},
                ]
            }
        ),
        [said("Hello", "Ho")],
    ),
    Case("tools and their calls", "a.jsonl", lines(WEATHER), [WEATHER]),
    Case(
        "tools and their calls as JSON in texts",
        "a.jsonl",
        lines(
            {
                "tools": json.dumps([WEATHER_TOOL]),
                "messages": [
                    WEATHER["messages"][0],
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Brest"}'}}],
                    },
                    {"role": "tool", "content": "rain", "tool_call_id": "c1"},
                    {"role": "assistant", "content": "Rain."},
                ],
            }
        ),
        [
            {
                "tools": WEATHER["tools"],
                "messages": [
                    WEATHER["messages"][0],
                    {
                        "role": "assistant",
                        "content": "",
                        "tool_calls": [
                            {
                                "type": "function",
                                "id": "c1",
                                "function": {"name": "weather", "arguments": {"city": "Brest"}},
                            }
                        ],
                    },
                    {"role": "tool", "content": "rain", "tool_call_id": "c1"},
                    {"role": "assistant", "content": "Rain."},
                ],
            }
        ],
    ),
    Case("tools in parquet", "a.parquet", parquet([{**WEATHER, "tools": json.dumps(WEATHER["tools"])}]), [WEATHER]),
    Case(
        "an old function_call",
        "a.jsonl",
        lines(
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {"role": "assistant", "content": None, "function_call": json.loads(CALL)},
                ]
            }
        ),
        [{"messages": [{"role": "user", "content": "q"}, WEATHER["messages"][1]]}],
    ),
    *(
        Case(
            f"ShareGPT where the user is {role}",
            "a.jsonl",
            lines(sharegpt((role, "q"), ("gpt", "a"))),
            [said("q", "a")],
        )
        for role in ("human", "user", "Human", "prompter")
    ),
    *(
        Case(
            f"ShareGPT where the assistant is {role}",
            "a.jsonl",
            lines(sharegpt(("human", "q"), (role, "a"))),
            [said("q", "a")],
        )
        for role in ("gpt", "assistant", "chatgpt", "model", "bing", "bard", "claude", "ai", "bot", "GPT")
    ),
    *(
        Case(
            f"ShareGPT where the system is {role}",
            "a.jsonl",
            lines(sharegpt((role, "s"), ("human", "q"), ("gpt", "a"))),
            [chat(("system", "s"), ("user", "q"), ("assistant", "a"))],
        )
        for role in ("system", "developer")
    ),
    *(
        Case(
            f"ShareGPT with {call} and {answer}",
            "a.jsonl",
            lines(
                {
                    "tools": json.dumps([WEATHER_TOOL]),
                    **sharegpt(
                        ("human", "What is the weather in Brest?"),
                        (call, CALL),
                        (answer, '{"sky": "rain"}'),
                        ("gpt", "Rain."),
                    ),
                }
            ),
            [CALLED],
            expected={"format": "sharegpt"},
        )
        for call, answer in (
            ("function_call", "observation"),
            ("function-call", "function"),
            ("tool_call", "tool"),
            ("function_call", "tool_response"),
            ("tool_call", "function_response"),
        )
    ),
    Case(
        "ShareGPT in a column conversation",
        "a.jsonl",
        lines({"conversation": sharegpt(("human", "q"), ("gpt", "a"))["conversations"]}),
        [said("q", "a")],
        expected={"format": "sharegpt"},
    ),
    Case("ShareGPT with role and content", "a.jsonl", lines({"conversations": A["messages"]}), [A]),
    Case(
        "Alpaca",
        "a.json",
        dumps(
            [
                {"instruction": "Add.", "input": "1 + 1", "output": "2"},
                {"instruction": "Sing.", "input": "", "output": "La."},
            ]
        ),
        [said("Add.\n\n1 + 1", "2"), said("Sing.", "La.")],
        expected={"format": "alpaca"},
    ),
    Case(
        "Alpaca with history and system",
        "a.json",
        dumps(
            [
                {"instruction": "c", "input": None, "output": "d", "system": "s", "history": [["a", "b"]]},
                {"instruction": "g", "input": "", "output": "h", "system": "", "history": []},
            ]
        ),
        [chat(("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")), said("g", "h")],
    ),
    Case(
        "Dolly's spelling of Alpaca",
        "a.jsonl",
        lines({"instruction": "q", "context": "c", "response": "a", "category": "open_qa"}),
        [said("q\n\nc", "a", label="open_qa")],
        expected={"format": "alpaca"},
    ),
    *(
        Case(
            f"{question} and {answer}", "a.jsonl", lines({question: "q", answer: "a"}), [said("q", "a")], expected=OF_QA
        )
        for question, answer in (
            ("prompt", "completion"),
            ("prompt", "response"),
            ("question", "answer"),
            ("Question", " Answer "),
            ("query", "response"),
            ("input", "output"),
        )
    ),
    Case(
        "prompt and completion as turns",
        "a.jsonl",
        lines({"prompt": A["messages"][:1], "completion": A["messages"][1:]}),
        [A],
        expected=OF_QA,
    ),
    Case(
        "text with labels",
        "a.csv",
        "text,label\ngood film,pos\nbad film,neg\n",
        [{"text": "good film", "label": "pos"}, {"text": "bad film", "label": "neg"}],
        request=LABELLED_TEXT,
        expected={"format": "text"},
    ),
    Case("content", "a.jsonl", lines({"content": "so it is"}), [{"text": "so it is"}], expected={"format": "text"}),
    Case(
        "preference in text",
        "a.jsonl",
        lines({"prompt": "Red or blue?", "chosen": "Blue, as the sea.", "rejected": "Whatever."}),
        [PREFERRED],
        expected={"format": "preference"},
    ),
    Case("preference in turns", "a.jsonl", lines(PREFERRED), [PREFERRED]),
    Case(
        "preference without a prompt of its own",
        "a.jsonl",
        lines({side: PREFERRED["prompt"] + PREFERRED[side] for side in ("chosen", "rejected")}),
        [PREFERRED],
    ),
    Case(
        "preference whose answers repeat the prompt",
        "a.jsonl",
        lines(
            {
                "prompt": "Red or blue?",
                **{side: PREFERRED["prompt"] + PREFERRED[side] for side in ("chosen", "rejected")},
            }
        ),
        [PREFERRED],
    ),
    Case(
        "preference whose answers repeat more than the prompt",
        "a.jsonl",
        lines(
            {
                "prompt": "Red or blue?",
                **{
                    side: [{"role": "system", "content": "s"}, *PREFERRED["prompt"], *PREFERRED[side]]
                    for side in ("chosen", "rejected")
                },
            }
        ),
        [PREFERRED | {"prompt": [{"role": "system", "content": "s"}, *PREFERRED["prompt"]]}],
    ),
    Case(
        "preference as ShareGPT",
        "a.jsonl",
        lines(
            {
                "conversations": [{"from": "human", "value": "Red or blue?"}],
                "chosen": {"from": "gpt", "value": "Blue, as the sea."},
                "rejected": {"from": "gpt", "value": "Whatever."},
            }
        ),
        [PREFERRED],
    ),
    Case(
        "preference with a system message",
        "a.jsonl",
        lines({"system": "s", "question": "Red or blue?", "chosen": "Blue, as the sea.", "rejected": "Whatever."}),
        [PREFERRED | {"prompt": [{"role": "system", "content": "s"}, *PREFERRED["prompt"]]}],
    ),
    Case(
        "rated answers as prompt and completion",
        "a.jsonl",
        lines(
            {"prompt": "Red or blue?", "completion": "Blue, as the sea.", "label": True},
            {"prompt": "Up or down?", "completion": "No.", "label": "False"},
        ),
        [
            RATED,
            {
                "prompt": [{"role": "user", "content": "Up or down?"}],
                "completion": [{"role": "assistant", "content": "No."}],
                "label": False,
            },
        ],
        expected={"format": "unpaired", "trainable": 1},
    ),
    Case(
        "rated answers as conversations",
        "a.jsonl",
        lines(said("Red or blue?", "Blue, as the sea.", label=True)),
        [RATED],
        expected={"format": "unpaired"},
    ),
    Case(
        "rated answers as ShareGPT with kto_tag",
        "a.jsonl",
        lines({**sharegpt(("human", "Red or blue?"), ("gpt", "Blue, as the sea.")), "kto_tag": True}),
        [RATED],
    ),
    Case(
        "rated answers in a table", "a.csv", 'prompt,completion,label\nRed or blue?,"Blue, as the sea.",TRUE\n', [RATED]
    ),
    Case(
        "columns that a person has named",
        "a.csv",
        "q1,a1,x\nWho are you?,A captain. ⚓,y\n",
        [A],
        request={"layout": {"format": "prompt-completion", "columns": {"prompt": "q1", "completion": "a1"}}},
        expected={"ignored": ["x"]},
    ),
]
