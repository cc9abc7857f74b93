"""Files at the edges of what can be read: damaged bytes, rows without an end, encodings that are hard to tell."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers import (
    compressed,
    encoding,
    json_document,
    json_stream,
    plain_text,
    watched_archive,
)
from studio.worker.ingest.readers import (
    csv as csv_reader,
)
from studio.worker.ingest.readers.encoding import text_lines
from studio.worker.ingest.readers.open import Item, OpenSource, open_source
from tests.support.in_process_intake import take_in

CHAT = [{"role": "user", "content": "Where to, Käpt'n?"}, {"role": "assistant", "content": "去海边。"}]


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., OpenSource]:
    def open_bytes(name: str, content: bytes, **reading: str) -> OpenSource:
        path = tmp_path / name
        path.write_bytes(content)
        return open_source(path, name, ReadOptions(**reading))

    return open_bytes


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Characters that a row may have: few, so that the tests need no large files."""
    for module in (compressed, encoding, json_stream, json_document, csv_reader, plain_text):
        monkeypatch.setattr(module, "MAX_ROW_BYTES", 200)
    monkeypatch.setattr(json_document, "_CHUNK_BYTES", 50)
    return 200


def rows_of(items: list[Item]) -> list[Any]:
    return [item[1] for item in items if not isinstance(item, Problem)]


def places(items: list[Item]) -> list[tuple[int, str]]:
    return [(item.line, item.code) for item in items if isinstance(item, Problem)]


def arrow_file(table: pa.Table, new: Any = pa.ipc.new_file) -> bytes:
    buffer = io.BytesIO()
    with new(buffer, table.schema) as file:
        file.write_table(table)
    return buffer.getvalue()


# damaged tables

READ_DAMAGED = """
import random, sys, tempfile
from pathlib import Path
from studio.domain.errors import InvalidInput
from studio.domain.datasets.file_format import ReadOptions
from studio.worker.ingest.readers.open import open_source
path = Path(sys.argv[1])
whole, draw = path.read_bytes(), random.Random(7)
for _ in range(400):
    damaged = bytearray(whole)
    for _ in range(draw.randint(1, 3)):
        damaged[draw.randrange(len(damaged))] = draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])
    path.write_bytes(damaged)
    try:
        list(open_source(path, path.name, ReadOptions()).items)
    except InvalidInput:
        pass
print("whole", end="")
"""


@pytest.mark.parametrize("kind", ["file", "stream", "parquet"])
def test_no_damage_to_a_table_ends_the_process(kind: str, tmp_path: Path) -> None:
    table = pa.table(
        {
            "messages": [CHAT] * 6,
            "topic": pa.array(["sea", "land"] * 3).dictionary_encode(),
            "rank": [1, None] * 3,
            "note": pa.array(["a note that is kept apart"] * 6, pa.string() if kind == "parquet" else pa.string_view()),
        }
    )  # fmt: skip
    path = tmp_path / ("a.parquet" if kind == "parquet" else "a.arrow")
    if kind == "parquet":
        pa.parquet.write_table(table, path, compression="none")
    else:
        path.write_bytes(arrow_file(table, pa.ipc.new_file if kind == "file" else pa.ipc.new_stream))
    done = subprocess.run(
        [sys.executable, "-c", READ_DAMAGED, str(path)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[5],
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "whole"), done.stderr[-2000:]


def test_what_is_before_a_damaged_batch_is_kept(opened: Callable[..., OpenSource]) -> None:
    rows = [{"text": f"row {i} has its words"} for i in range(20)]
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, pa.schema([("text", pa.string())])) as file:
        for start in range(0, 20, 10):
            file.write_table(pa.Table.from_pylist(rows[start : start + 10]))
    content = bytearray(buffer.getvalue())
    second = content.rindex(b"row 10 has") - 48  # where its offsets stand: 11 numbers of 4 bytes, in blocks of 8
    content[second + 8 : second + 12] = (2**30).to_bytes(4, "little")
    items = list(opened("a.arrow", bytes(content)).items)
    assert rows_of(items) == rows[:10]
    assert places(items) == [(11, "truncated")]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("nested", [False, True])
