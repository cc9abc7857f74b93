"""Whatever a file holds: nothing crashes the reader, and no good row is lost in silence."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from studio.domain.datasets.file_format import SUFFIXES, ReadOptions
from studio.domain.datasets.formats import PARTS, Format, Layout
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.rows import read_row
from studio.domain.datasets.turns.reader import ROLE_OF
from studio.domain.errors import InvalidInput
from studio.store.datasets.row_file import SCHEMAS, RowFileWriter, read_rows
from studio.worker.ingest.readers import json_document
from studio.worker.ingest.readers.columnar import values_of
from studio.worker.ingest.readers.compressed import packing_of
from studio.worker.ingest.readers.json_lines import read_line
from studio.worker.ingest.readers.open import Item, open_source
from tests.support.dataset_zoo.kinds import KINDS
from tests.support.in_process_intake import Taken, check_words, take_in

WHOLE = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(WHOLE, max_size=12)
WORDS = TEXTS.filter(str.strip)
ANY_TEXT = st.text(max_size=8)  # halves of characters among them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
# Bytes that mean something to one of the readers, so that examples come further than to the first fault.
PIECES = [
    b"{", b"}", b"[", b"]", b":", b",", b'"', b"'", b";", b"\t", b"\\", b"\n", b"\r\n", b" ", b"\0", b"1", b"null",
    b'"text"', b"text", b'{"text": "a"}', b'{"messages": [', b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe4\xbd\xa0",
    b"\xe9", b"PAR1", b"ARROW1", b"PK\x03\x04", b"\x1f\x8b",
]  # fmt: skip
CONTENTS = st.binary(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


def taken(files: dict[str, bytes], **request: Any) -> Taken | None:
    """None where nothing can be read; that it adds up was looked at then."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return take_in(Path(folder), files, near_duplicates=False, **request)
        except InvalidInput as error:
            assert error.problem and error.remedy
            return None


def items_of(name: str, content: bytes) -> list[Item] | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return list(open_source(path, name, ReadOptions()).items)
        except InvalidInput:
            return None


# any bytes


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".jsonl.gz", ".zip"])
@settings(max_examples=15)
@given(content=CONTENTS)
def test_no_bytes_crash_the_intake(suffix: str, content: bytes) -> None:
    taken({f"a{suffix}": content})


@settings(max_examples=100)
@given(
    case=st.sampled_from([case for case in KINDS if len(case.content) < 20_000]),
    changes=st.lists(
        st.tuples(st.floats(0, 1), st.sampled_from(PIECES) | st.binary(max_size=3)), min_size=1, max_size=3
    ),
    keep=st.floats(0.5, 1.5),
)
def test_no_damage_to_a_good_file_crashes_the_intake(
    case: Any, changes: list[tuple[float, bytes]], keep: float
) -> None:
    content = case.content.encode() if isinstance(case.content, str) else case.content
    for share, piece in changes:
        place = int(share * len(content))
        content = content[:place] + piece + content[place + len(piece) :]
    taken({case.file: content[: int(keep * len(content))]}, **case.request)


@given(
    content=CONTENTS, encoding=st.sampled_from(["utf-8", "utf-16", "utf-7", "latin-1", "idna", "rot13", "hex", "x\0"])
)
@settings(max_examples=30)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".txt"])
def test_no_chosen_encoding_crashes_the_intake(suffix: str, content: bytes, encoding: str) -> None:
    taken({f"a{suffix}": content}, reading={"encoding": encoding})


# rows between garbage


def is_object(line: bytes) -> bool:
    """Or nothing but a remark."""
    try:
        items = read_line(1, line.decode().strip(), Notes())
    except UnicodeDecodeError:
        return False
    return not items or any(not isinstance(item, Problem) and isinstance(item[1], dict) for item in items)


GARBAGE = CONTENTS.map(lambda data: data.replace(b"\n", b"")).filter(lambda line: not is_object(line))


