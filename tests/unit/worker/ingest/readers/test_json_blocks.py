"""Lines that are read in blocks give what they give one by one."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.worker.ingest import task
from studio.worker.ingest.readers.shapes import json_blocks, objects
from tests.support.in_process_intake import take_in

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["2024-01-01", "1", "true", "null", " "])
WORDS = st.text('abc 好é\n\t"\\', min_size=1, max_size=20)


def chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


PLAIN = st.builds(chat, WORDS.filter(str.strip), WORDS.filter(str.strip)).map(
    lambda row: json.dumps(row, ensure_ascii=False).encode()
)
ODD = st.sampled_from(
    [
        b"",
        b"   ",
        b"{}",
        b"[]",
        b"null",
        b'{"messages": [',
        b'{"messages": null}',
        b'{"messages": []}',
        b'{"messages": "Hi"}',
        b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "user", "content": 3}, {"role": "assistant", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "\xff"}]}',
        b'{"messages": [{"role": "user", "content": "\\ud83d"}, {"role": "assistant", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "\\u0000"}, {"role": "assistant", "content": "\\ud83d\\ude00"}]}',
        b'{"messages": [{"role": "user", "content": "q", "name": "x"}, {"role": "assistant", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "q", "content": "r"}, {"role": "assistant", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "id": 7}',
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}], "messages": []}',
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]} {"messages": 3}',
        b' {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},',
        b'{"messages": [{"role": "assistant", "content": "q"}, {"role": "user", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": "q",}, {"role": "assistant", "content": "a"}]}',
        b'{"messages": [{"role": "user", "content": NaN}, {"role": "assistant", "content": "a"}]}',
        b"{'messages': [{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}]}",
    ]
)
NUMBERS = count()


@given(
    lines=st.lists(PLAIN | PLAIN | PLAIN | ODD, max_size=14),
    end=st.sampled_from([b"\n", b"\r\n"]),
    last=st.booleans(),
    size=st.integers(1, 700),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_odd_lines_among_plain_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[bytes], end: bytes, last: bool, size: int
) -> None:
    first = [json.dumps(chat(f"Question {i}?", f"Answer {i * i}.")).encode() for i in range(3)]
    content = end.join([*first, *lines]) + (end if last else b"")
    monkeypatch.setattr(objects, "_SAMPLED", 2)  # rows that are looked at before the first block
    monkeypatch.setattr(task, "MAX_SAMPLED_ITEMS", 3)
    monkeypatch.setattr(json_blocks, "_BLOCK_BYTES", size)
    at_once = take_in(tmp_path / str(next(NUMBERS)), {"a.jsonl": content})
    with monkeypatch.context() as one_by_one:
        one_by_one.setattr(task, "plain_schema", lambda layout: None)
        alone = take_in(tmp_path / str(next(NUMBERS)), {"a.jsonl": content})
    assert at_once.rows == alone.rows
    assert at_once.lines == alone.lines
    assert at_once.problems == alone.problems
    assert at_once.refused == alone.refused
    assert at_once.details.sha256 == alone.details.sha256
    assert (at_once.details.unused, at_once.details.notes) == (alone.details.unused, alone.details.notes)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"prompt": "q {}", "completion": "a {}"}, {"prompt", "completion"}),
        ({"text": "once {}"}, {"text"}),
        (chat("q {}", "a {}"), {"messages"}),
    ],
)
def test_plain_lines_of_each_simple_format_are_read_in_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], columns: set[str]
) -> None:
    seen = []

    def watched(data: bytes, plain: json_blocks.Plain, before: int) -> list[json_blocks.PlainBlock] | None:
        seen.append(set(plain.schema.names))
        return json_blocks.plain_blocks(data, plain, before)

    monkeypatch.setattr("studio.worker.ingest.readers.json_lines.plain_blocks", watched)
    content = "\n".join(json.dumps(row).replace("{}", str(i)) for i in range(2500))
    taken = take_in(tmp_path, {"a.jsonl": content})
    assert [line for line, _ in taken.lines] == list(range(1, 2501))
    assert seen == [columns]
