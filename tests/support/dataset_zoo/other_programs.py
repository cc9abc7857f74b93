"""Conversations, pairs and answers as other programs and datasets write them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.dataset_zoo.making import OF_QA, Case, Row, lines, parquet, said

_CALL: Row = {
    "role": "assistant", "content": "",
    "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}],
}  # fmt: skip
_SAID = said("a", "b")
_TURNS = _SAID["messages"]
_PAIR: Row = {"prompt": _TURNS[:1], "chosen": _TURNS[1:], "rejected": [{"role": "assistant", "content": "c"}]}


def _with_calls(**of_call: Any) -> Row:
    call = {**_CALL, "tool_calls": [{**_CALL["tool_calls"][0], **of_call}]}
    return {"messages": [_TURNS[0], call, {"role": "tool", "content": "3", **_id_of(of_call)}, _TURNS[1]]}


def _id_of(of_call: dict[str, Any]) -> dict[str, Any]:
    return {"tool_call_id": of_call["id"]} if "id" in of_call else {}


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _rated(label: bool, answer: str) -> Row:
    return {"prompt": _TURNS[:1], "completion": [{"role": "assistant", "content": answer}], "label": label}


OTHER_PROGRAMS = [
    # turns
    *(
        Case(
            f"turns {what}",
            "a.jsonl",
            lines({"messages": turns}, {"messages": turns[:2]}),
            [_SAID, _SAID],
            [(2, "duplicate", "")],
        )
        for what, turns in (
            ("with types of LangChain", [{"type": "human", "content": "a"}, {"type": "ai", "content": "b"}]),
            (
                "with types and data",
                [{"type": "human", "data": {"content": "a"}}, {"type": "ai", "data": {"content": "b"}}],
            ),
            ("named by who speaks", [{"user": "a"}, {"assistant": "b"}]),
            ("with names in capitals", [{"Role": "user", "Content": "a"}, {"Role": "assistant", "Content": "b"}]),
            (
                "with authors that are objects",
                [
                    {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["a"]}},
                    {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["b"]}},
                ],
            ),
            ("with roles in Chinese", [{"role": "用户", "content": "a"}, {"role": "助手", "content": "b"}]),
        )
    ),
    Case(
        "turns and columns with Chinese names",
        "a.jsonl",
        lines({"对话": [{"角色": "用户", "内容": "a"}, {"角色": "助手", "内容": "b"}]}),
        [_SAID],
    ),
    *(
        Case(f"turns in columns, {count} of them", "a.jsonl", lines(*rows), [_SAID, said("c", "d")][:count])
        for count, rows in (
            (1, [{"messages": {"role": ["user", "assistant"], "content": ["a", "b"]}}]),
            (
                2,
                [
                    {"conversations": {"from": ["human", "gpt"], "value": ["a", "b"]}},
                    {"conversations": {"from": ["human", "gpt"], "value": ["c", "d"]}},
                ],
            ),
        )
    ),
    Case(
        "turns as Python and as numpy print them, in a table",
        "a.csv",
        "messages\n"
        + _quoted(repr(_TURNS))
        + "\n"
        + _quoted("[{'role': 'user', 'content': \"it's\\n}\"}\n {'role': 'assistant', 'content': 'b'}]")
        + "\n",
        [_SAID, said("it's\n}", "b")],
    ),
    Case(
        "pairs of conversations in JSON, in a table",
        "a.csv",
        "chosen,rejected\n"
        + ",".join(_quoted(json.dumps([*_PAIR["prompt"], *_PAIR[side]])) for side in ("chosen", "rejected"))
        + "\n",
        [_PAIR],
    ),
    # calls and thoughts
    Case(
        "calls, results and thoughts of Gemini",
        "a.jsonl",
        lines(
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "a"}]},
                    {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
                    {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"r": 2}}}]},
                    {"role": "model", "parts": [{"text": "Well.", "thought": True}, {"text": "b"}]},
                ],
                "tools": [{"functionDeclarations": [{"name": "f", "parameters": {}}]}],
            }
        ),
        [
            {
                "messages": [
                    _TURNS[0],
                    _CALL,
                    {"role": "tool", "content": '{"r": 2}', "name": "f"},
                    {**_TURNS[1], "reasoning_content": "Well."},
                ],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            }
        ],
    ),
    Case(
        "items of OpenAI's Responses API",
        "a.jsonl",
        lines(
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
                    {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"a": 1}'},
                    {"type": "function_call_output", "call_id": "1", "output": "3"},
                ],
                "output": [{"role": "assistant", "content": [{"type": "output_text", "text": "b"}]}],
            }
        ),
        [_with_calls(id="1")],
    ),
    Case(
        "reasoning that nobody can read",
        "a.jsonl",
        lines(
            {
                "messages": [
                    _TURNS[0],
                    {
                        "role": "assistant",
                        "content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "b"}],
                    },
                ]
            }
        ),
        [_SAID],
        expected={"unused": {"messages[].content[].redacted_thinking": 1}},
    ),
    Case(
        "a turn with “training”, and weights that are none",
        "a.jsonl",
        lines(
            {
                "messages": [
                    *_TURNS,
                    {"role": "user", "content": "c"},
                    {"role": "assistant", "content": "d", "training": False},
                ]
            },
            {"messages": [_TURNS[0], {**_TURNS[1], "weight": "heavy"}]},
        ),
        [
            {
                "messages": [
                    *_TURNS,
                    {"role": "user", "content": "c"},
                    {"role": "assistant", "content": "d", "weight": 0},
                ]
            }
        ],
        [(2, "bad_weight", "messages[1].weight")],
    ),
    # questions and answers
    *(
        Case(
            f"messages with the answer in {column!r}",
            "a.jsonl",
            lines({"messages": _TURNS[:1], column: answer}),
            [_SAID],
            expected=OF_QA,
        )
        for column, answer in (("completion", "b"), ("response", _TURNS[1]), ("reference_answer", "b"))
    ),
    Case(
        "turns and an ideal answer, as OpenAI's evaluations have them",
        "a.jsonl",
        lines({"input": _TURNS[:1], "ideal": ["b", "c"]}),
        [_SAID],
        expected={"notes": [("first_of_several", 1)]},
    ),
    *(
        Case(
            f"answers that are objects in {column!r}, {list(answers[0])}, in {len(rows)} rows",
            "a.jsonl",
            lines(*({"question": q, column: answers} for q in rows)),
            [said(q, "b") for q in rows],
            expected={"notes": [("first_of_several", len(rows))]},
        )
        for rows in (("a",), ("a", "c"))
        for column, answers in (
            ("answers", [{"text": "b", "answer_start": 0}, {"text": "c", "answer_start": 3}]),
            ("answers", [{"text": "b"}, {"text": "c"}]),
            ("answer", [{"content": "b", "score": 2}, {"content": "c", "score": 1}]),
        )
    ),
    Case(
        "a solution beside the answer",
        "a.jsonl",
        lines({"problem": "2+2", "solution": "As 1+1 is 2, it is 4.", "answer": "4"}),
        [said("2+2", "As 1+1 is 2, it is 4.")],
        expected={"ignored": ["answer"]},
    ),
    Case(
        "Alpaca with Chinese names",
        "a.jsonl",
        lines({"指令": "翻译", "输入": "hi", "输出": "你好"}, {"指令": "a", "输入": "", "输出": "b"}),
        [said("翻译\n\nhi", "你好"), _SAID],
    ),
    # pairs and ratings
    Case(
        "a whole conversation beside whole conversations",
        "a.jsonl",
        lines(
            {
                "conversation": [{"input": "a", "output": "b"}],
                "chosen": _TURNS,
                "rejected": [*_PAIR["prompt"], *_PAIR["rejected"]],
            }
        ),
        [_PAIR],
    ),
    Case(
        "conversations that begin with different questions, or lack an answer",
        "a.jsonl",
        lines(
            {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
            {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: e\n\nAssistant: c"},
            {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: a\n\nAssistant: "},
        ),
        [_PAIR],
        [(2, "other_question", "rejected"), (3, "no_answer", "rejected")],
    ),
    *(
        Case(
            f"ratings as {good!r} and {bad!r}, as pandas or people write them",
            "a.parquet",
            parquet(
                [{"prompt": "a", "completion": "b", "label": good}, {"prompt": "a", "completion": "c", "label": bad}]
            ),
            [_rated(True, "b"), _rated(False, "c")],
            expected={"format": "unpaired"},
        )
        for good, bad in ((1.0, 0.0), ("yes", "no"), ("desirable", "undesirable"))
    ),
    Case(
        "a column of transcripts",
        "a.jsonl",
        lines({"transcript": "\n\nHuman: a\n\nAssistant: b", "rating": 4}),
        [_SAID],
    ),
    Case(
        "a column of conversations",
        "a.json",
        lines({"conversations": [_TURNS, said("c", "d")["messages"]]}),
        [_SAID, said("c", "d")],
        expected={"notes": [("rows_of_columns", 0)]},
    ),
    Case(
        "rows by number, one of which has more columns",
        "a.json",
        lines(
            {
                "0": {"prompt": "a", "completion": "b"},
                "1": {"prompt": "Who are you?", "completion": "A captain.", "system": "s"},
            }
        ),
        [_SAID, {"messages": [{"role": "system", "content": "s"}, *said("Who are you?", "A captain.")["messages"]]}],
    ),
    Case(
        "trees of OpenAssistant",
        "a.jsonl",
        lines(
            *(
                {
                    "message_tree_id": f"{n}",
                    "prompt": {
                        "message_id": f"{n}",
                        "text": "a",
                        "role": "prompter",
                        "replies": [
                            {
                                "message_id": f"{n}b",
                                "text": b,
                                "role": "assistant",
                                "replies": [
                                    {
                                        "message_id": f"{n}c",
                                        "text": "c",
                                        "role": "prompter",
                                        "replies": [
                                            {"message_id": f"{n}d", "text": "d", "role": "assistant", "replies": []},
                                        ],
                                    },
                                ],
                            },
                            {"message_id": f"{n}e", "text": e, "role": "assistant", "replies": []},
                        ],
                    },
                }
                for n, b, e in ((1, "b", "Else."), (2, "Another answer.", "And one more of them."))
            )
        ),
        [
            row
            for b, e in (("b", "Else."), ("Another answer.", "And one more of them."))
            for row in ({"messages": [*said("a", b)["messages"], *said("c", "d")["messages"]]}, said("a", e))
        ],
        expected={"notes": [("rows_inside", 0), ("threads", 10)]},
    ),
    Case(
        "answers that are JSON of turns",
        "a.jsonl",
        lines(
            {"prompt": "Write a talk.", "completion": json.dumps(_TURNS)},
            {"prompt": json.dumps(_TURNS[:1]), "completion": json.dumps(_TURNS[1:])},
        ),
        [said("Write a talk.", json.dumps(_TURNS)), _SAID],
    ),
]
