"""What is read takes work in proportion to its size, whatever it looks like: counted, not timed."""

from __future__ import annotations

import json
import re
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from studio.domain import secrecy
from studio.domain.chat.spans import answer_spans
from studio.domain.chat.template_losses import reasoning_of
from studio.domain.datasets import text_checks
from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers import csv, json_document, json_stream
from studio.worker.ingest.readers.compressed import Packed
from studio.worker.ingest.readers.open import open_source

TIMES = 4
ROWS, LUMPS = 3_000, 100_000  # characters, at first: what costs a call for each row is counted slowly
LUMP_SHAPES: dict[str, Callable[[int], str]] = {
    "one long line": lambda size: "x" * size,
    "few long lines": lambda size: "\n".join(["word " * (size // 150)] * 30),
    "blanks": lambda size: "a" + " " * size + "b",
    "blanks alone": lambda size: " " * size,
    "quotation marks": lambda size: '"' * size,
    "apostrophes": lambda size: "'" * size,
    "backslashes": lambda size: '{"text": "' + "\\" * size,
    "opening brackets": lambda size: "[" * size,
    "opening braces": lambda size: '{"a":' * (size // 5),
    "closing brackets": lambda size: "[" + "]" * size,
    "a deep list": lambda size: "[" * (size // 2) + "]" * (size // 2),
    "a deep row": lambda size: '{"text": ' + "[" * (size // 2) + "]" * (size // 2) + "}",
    "one object without an end": lambda size: '{"text": "' + "\\n" * (size // 2),
    "a long text": lambda size: '{"text": "' + "so it is " * (size // 9) + '"}\n',
    "a key again and again": lambda size: '{"text": "so"' + ', "text": "so"' * (size // 14) + "}",
    "marks of byte order": lambda size: "\ufeff" * (size // 3),
    "zeros": lambda size: "\0" * size,
}
ROW_SHAPES: dict[str, Callable[[int], str]] = {
    "columns": lambda size: ",".join(f"c{n}" for n in range(size // 7)) + "\n" + "," * (size // 7 - 1) + "\n",
    "columns without a name": lambda size: "a" + "," * size + "\n",
    "columns of one name": lambda size: "a," * (size // 2) + "a\n",
    "keys": lambda size: "{" + ",".join(f'"k{n}": {n}' for n in range(size // 15)) + "}",
    "blank lines": lambda size: "a" + "\n" * size + "b",
    "line feeds alone": lambda size: "\n" * size,
    "carriage returns": lambda size: "a\r" * (size // 2),
    "an array without an end": lambda size: "[\n" + '{"text": "so"},\n' * (size // 15),
    "a broken array": lambda size: "[\n" + '{"text": so},\n' * (size // 14) + "]",
    "a broken array after a long row": lambda size: (
        '[\n{"text": "' + "x" * 20 * size + '"},\n' + '{"text": so},\n' * (size // 14) + "]"
    ),
    "an array in one line": lambda size: "[" + '{"text": "so"},' * (size // 15) + '{"text": "so"}]',
    "an object of lists": lambda size: "{" + ",".join(f'"k{n}": [{{"a": 1}}]' for n in range(size // 18)) + "}",
    "many short rows": lambda size: '{"text": "so it is"}\n' * (size // 21),
    "rows cut off": lambda size: '{"text": "so it is\n' * (size // 20),
    "cells": lambda size: "text,label\n" + "a,b\n" * (size // 4),
    "commas": lambda size: "a,b\n" + ",\n" * (size // 2),
    "a cell without an end": lambda size: 'text,label\n"a,b\n' + "a,b\n" * (size // 4),
    "cells without an end": lambda size: "text,label\n" + '"a,b\n' * (size // 5),
    "cells whose ends are beginnings": lambda size: "a,b,c\n" + '",a","\n' * (size // 7),
    "cells of several lines": lambda size: "text,label\n" + '"a\na",b\n' * (size // 9),
}


class Work:
    """Calls, of Python and of C, bytes read, and what is gone through for the place of a fault in JSON."""

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

    opened, told = Packed.open, json.JSONDecodeError.__init__

    @contextmanager
    def counting(self: Packed) -> Iterator[Any]:
        with opened(self) as file:
            yield Counting(file)

    def profile(frame: Any, event: str, argument: Any) -> None:
        work.calls += event in ("call", "c_call")

    def counting_fault(self: Any, message: str, document: str, place: int) -> None:
        work.bytes += place
        told(self, message, document, place)

    with monkeypatch.context() as patch:
        patch.setattr(Packed, "open", counting)
        patch.setattr(json.JSONDecodeError, "__init__", counting_fault)
        patch.setattr(json_document, "_CHUNK_BYTES", 1 << 10)
        patch.setattr(json_stream, "_MAX_BEHIND_CHARACTERS", 1 << 11)
        patch.setattr(csv, "_REREAD_ALLOWANCE", 1 << 10)
        sys.setprofile(profile)
        try:
            yield work
        finally:
            sys.setprofile(None)


@contextmanager
def a_deadline(seconds: int) -> Iterator[None]:
    """For what works within one call of C, such as an expression: hundreds of times what it takes when it is linear.
    The processor's seconds, so that a busy machine does not matter."""

    def over(number: int, frame: Any) -> None:
        raise TimeoutError(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def work_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    with a_deadline(60), counted(monkeypatch) as work:
        try:
            for _ in open_source(path, path.name, ReadOptions(header="first")).items:
                pass
        except InvalidInput as error:
            assert len(f"{error.problem} {error.remedy} {error.values}") < 2_000
    return work


def check_linear(few: Work, many: Work) -> None:
    assert many.bytes <= TIMES * few.bytes * 1.5 + 200_000
    assert many.calls <= TIMES * few.calls * 1.5 + 5_000


@pytest.mark.parametrize("suffix", ["txt", "json", "jsonl", "csv", "tsv"])
@pytest.mark.parametrize("shape", [*LUMP_SHAPES, *ROW_SHAPES])
def test_reading_takes_work_in_proportion_to_the_size(
    shape: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = (LUMP_SHAPES | ROW_SHAPES)[shape]
    works = []
    for times in (1, TIMES):
        path = tmp_path / f"{times}.{suffix}"
        path.write_text(make(times * (LUMPS if shape in LUMP_SHAPES else ROWS)), "utf-8")
        works.append(work_of(path, monkeypatch))
    check_linear(*works)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "gb18030"])
@pytest.mark.parametrize("text", ["x", "x\n", "好", "好\n", "\u2028"])
def test_text_of_any_encoding_takes_work_in_proportion_to_the_size(
    text: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = []
    for times in (1, TIMES):
        path = tmp_path / f"{times}.txt"
        path.write_bytes((text * (times * ROWS // 4)).encode(encoding))
        works.append(work_of(path, monkeypatch))
    check_linear(*works)


SHEETS: dict[str, Callable[[int], str]] = {
    "rows": lambda size: "".join(f'<row><c t="str"><v>{n}</v></c></row>' for n in range(size)),
    "columns": lambda size: ("<row>" + '<c t="str"><v>a{}</v></c>' * size + "</row>").format(*range(size)),
    "empty rows": lambda size: "<row/>" * size,
    "a long cell": lambda size: f'<row><c t="str"><v>{"x" * 100 * size}</v></c></row>',
    "rows far away": lambda size: '<row r="1"><c t="str"><v>a</v></c></row>' + "".join(
        f'<row r="{9 * n}"><c t="str"><v>b</v></c></row>' for n in range(1, size)
    ),
}  # fmt: skip


def workbook(path: Path, rows: str, dimension: str = "A1:XFD1048576") -> None:
    book = openpyxl.Workbook()
    book.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = f'<worksheet xmlns="{main}"><dimension ref="{dimension}"/><sheetData>{rows}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in (parts | {"xl/worksheets/sheet1.xml": sheet.encode()}).items():
            archive.writestr(part, content)


@pytest.mark.parametrize("shape", SHEETS)
def test_a_workbook_takes_work_in_proportion_to_the_size(
    shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = []
    for times in (1, TIMES):
        path = tmp_path / f"{times}.xlsx"
        workbook(path, SHEETS[shape](200 * times))
        works.append(work_of(path, monkeypatch))
    check_linear(*works)


def test_a_row_beyond_all_rows_ends_a_workbook(tmp_path: Path) -> None:
    path = tmp_path / "far.xlsx"
    workbook(path, "".join(f'<row r="{n}"><c t="str"><v>a</v></c></row>' for n in (1, 2, 99_999_999_999)))
    with a_deadline(60):
        row, end = open_source(path, path.name, ReadOptions(header="first")).items
    assert row == (2, {"a": "a"})
    assert isinstance(end, Problem) and end.code == "unread"


def test_an_archive_takes_work_in_proportion_to_its_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    works = []
    for times in (1, TIMES):
        path = tmp_path / f"{times}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for n in range(500 * times):
                archive.writestr(f"{n}.txt", "so")
        works.append(work_of(path, monkeypatch))
    check_linear(*works)


@pytest.mark.parametrize(
    "unit",
    ["a", ".", "a.", "eyJ-", "eyJaaaaaaaaaa.", "-----BEGIN A ", "A ", "sk-", "@a.", "Ã", "hf_", "xox", "a@a-", "a@a.1",
     "-", "_", " ", "\n", "Ã ", "â€", "Â\xa0", "ï¿", "\x80", "gh", "AKIA0", "AIza", "xoxb-", "好"],
)  # fmt: skip
def test_words_of_any_length_are_checked_at_once(unit: str) -> None:
    with a_deadline(60):
        list(text_checks.text_faults("x" + unit * (400_000 // len(unit)) + "x"))


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
    monkeypatch.setattr(secrecy, "_secrets", type(secrecy._secrets)())
    secrecy.keep_secret("hf_Abcdefgh0123456789")
    with a_deadline(10):
        secrecy.masked_log("%68%66" + unit * (150_000 // len(unit)))