def test_a_row_of_a_table_whose_text_is_no_utf8_costs_no_other(
    kind: pa.DataType, nested: bool, opened: Callable[..., OpenSource]
) -> None:
    texts = pa.array([b"one", b"tw\xff", b"three"], pa.large_binary() if kind == pa.large_string() else pa.binary())
    column = texts.view(kind)
    if nested:
        turns = pa.StructArray.from_arrays([column], ["content"])
        column = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), turns)
    items = list(opened("a.arrow", arrow_file(pa.table({"x": column}))).items)
    assert rows_of(items) == [{"x": [{"content": t}] if nested else t} for t in ("one", "three")]
    assert items[1] == Problem(2, "", "bad_encoding", {"byte": "0xFF", "position": 3, "encoding": "UTF-8"})


@pytest.mark.parametrize(
    "column",
    [
        pa.array([5, None], pa.timestamp("s", tz="Nowhere/Land")),
        pa.array([2**62, None], pa.timestamp("us")),
        pa.array([2**62, None], pa.duration("s")),
        pa.StructArray.from_arrays([pa.array([1, 1]), pa.array([2, 2])], ["x", "x"], mask=pa.array([False, True])),
        pa.ListArray.from_arrays(
            pa.array([0, 1, 1], pa.int32()), pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["x", "x"])
        ),
    ],
    ids=["a zone that is nowhere", "a time past all years", "a span past all days", "a name twice", "twice in a list"],
)
def test_a_value_that_cannot_be_told_is_a_problem_of_its_row(column: Any, opened: Callable[..., OpenSource]) -> None:
    items = list(opened("a.arrow", arrow_file(pa.table({"x": column, "text": ["a", "b"]}))).items)
    assert places(items)[0] == (1, "json_too_deep")
    assert len(items) == 2


def test_objects_without_fields_are_not_lost(opened: Callable[..., OpenSource]) -> None:
    table = pa.table({"x": pa.array([[{}], [{}, {}]], pa.list_(pa.struct([])))})
    assert rows_of(list(opened("a.arrow", arrow_file(table)).items)) == [{"x": [{}]}, {"x": [{}, {}]}]


# rows without an end


@pytest.mark.parametrize(
    ("name", "content", "kept", "problems"),
    [
        ("a.jsonl", b'{"a": 1}\n{"a": "%b"}\n{"a": 3}', [{"a": 1}, {"a": 3}], [(2, "json_too_deep")]),
        ("a.jsonl.gz", b'{"a": 1}\n{"a": "%b', [{"a": 1}], [(2, "json_too_deep")]),
        ("a.csv", b"a,b\n1,2\n3,%b\n5,6\n", [{"a": "1", "b": "2"}, {"a": "5", "b": "6"}], [(3, "not_csv")]),
        ("a.txt", b"one\n%b\nthree", [{"text": "one"}], [(2, "unread")]),
        ("a.txt", b"one\n\ntwo\n%b", [{"text": "one"}, {"text": "two"}], [(4, "unread")]),
        ("a.json", b'[{"a": 1},\n{"a": "%b"},\n{"a": 3}]', [{"a": 1}, {"a": 3}], [(2, "not_json")]),
        ("a.json", b'[{"a": "%b', [], [(1, "not_json"), (1, "unread")]),
        ("a.json", b'{"a": "%b', [], [(1, "not_json"), (1, "unread")]),
    ],
)
def test_a_row_that_would_fill_the_memory_is_a_problem(
    name: str, content: bytes, kept: list[Any], problems: list[Any], opened: Callable[..., OpenSource], short: int
) -> None:
    content %= b"x" * 3 * short
    items = list(opened(name, gzip.compress(content) if name.endswith(".gz") else content).items)
    assert rows_of(items) == kept
    assert places(items) == problems


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_a_line_is_as_long_as_it_may_be(coding: str, opened: Callable[..., OpenSource], short: int) -> None:
    lines = ["x" * (length - 1) for length in (short - 1, short, short + 1, 2 * short, 2 * short + 1)]
    items = list(opened("a.txt", "\n".join([*lines[:2], "end"]).encode(coding)).items)
    assert rows_of(items) == [{"text": text} for text in (*lines[:2], "end")]
    for line in lines[2:]:
        items = list(opened("a.csv", f"a,b\n1,2\n{line}\n3,4\n".encode(coding)).items)
        assert rows_of(items) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
        assert places(items) == [(3, "not_csv")]