@given(lines=st.lists(st.tuples(st.booleans(), WORDS, GARBAGE), min_size=1, max_size=12))
def test_every_good_line_between_garbage_comes_out_with_its_number(lines: list[tuple[bool, str, bytes]]) -> None:
    assume(any(good for good, _, _ in lines))
    good = {number: words for number, (is_good, words, _) in enumerate(lines, 1) if is_good}
    content = b"\n".join(
        json.dumps({"text": words}, ensure_ascii=number % 2 == 0).encode() if is_good else garbage
        for number, (is_good, words, garbage) in enumerate(lines, 1)
    )
    assume(not content.lstrip().startswith(b"["))  # then it is one JSON array, whatever the file is called
    found = taken({"a.jsonl": content}, reading={"encoding": "utf-8"})
    assert found is not None
    assert [line for line, _ in found.lines] == list(good)
    assert [row["text"] for row in found.rows] == list(good.values())
    wrong = {problem.line for problem, _ in found.problems if problem.kind.level == "error"}
    assert wrong == {
        number for number, (is_good, _, line) in enumerate(lines, 1) if not is_good and is_written(number, line)
    }


def is_written(number: int, line: bytes) -> bool:
    """Not blank; a mark at the very beginning is none of the file's characters."""
    return bool((line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip())


PLAIN = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
CONTENT_PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "thinking", "tool_use", "tool_result"]) | JSON},
    optional=dict.fromkeys(("text", "thinking", "content", "name", "input", "id", "tool_use_id"), TEXTS | JSON),
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from([*ROLE_OF, "pirate"]),
            "content": TEXTS
            | st.sampled_from(["\x1c", "\u3000", "\x85", ""])
            | st.lists(CONTENT_PARTS | JSON, max_size=3),
        },
        optional={
            "name": TEXTS,
            "weight": st.integers(-(2**53), 2**53) | st.sampled_from([0, 1, "0", "x", 0.5]),
            "reasoning": TEXTS | JSON,
        },
    ),
    max_size=4,
)


@settings(max_examples=20)
@given(
    kind=st.sampled_from(["messages", "pair", "text"]),
    odd=st.dictionaries(st.integers(0, 1100), TURNS | JSON, max_size=3),
    blank=st.sampled_from(["a", " ", "\x1c", "\u200b", "\u3000", "\x85", "\u2028", ""]),
)
def test_a_thousand_rows_at_once_are_read_as_each_by_itself(kind: str, odd: dict[int, Any], blank: str) -> None:
    rows: list[Any] = []
    for i in range(1101):
        words = blank if i == 7 else f"word {i}"
        match kind:
            case "messages":
                rows.append(
                    {
                        "messages": odd.get(
                            i,
                            PLAIN["messages"] if i % 3 else [{"role": "user", "content": words}, PLAIN["messages"][1]],
                        )
                    }
                )
            case "pair":
                rows.append({"prompt": words, "completion": odd.get(i, "a")})
            case _:
                rows.append({"text": odd.get(i, words)})
    layout = {
        "messages": Layout(Format.CHAT, {"messages": "messages"}),
        "pair": Layout(Format.PROMPT_COMPLETION, {"prompt": "prompt", "completion": "completion"}),
        "text": Layout(Format.TEXT, {"text": "text"}),
    }[kind]
    found = taken({"a.jsonl": b"\n".join(json.dumps(row).encode() for row in rows)}, layout=layout.as_dict())
    assert found is not None
    alone = [read_row(layout, row, line) for line, row in enumerate(rows, 1)]
    assert found.rows == [row for row, _ in alone if row is not None]
    assert [line for line, _ in found.lines] == [line for line, (row, _) in enumerate(alone, 1) if row is not None]
    errors = [problem for problem, _ in found.problems if problem.kind.level == "error"]
    assert errors == [problem for row, problems in alone for problem in problems if row is None]


# tables and archives


# Of some the second byte is a bar or a backslash in ASCII.
LETTERS = {
    "utf-8": "你é⚓", "utf-16": "你é⚓", "gb18030": "你é⚓誠", "big5": "你許功蓋", "shift_jis": "こソ表",
    "euc-kr": "안녕", "cp1252": "é€ß", "cp1251": "Жя№",
}  # fmt: skip


