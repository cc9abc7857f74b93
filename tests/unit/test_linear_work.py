"""What is read takes work in proportion to its size, whatever it looks like: counted, not timed."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from studio.domain import secrecy, text_checks
from studio.domain.chat_spans import answer_spans
from studio.domain.reading import Reading
from studio.domain.template_losses import reasoning_of
from studio.worker.reading import open_source
from studio.worker.reading.packed import Packed

SHORT, TIMES = 60_000, 4
SHAPES: dict[str, Callable[[int], str]] = {
    "one long line": lambda size: "x" * size,
    "few long lines": lambda size: "\n".join(["word " * (size // 150)] * 30),
    "blanks": lambda size: "a" + " " * size + "b",
    "blank lines": lambda size: "a" + "\n" * size + "b",
    "quotation marks": lambda size: '"' * size,
    "opening brackets": lambda size: "[" * size,
    "an array without an end": lambda size: "[\n" + '{"text": "so"},\n' * (size // 15),
    "a broken array": lambda size: "[\n" + '{"text": so},\n' * (size // 14) + "]",
    "one object without an end": lambda size: '{"text": "' + "\\n" * (size // 2),
    "many short rows": lambda size: '{"text": "so it is"}\n' * (size // 21),
    "cells": lambda size: "text,label\n" + "a,b\n" * (size // 4),
    "a cell without an end": lambda size: 'text,label\n"a,b\n' + "a,b\n" * (size // 4),
}


class Work:
    """Calls, of Python and of C, and bytes read."""

    def __init__(self) -> None:
        self.calls = self.bytes = 0


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()

    class Counting:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            found = getattr(self._file, name)
            if name not in ("read", "readline", "read1"):
                return found

            def read(*arguments: Any) -> Any:
                data = found(*arguments)
                work.bytes += len(data)
                return data

            return read

    opened = Packed.opened

    @contextmanager
    def counting(self: Packed) -> Iterator[Any]:
        with opened(self) as file:
            yield Counting(file)

    def profile(frame: Any, event: str, argument: Any) -> None:
        work.calls += event in ("call", "c_call")

    with monkeypatch.context() as patch:
        patch.setattr(Packed, "opened", counting)
        sys.setprofile(profile)
        try:
            yield work
        finally:
            sys.setprofile(None)


@contextmanager
def a_deadline(seconds: int) -> Iterator[None]:
    """For what works within one call of C, such as an expression: hundreds of times what it takes when it is linear."""

    def over(number: int, frame: Any) -> None:
        raise TimeoutError(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("suffix", ["txt", "json", "jsonl", "csv", "tsv"])
@pytest.mark.parametrize("shape", SHAPES)
def test_reading_takes_work_in_proportion_to_the_size(
    shape: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = []
    for size in (SHORT, SHORT * TIMES):
        path = tmp_path / f"{size}.{suffix}"
        path.write_text(SHAPES[shape](size))
        with a_deadline(60), counted(monkeypatch) as work:
            for _ in open_source(path, path.name, Reading()).items:
                pass
        works.append(work)
    few, many = works
    assert many.bytes <= TIMES * few.bytes * 1.5 + 1_000_000
    assert many.calls <= TIMES * few.calls * 1.5 + 100_000


@pytest.mark.parametrize(
    "unit", ["a", ".", "a.", "eyJ-", "eyJaaaaaaaaaa.", "-----BEGIN A ", "A ", "sk-", "@a.", "Ã", "hf_", "xox"]
)
def test_words_of_any_length_are_checked_at_once(unit: str) -> None:
    with a_deadline(60):
        list(text_checks.text_faults(unit * (1_000_000 // len(unit))))


def test_a_web_token_and_an_address_are_found_in_python_where_the_quick_look_finds_them() -> None:
    for text in ("x-eyJ" + "a" * 36 + ".eyJ" + "b" * 90 + ".c", "Write to <ann.lee@mail.example.org>."):
        assert re.search(text_checks.SUSPECT, text)
        assert list(text_checks.text_faults(text))


def test_an_answer_that_is_full_of_marks_is_still_told_apart() -> None:
    said = "ANSWER" + "X" * 200_000

    def render(messages: Any, add_generation_prompt: bool, tools: Any = None) -> str:
        turns = "".join(f"<{m['role']}>{m['content']}" for m in messages)
        return f"{len(messages)}{turns}" + ("<assistant>" if add_generation_prompt else "")

    turns = (("user", "q"), ("assistant", said), ("user", "r"))
    messages = [{"role": role, "content": content} for role, content in turns]
    with a_deadline(60):
        text, ((start, end),) = answer_spans(messages, render)
    assert text[start:end] == said


@pytest.mark.parametrize(
    "content", ["<think>" * 200_000, "<think>" * 200_000 + "</think>", "<think></think>" * 100_000]
)
def test_thoughts_without_an_end_are_looked_through_once(content: str) -> None:
    with a_deadline(10):
        assert len(reasoning_of({"content": content})) <= 1


@pytest.mark.parametrize("unit", ["hf_Ab", "%", "%25", "\\", "\\u", "&#", "&#0", "aGZf", "686", "Bearer ", "hf_"])
def test_secrets_are_looked_for_at_once(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_known", type(secrecy._known)())
    secrecy.keep_secret("hf_Abcdefgh0123456789")
    with a_deadline(10):
        secrecy.masked_log("%68%66" + unit * (150_000 // len(unit)))