def test_a_quotation_mark_without_its_partner_keeps_little_in_memory(
    opened: Callable[..., OpenSource], short: int
) -> None:
    lines = [f"{i},{'x' * 50}" for i in range(20)]
    items = list(opened("a.csv", "\n".join(["a,b", '7,"open', *lines]).encode()).items)
    assert [row["a"] for row in rows_of(items)] == [str(i) for i in range(20)]
    assert places(items) == [(2, "not_csv")]


def test_a_paragraph_without_an_end_is_said_to_be_unread(opened: Callable[..., OpenSource], short: int) -> None:
    items = list(opened("a.txt", b"one\n\n" + b"more\n" * short).items)
    assert rows_of(items) == [{"text": "one"}]
    assert places(items) == [(3, "unread")]


# large objects


def test_a_large_object_is_read_piece_by_piece(opened: Callable[..., OpenSource], short: int) -> None:
    rows = [{"text": f"{i} [{{"} for i in range(100)]
    content = json.dumps({"version": 1, "about": {"list": [1]}, "tags": ["a", 2], "data": rows, "end": None}, indent=1)
    source = opened("a.json", content.encode())
    assert list(source.items) == list(enumerate(rows, 1))
    assert source.unit == "row"


def test_a_large_object_must_have_one_list_of_rows(opened: Callable[..., OpenSource], short: int) -> None:
    rows = [{"text": f"row {i}"} for i in range(30)]
    for value, fault in [
        ({"train": rows, "test": rows}, "2 lists that may be its rows"),
        ({"messages": [{"role": "user", "content": "a"}] * 30}, "one large object"),
    ]:
        with pytest.raises(InvalidInput, match=fault):
            opened("a.json", json.dumps(value).encode())


@pytest.mark.parametrize(
    ("end", "problems"),
    [
        ("", [(61, "not_json")]),
        ("]", [(61, "not_json")]),
        ('], "end": }', [(61, "not_json")]),
        ('], "end" 1}', [(61, "not_json")]),
        ("], }", [(61, "not_json")]),
        ("]}\n{}", [(62, "not_json")]),
        (", {]}", [(61, "not_json"), (61, "unread")]),
    ],
)
def test_the_rows_of_a_large_object_that_is_broken_are_kept(
    end: str, problems: list[Any], opened: Callable[..., OpenSource], short: int
) -> None:
    rows = [{"text": f"row {i}"} for i in range(59)]
    content = '{"data": [\n' + ",\n".join(map(json.dumps, rows)) + "\n" + end
    source = opened("a.json", content.encode())
    items = list(source.items)
    assert rows_of(items) == rows
    assert source.unit == "line"
    assert places(items) == problems


# rows that are nested deep


@pytest.mark.parametrize("column", ["ignored", "tools"])
@pytest.mark.parametrize("name", ["a.jsonl", "lines.json", "array.json", "object.json", "gb18030.jsonl"])
@pytest.mark.parametrize("levels", [250, 320, 900, 1010, 50_000])
def test_a_row_of_many_levels_ends_no_worker(column: str, name: str, levels: int, tmp_path: Path) -> None:
    good = json.dumps({"messages": CHAT}, ensure_ascii=False)
    deep = '{"a":' * levels + "[]" + "}" * levels
    row = f'{good[:-1]}, "{column}": {deep}}}'
    content = {"array.json": f"[{good},\n{row}]", "object.json": f'{{"rows": [{good},\n{row}]}}'}.get(
        name, f"{good}\n{row}"
    )
    taken = take_in(tmp_path, {name: content.encode("gb18030" if name.startswith("gb") else "utf-8")})
    errors = [problem.code for problem, _ in taken.problems if problem.kind.level == "error"]
    if levels == 250:
        assert "json_too_deep" not in errors
    else:
        assert errors[0] == "json_too_deep"


# encodings

CHINESE = ["今天天气怎么样", "一个问题，一个回答", "去海边。"]


@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt"])
def test_wide_chinese_without_a_mark_is_told_by_its_words(
    name: str, coding: str, opened: Callable[..., OpenSource]
) -> None:
    text = {
        "a.jsonl": "".join(json.dumps({"text": words * 9}, ensure_ascii=False) + "\n" for words in CHINESE),
        "a.csv": "text,label\n" + "".join(f"{words * 9},好\n" for words in CHINESE),
        "a.txt": "".join(f"{words * 9}\n" for words in CHINESE),
    }[name]
    source = opened(name, text.encode(coding))
    assert (source.encoding, source.detected) == (coding, True)
    assert [row["text"] for row in rows_of(list(source.items))] == [words * 9 for words in CHINESE]