@pytest.mark.parametrize("encoding", LETTERS)
@settings(max_examples=20)
@given(data=st.data(), delimiter=st.sampled_from(",;\t|"))
def test_a_table_comes_back_as_it_was_written(encoding: str, data: Any, delimiter: str) -> None:
    cells = st.text(st.sampled_from(LETTERS[encoding] + " ,;\t|\"'\\\r\nab"), max_size=8).filter(str.strip)
    rows = data.draw(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows([("prompt", "completion"), *rows])
    content = buffer.getvalue().encode(encoding)
    found = taken({"a.csv": content}, reading={"encoding": encoding, "delimiter": delimiter})
    assert found is not None
    assert [tuple(turn["content"] for turn in row["messages"]) for row in found.rows] == rows


@given(suffix=st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt"]), content=CONTENTS)
@example(suffix=".jsonl", content=b"\xfd7zXZ")
def test_a_packed_file_gives_what_the_file_gives(suffix: str, content: bytes) -> None:
    assume(not packing_of(content))  # what is packed twice is unpacked once
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"a{suffix}", content)
    plain = items_of(f"a{suffix}", content)
    assert items_of(f"a{suffix}.gz", gzip.compress(content)) == plain
    assert items_of(f"a{suffix}.zip", buffer.getvalue()) == plain


# JSON documents


ROWS = [{"text": f'Row {i}, “{chr(0x4E00 + i)}” {{[\\"\n' + "x" * (i % 50)} for i in range(3000)]


@pytest.mark.parametrize("indent", [None, 0, 1, 4, "\t"])
def test_an_array_over_many_windows_gives_its_rows(indent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "_CHUNK_BYTES", 1000)
    text = json.dumps(ROWS, ensure_ascii=False, indent=indent)
    items = items_of("a.json", text.encode())
    assert items is not None
    assert [item for item in items if isinstance(item, Problem)] == []
    assert [row for _, row in items] == ROWS  # type: ignore[misc]
    step, first = (0, 1) if indent is None else (3, 2)
    assert [line for line, _ in items] == [first + step * i for i in range(len(ROWS))]  # type: ignore[misc]


@given(
    rows=st.lists(st.dictionaries(TEXTS, JSON, max_size=3), min_size=1, max_size=6),
    indent=st.sampled_from([None, 1, 2]),
    piece=st.integers(4, 60),
)
def test_an_array_gives_its_rows_however_the_windows_fall(rows: list[Any], indent: int | None, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_document, "_CHUNK_BYTES", piece)
        items = items_of("a.json", json.dumps(rows, indent=indent).encode())
    assert items is not None
    assert [item[1] for item in items if not isinstance(item, Problem)] == rows
    assert len(items) == len(rows)


@given(
    count=st.integers(1, 8),
    broken=st.integers(0, 7),
    cut=st.sampled_from(['"messages"', '"role"', ': "user"', '"assistant"', "},", "[", '"content": "Question']),
    instead=st.sampled_from(["", '"', "\\", "}", "]", "x", "{,"]),
    piece=st.integers(8, 200),
    indent=st.integers(1, 4),
)
@example(count=3, broken=1, cut="},", instead="", piece=20, indent=2)
def test_one_broken_row_of_a_pretty_array_costs_no_other(
    count: int, broken: int, cut: str, instead: str, piece: int, indent: int
) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"Question {i}"}, {"role": "assistant", "content": f"Answer {i}"}]}
        for i in range(count)
    ]
    parts = [json.dumps([row], indent=indent)[2:-2] for row in rows]
    broken %= count
    damaged = parts[broken].replace(cut, instead, 1)
    assume(not is_object(damaged.encode()))
    parts[broken] = damaged
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_document, "_CHUNK_BYTES", piece)
        items = items_of("a.json", ("[\n" + ",\n".join(parts) + "\n]").encode())
    assert items is not None
    found = [item[1] for item in items if not isinstance(item, Problem)]
    assert [row for row in found if row in rows] == [row for i, row in enumerate(rows) if i != broken]
    assert any(isinstance(item, Problem) for item in items)


# columns


def values_for(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_list(kind):
        inner: st.SearchStrategy[Any] = st.lists(values_for(kind.value_type), max_size=3)
    elif pa.types.is_struct(kind):
        inner = st.fixed_dictionaries({field.name: values_for(field.type) for field in kind})
    else:
        inner = (
            st.booleans() if pa.types.is_boolean(kind) else st.integers(-9, 9) if pa.types.is_integer(kind) else TEXTS
        )
    return st.none() | inner | inner | inner


TYPES = st.recursive(
    st.sampled_from([pa.string(), pa.int64(), pa.bool_()]),
    lambda inner: (
        inner.map(pa.list_)
        | st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: pa.struct([(f"f{i}", k) for i, k in enumerate(kinds)])
        )
    ),
    max_leaves=5,
)


