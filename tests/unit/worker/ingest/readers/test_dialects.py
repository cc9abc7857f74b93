"""Whatever program wrote the rows, and in whatever dialect of its kind of file: they come back as they went in."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.in_process_intake import take_in

Row = dict[str, Any]
Turn = tuple[str, str]  # whose it is, and the words

ODD = [
    "\n",
    "\r\n",
    "\r",
    "\t",
    '"',
    "'",
    ",",
    ";",
    "|",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "#",
    "\u2028",
    "\u0085",
    "\ufeff",
    "⚓",
    "你",
    "é",
]
WORDS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
    | st.lists(st.sampled_from([*ODD, "a", "B", " ", "1"]), min_size=1, max_size=8).map("".join)
).filter(str.strip)  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn) -> list[Turn]:
    system = [("system", draw(WORDS))] if draw(st.booleans()) else []
    exchanges = draw(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=3))
    return [*system, *(turn for q, a in exchanges for turn in (("user", q), ("assistant", a)))]


def turns_of(conversation: list[Turn]) -> list[Row]:
    return [{"role": role, "content": words} for role, words in conversation]


# how rows are spelled

ROLES = [
    {"system": "system", "user": "user", "assistant": "assistant"},
    {"system": "system", "user": "human", "assistant": "gpt"},
    {"system": "developer", "user": "User", "assistant": "ASSISTANT"},
    {"system": "系统", "user": "用户", "assistant": "助手"},
]
PARTS: list[Callable[[str], Any]] = [
    lambda words: words,
    lambda words: [{"type": "text", "text": words}],
    lambda words: [{"text": words[:1]}, {"text": words[1:]}],
    lambda words: [{"type": "text", "value": words}],
    lambda words: {"content_type": "text", "parts": [words]},
]


@st.composite
def spelled_conversation(draw: st.DrawFn) -> Callable[[list[Turn]], Row]:
    """A way to write conversations as rows."""
    roles, parts = draw(st.sampled_from(ROLES)), draw(st.sampled_from(PARTS))
    column = draw(st.sampled_from(["messages", "conversations", "conversation", "Dialog", "对话"]))
    who, what = draw(
        st.sampled_from(
            [("role", "content"), ("from", "value"), ("speaker", "text"), ("Role", "Content"), ("角色", "内容")]
        )
    )

    def as_turns(conversation: list[Turn]) -> Row:
        return {column: [{who: roles[role], what: parts(words)} for role, words in conversation]}

    def as_gemini(conversation: list[Turn]) -> Row:
        named = {"system": "system", "user": "user", "assistant": "model"}
        return {"contents": [{"role": named[role], "parts": [{"text": words}]} for role, words in conversation]}

    def as_speakers(conversation: list[Turn]) -> Row:
        return {column: [{role: words} for role, words in conversation]}

    def as_types(conversation: list[Turn]) -> Row:
        types = {"system": "system", "user": "human", "assistant": "ai"}
        return {column: [{"type": types[role], "data": {"content": words}} for role, words in conversation]}

    return draw(st.sampled_from([as_turns, as_turns, as_gemini, as_speakers, as_types]))


@st.composite
def spelled_questions(draw: st.DrawFn) -> Callable[[list[Turn]], Row]:
    """A way to write conversations as their last question and its answer."""
    question, answer = draw(
        st.sampled_from(
            [
                ("prompt", "completion"), ("question", "answer"), ("query", "response"), ("instruction", "output"),
                ("Problem", "Solution"), ("inputs", "targets"), ("问题", "回答"), ("指令", "输出"),
            ]
        )
    )  # fmt: skip
    extra = draw(st.sampled_from([{}, {"context": ""}, {"system": None}, {"id": 7}]))
    in_pairs = draw(st.booleans())

    def row(conversation: list[Turn]) -> Row:
        *before, (_, q), (_, a) = conversation
        system = [words for role, words in before if role == "system"]
        words = [words for role, words in before if role != "system"]
        pairs = [[q, a] for q, a in zip(words[::2], words[1::2], strict=True)]
        history: Any = pairs if in_pairs else [{"role": r, "content": w} for r, w in before if r != "system"]
        return {
            question: q, answer: a, **extra, **({"history": history} if history else {}),
            **({"system": system[0]} if system else {}),
        }  # fmt: skip

    return row


@st.composite
def spelled_pairs(draw: st.DrawFn) -> Callable[[list[Turn], str], Row]:
    """A way to write conversations, and a worse answer for each."""
    better, worse = draw(
        st.sampled_from(
            [
                ("chosen", "rejected"),
                ("chosen_messages", "rejected_messages"),
                ("preferred_output", "non_preferred_output"),
            ]
        )
    )
    column = draw(st.sampled_from(["prompt", "input", "messages"]))
    parts = draw(st.sampled_from(PARTS))
    shape = draw(st.sampled_from(["whole", "apart", "turns apart", "beside messages"]))

    def row(conversation: list[Turn], bad: str) -> Row:
        turns = [{"role": role, "content": parts(words)} for role, words in conversation]
        bad_turn = {"role": "assistant", "content": parts(bad)}
        match shape:
            case "whole":
                return {better: turns, worse: [*turns[:-1], bad_turn]}
            case "apart":
                return {column: turns[:-1], better: conversation[-1][1], worse: bad}
            case "turns apart":
                return {column: turns[:-1], better: turns[-1:], worse: [bad_turn]}
        return {"messages": turns, "rejected_response": bad}

    return row


# how rows are written into a file

Written = tuple[str, bytes]


def text_of_json(rows: list[Row], shape: str, dumps: Callable[..., str]) -> tuple[str, str]:
    match shape:
        case "lines":
            return ".jsonl", "\n".join(map(dumps, rows))
        case "lines with blank ones":
            return ".jsonl", "\r\n\r\n".join(map(dumps, rows)) + "\r\n"
        case "array":
            return ".json", dumps(rows)
        case "pretty array":
            return ".json", dumps(rows, indent=2)
        case "lines of an array":
            return ".json", "[\n" + ",\n".join(map(dumps, rows)) + "\n]"
        case "objects after one another":
            return ".json", "\n".join(dumps(row, indent=1) for row in rows)
        case "data":
            return ".json", dumps({"version": "1", "data": rows}, indent=1)
        case "columns":
            return ".json", dumps({column: [row.get(column) for row in rows] for column in columns_of(rows)})
        case "a table of pandas":
            cells = [[row.get(column) for column in columns_of(rows)] for row in rows]
            return ".json", dumps({"columns": columns_of(rows), "index": [*range(len(rows))], "data": cells})
        case "rows by number":
            return ".json", dumps({str(number): row for number, row in enumerate(rows)})
    raise AssertionError(shape)


def columns_of(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


@st.composite
def json_files(draw: st.DrawFn, rows: list[Row]) -> Written:
    ascii_only = draw(st.booleans())
    suffix, text = text_of_json(
        rows,
        draw(
            st.sampled_from(
                [
                    "lines", "lines with blank ones", "array", "pretty array", "lines of an array",
                    "objects after one another", "data", "columns", "a table of pandas", "rows by number",
                ]
            )
        ),
        lambda value, **how: json.dumps(value, ensure_ascii=ascii_only, **how),
    )  # fmt: skip
    return suffix, text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))


@st.composite
def tables(draw: st.DrawFn, rows: list[Row]) -> Written:
    columns = columns_of(rows)
    delimiter = draw(st.sampled_from(",;\t|"))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    buffer = io.StringIO(newline="")
    buffer.write(draw(st.sampled_from(["", f"sep={delimiter}{end}", f"# made by a program{end}", f"Questions{end}"])))
    cells = [[cell_of(row.get(column)) for column in columns] for row in rows]
    # Python leaves carriage returns without quotes where they end no line; others end one there.
    has_returns = any("\r" in str(cell) for row in cells for cell in row)
    quoting = csv.QUOTE_ALL if has_returns or draw(st.booleans()) else csv.QUOTE_MINIMAL
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(columns)
    writer.writerows(cells)
    suffix = ".tsv" if delimiter == "\t" and draw(st.booleans()) else ".csv"
    return suffix, buffer.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))


def cell_of(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


@st.composite
def column_files(draw: st.DrawFn, rows: list[Row]) -> Written:
    columns = columns_of(rows)
    table = pa.table({column: pa.array([row.get(column) for row in rows]) for column in columns})
    kind = draw(st.sampled_from([".parquet", ".arrow", ".feather"]))
    buffer = io.BytesIO()
    match kind:
        case ".parquet":
            pa.parquet.write_table(table, buffer, row_group_size=draw(st.integers(1, 3)))
        case ".feather":
            pa.feather.write_feather(table, buffer)
        case _:
            stream = draw(st.sampled_from([pa.ipc.new_stream, pa.ipc.new_file]))
            with stream(buffer, table.schema) as writer:
                writer.write_table(table, max_chunksize=2)
    return kind, buffer.getvalue()


@st.composite
def packed(draw: st.DrawFn, written: Written) -> Written:
    suffix, content = written
    match draw(st.sampled_from(["", "", ".gz", ".zip"])):
        case ".gz":
            return f"{suffix}.gz", gzip.compress(content)
        case ".zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"rows{suffix}", content)
            return ".zip", buffer.getvalue()
    return written


def written(data: st.DataObject, rows: list[Row]) -> Written:
    return data.draw((json_files(rows) | tables(rows) | column_files(rows)).flatmap(packed), "file")


def read(file: Written) -> list[Row]:
    """The rows of a file in which nothing is wrong, and nothing has to be asked for."""
    suffix, content = file
    with tempfile.TemporaryDirectory() as folder:
        found = take_in(Path(folder), {f"rows{suffix}": content}, near_duplicates=False)
    assert found.details.unclear is None, found.details.unclear
    assert [problem for problem, _ in found.problems if problem.kind.level == "error"] == []
    return found.rows


@settings(max_examples=60)
@given(data=st.data(), rows=st.lists(conversations(), min_size=1, max_size=4))
def test_conversations_come_back_from_a_file_in_any_dialect(data: st.DataObject, rows: list[list[Turn]]) -> None:
    spell = data.draw(spelled_conversation() | spelled_questions(), "spelling")
    assert read(written(data, [spell(row) for row in rows])) == [{"messages": turns_of(row)} for row in rows]


@settings(max_examples=40)
@given(data=st.data(), rows=st.lists(st.tuples(conversations(), WORDS), min_size=1, max_size=4))
def test_preference_pairs_come_back_from_a_file_in_any_dialect(
    data: st.DataObject, rows: list[tuple[list[Turn], str]]
) -> None:
    assume(all(conversation[-1][1] != bad for conversation, bad in rows))
    spell = data.draw(spelled_pairs(), "spelling")
    assert read(written(data, [spell(*row) for row in rows])) == [
        {
            "prompt": turns_of(conversation[:-1]), "chosen": turns_of(conversation[-1:]),
            "rejected": turns_of([("assistant", bad)]),
        }
        for conversation, bad in rows
    ]  # fmt: skip