@pytest.mark.parametrize("coding", ["cp1252", "gb18030", "cp1251", "shift_jis"])
def test_zeros_do_not_make_other_text_wide(coding: str, opened: Callable[..., OpenSource]) -> None:
    words = {"cp1252": "Café à la crème, s'il vous plaît", "cp1251": "Хорошая погода"}.get(coding, "天気天気、天気。")
    text = "".join(f"text of {i}: {words}\0\n" for i in range(200))
    assert not opened("a.txt", text.encode(coding)).encoding.startswith("utf-16")


def test_a_broken_line_of_utf16_is_a_problem_of_its_own(opened: Callable[..., OpenSource]) -> None:
    lines = [f'{{"text": "{words}"}}\n'.encode("utf-16-le") for words in CHINESE]
    lines[1] = lines[1].replace("问".encode("utf-16-le"), b"\x00\xd8")
    items = list(opened("a.jsonl", b"\xff\xfe" + b"".join(lines)).items)
    assert rows_of(items) == [{"text": CHINESE[0]}, {"text": CHINESE[2]}]
    assert items[1] == Problem(2, "", "bad_encoding", {"byte": "0x00", "position": 13, "encoding": "UTF-16"})


@pytest.mark.parametrize(
    ("coding", "bad", "name"),
    [
        ("cp1252", b"\x81", "Windows-1252"), ("cp1251", b"\x98", "Windows-1251"), ("cp1253", b"\xff", "Windows-1253"),
        ("ascii", b"\xe9", "ASCII"), ("shift_jis", b"\xff\xff", "Shift JIS"), ("gb18030", b"\xff\xff", "GB18030"),
        ("iso8859-7", b"\xff", "ISO-8859-7"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_decoded_names_the_encoding_and_not_the_codecs_table(
    coding: str, bad: bytes, name: str
) -> None:
    (problem,) = text_lines(io.BytesIO(b"a " + bad + b"\n"), coding, "not_csv")
    assert isinstance(problem, Problem)
    assert problem.values["encoding"] == name


def test_an_encoding_that_shows_late_is_found(opened: Callable[..., OpenSource]) -> None:
    plain, late = b"plain words,x\n" * 200_000, "café au lait,y\n".encode("cp1252") * 5000
    source = opened("a.csv", b"text,label\n" + plain + late)
    assert (source.encoding, source.detected) == ("cp1252", True)
    items = list(source.items)
    assert len(items) == 205_000
    assert items[-1] == (205_001, {"text": "café au lait", "label": "y"})


# tables


def as_csv(table: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    return text.getvalue().encode()


def as_xlsx(table: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    for cells in table:
        book.worksheets[0].append([cell or None for cell in cells])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "content"), [("a.csv", as_csv), ("a.xlsx", as_xlsx)])
def test_columns_without_a_name_are_called_by_their_place(
    name: str, content: Callable[[list[list[str]]], bytes], opened: Callable[..., OpenSource]
) -> None:
    header = ["", "prompt", "", "completion"]
    rows = [["7", "Who?", "x", "I."], ["8", "Where?", "", "Here."]]
    named = ["column 1", "prompt", "column 3", "completion"]
    items = list(opened(name, content([header, *rows])).items)
    assert rows_of(items) == [dict(zip(named, row, strict=True)) for row in rows]


def test_empty_columns_at_the_end_of_a_table_do_no_harm(opened: Callable[..., OpenSource]) -> None:
    assert rows_of(list(opened("a.csv", b"prompt,completion,,\na,b,,\n").items)) == [
        {"prompt": "a", "completion": "b", "column 3": "", "column 4": ""}
    ]


def test_a_workbook_that_would_fill_the_memory_is_refused(
    opened: Callable[..., OpenSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO(as_xlsx([["text"], ["x" * 30_000]]))
    monkeypatch.setattr(watched_archive, "_MAX_PART_BYTES", 20_000)
    assert rows_of(list(opened("a.xlsx", buffer.getvalue()).items)) == [{"text": "x" * 30_000}]
    monkeypatch.setattr(watched_archive, "_MAX_PART_BYTES", 100)
    with pytest.raises(InvalidInput, match="too large"):
        opened("a.xlsx", buffer.getvalue())
