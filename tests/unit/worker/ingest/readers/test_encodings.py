"""Finding out an encoding: measured on rows in many languages, and asking where it cannot be told."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

import pytest

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.read_questions import UnclearReading
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.encoding import Detection, detect
from studio.worker.ingest.readers.open import OpenSource, open_source
from tests.support.encoding_corpus import LEGACY, Sample, samples
from tests.support.in_process_intake import take_in

SAMPLES = list(samples())
OLD = ("iso8859-2", "mac-roman")


@cache
def detected(sample: Sample) -> Detection:
    return detect(sample.data, complete=True)


@pytest.mark.parametrize("language", LEGACY)
def test_the_text_of_every_language_comes_out_of_all_its_encodings_or_is_asked_for(language: str) -> None:
    wrong = []
    for sample in (sample for sample in SAMPLES if sample.language == language):
        found = detected(sample)
        may_be = (found.encoding, *found.rivals)
        if not any(sample.data.decode(encoding, "replace") == sample.text for encoding in may_be):
            wrong.append((sample.encoding, sample.length, sample.kind, may_be))
    assert wrong == []


def test_questions_are_rare_where_windows_wrote_the_file() -> None:
    usual = [sample for sample in SAMPLES if sample.encoding not in OLD]
    assert sum(bool(detected(sample).rivals) for sample in usual) < 0.03 * len(usual)


def opened(folder: Path, content: bytes, name: str = "a.csv", encoding: str = "") -> OpenSource:
    (folder / name).write_bytes(content)
    return open_source(folder / name, name, ReadOptions(encoding=encoding))


def test_one_short_row_of_gbk_is_read_as_chinese(tmp_path: Path) -> None:
    source = opened(tmp_path, "prompt,completion\n你好,谢谢\n".encode("gbk"))
    assert (source.encoding, source.detected) == ("gb18030", True)
    assert [item[1] for item in source.items if not isinstance(item, Problem)] == [
        {"prompt": "你好", "completion": "谢谢"}
    ]


# One character: 谅 in mainland China, 謝 in Taiwan, 좌 in Korea.
UNCLEAR = b"text,id\n\xc1\xc2,x\n"


def test_where_two_encodings_are_as_likely_it_asks_and_shows_both(tmp_path: Path) -> None:
    with pytest.raises(UnclearReading) as caught:
        opened(tmp_path, UNCLEAR)
    choices = caught.value.question.choices
    assert caught.value.question.option == "encoding"
    assert len(choices) > 1
    for choice in choices:
        assert choice.preview == [b"\xc1\xc2,x".decode(choice.value)]
    assert len({choice.preview[0] for choice in choices}) == len(choices)


def test_the_answer_is_how_the_file_is_read(tmp_path: Path) -> None:
    asked = take_in(tmp_path / "1", {"a.csv": UNCLEAR}).details
    assert asked.unclear is not None and asked.unclear.question is not None
    for choice in asked.unclear.question.choices:
        taken = take_in(tmp_path / choice.value, {"a.csv": UNCLEAR}, reading={"encoding": choice.value})
        assert taken.rows == [{"text": b"\xc1\xc2".decode(choice.value)}]


def test_a_file_that_is_garbled_in_every_encoding_is_asked_about(tmp_path: Path) -> None:
    noise = b"text\n" + b"\n".join(random.Random(each).randbytes(80) for each in range(40))
    with pytest.raises(UnclearReading):
        opened(tmp_path, noise, "a.txt")


@pytest.mark.parametrize("text", ["Ã©tÃ© Ã\xa0 la plage", "l\ufffdt\ufffd", "\ue123\ue456"])
def test_a_file_whose_text_is_garbled_says_so_at_the_top(text: str, tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": f"{i} {text}"}, ensure_ascii=False) + "\n" for i in range(5))
    (note,) = take_in(tmp_path, {"a.jsonl": lines + '{"text": "café"}\n'}).details.notes
    assert note.code == "garbled_file"
    assert "UTF-8" in note.text


def test_a_few_garbled_rows_among_good_ones_are_problems_of_their_own(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.txt": "Ã©tÃ©\n" + "".join(f"été {i}\n" for i in range(5))})
    assert taken.details.notes == []
    assert taken.places == [(1, "mojibake", "text")]


def test_a_wrong_choice_is_followed_and_noted(tmp_path: Path) -> None:
    content = "".join(f"Où êtes-vous ? {i}\n" for i in range(5)).encode()
    taken = take_in(tmp_path, {"a.txt": content}, reading={"encoding": "cp1252"})
    assert [note.code for note in taken.details.notes] == ["garbled_file"]
    assert "Windows-1252" in taken.details.notes[0].text


@pytest.mark.parametrize("name", ["rot13", "base64", "idna", "punycode", "unicode_escape", "undefined", "klingon"])
def test_what_no_file_is_written_in_is_no_encoding(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no encoding"):
        opened(tmp_path, b"text\nword\n", encoding=name)


def test_line_feeds_of_other_bytes_end_lines_too(tmp_path: Path) -> None:
    source = opened(tmp_path, "text,label\nword,x\n".encode("cp500"), encoding="cp500")
    assert list(source.items) == [(2, {"text": "word", "label": "x"})]