@given(data=st.data(), kind=TYPES, start=st.integers(0, 3), length=st.integers(0, 8))
def test_the_values_of_a_nested_array_are_those_that_arrow_gives(data: Any, kind: Any, start: int, length: int) -> None:
    array = pa.array(data.draw(st.lists(values_for(kind), max_size=8)), kind)
    assert values_of(array) == array.to_pylist()
    assert values_of(array.slice(start, length)) == array.slice(start, length).to_pylist()


PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=4,
)
CALLS = st.fixed_dictionaries(
    {"type": st.just("function"),
     "function": st.fixed_dictionaries({"name": WORDS, "arguments": st.dictionaries(TEXTS, PLAIN_JSON, max_size=2)})},
    optional={"id": TEXTS},
)  # fmt: skip
TURN_LISTS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXTS},
        optional={"tool_calls": st.lists(CALLS, min_size=1, max_size=2), "name": TEXTS, "tool_call_id": TEXTS},
    ),
    max_size=3,
)  # fmt: skip
TOOLS = {"tools": st.lists(st.dictionaries(TEXTS, PLAIN_JSON, max_size=2), min_size=1, max_size=2)}
ROWS_OF = {
    "chat": st.fixed_dictionaries({"messages": TURN_LISTS}, optional={"label": WORDS, **TOOLS}),
    "text": st.fixed_dictionaries({"text": TEXTS}, optional={"label": WORDS}),
    "preference": st.fixed_dictionaries(dict.fromkeys(("prompt", "chosen", "rejected"), TURN_LISTS), optional=TOOLS),
    "unpaired": st.fixed_dictionaries(
        {"prompt": TURN_LISTS, "completion": TURN_LISTS, "label": st.booleans()}, optional=TOOLS
    ),
}


@settings(max_examples=25)
@pytest.mark.parametrize("kind", SCHEMAS)
@given(data=st.data())
def test_rows_on_the_disk_come_back_equal(kind: str, data: Any) -> None:
    rows = data.draw(st.lists(ROWS_OF[kind], min_size=1, max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.arrow"
        with RowFileWriter(path, kind) as writer:
            writer.write(rows, list(range(len(rows))), [0] * len(rows))
        assert read_rows(path, 0, 10) == rows
        assert [row for i in range(len(rows)) for row in read_rows(path, i, 1)] == rows


# rows of any form

SPELLED_TURNS = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "from", "content", "value", "tool_calls", "function_call", "name"]),
        JSON | st.sampled_from(sorted(ROLE_OF)) | st.lists(JSON, max_size=2) | CALLS.map(json.dumps),
        max_size=4,
    ),
    max_size=3,
)
PARTS_OF_ROWS = (
    JSON | SPELLED_TURNS | SPELLED_TURNS.map(json.dumps) | WORDS | st.sampled_from(["[", "[[1, 2]]", "true"])
)


@pytest.mark.parametrize("format", Format)
@settings(max_examples=40)
@given(data=st.data())
def test_any_value_is_a_row_or_has_problems(format: Format, data: Any) -> None:
    parts = PARTS[format].all
    columns = data.draw(st.fixed_dictionaries({}, optional={part: st.just(part) for part in parts}))
    needed = [*PARTS[format].needed, *(PARTS[format].either[-1] if PARTS[format].either else ())]
    layout = Layout(format, {**columns, **{part: part for part in needed}})
    row = data.draw(JSON | st.dictionaries(st.sampled_from(parts), PARTS_OF_ROWS, max_size=len(parts)))
    made, problems = read_row(layout, row, 3, 1)
    assert (made is None) == bool(problems)
    assert all((problem.line, problem.file, problem.kind.level) == (3, 1, "error") for problem in problems)
    check_words(problems)
    if made is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.arrow"
            with RowFileWriter(path, format.kind) as writer:
                writer.write([made], [3], [1])
            assert read_rows(path, 0, 1) == [made]
