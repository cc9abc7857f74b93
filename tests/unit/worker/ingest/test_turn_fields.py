"""Fields inside turns, from a file to the rows of a version and what is made of it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.jobs.ingest import CleanSource, IntakeRequest
from studio.store.arrow_file import ArrowFileWriter
from studio.store.datasets.row_file import read_rows
from studio.store.datasets.row_lines import row_line
from tests.support.dataset_zoo.making import A, B, lines
from tests.support.in_process_intake import Taken, run_intake, take_in
from tests.support.tool_conversations import WEATHER

ASKED = {"role": "user", "content": "2+2?"}
ANSWERED = {"role": "assistant", "content": "4"}
THINKING = {"messages": [ASKED, {**ANSWERED, "reasoning_content": "two and two"}]}
MASKED = {"messages": [ASKED, {**ANSWERED, "weight": 0}, ASKED, ANSWERED]}


def test_reasoning_and_weights_are_in_the_rows_and_their_hash(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(THINKING, A, MASKED)})
    assert taken.rows == [THINKING, A, MASKED]
    content = b"".join(map(row_line, taken.rows))
    assert json.loads(content.splitlines()[0]) == THINKING
    assert taken.details.sha256 == hashlib.sha256(content).hexdigest()
    again = take_in(tmp_path / "again", {"a.jsonl": content})
    assert (again.rows, again.details.sha256) == (taken.rows, taken.details.sha256)
    assert taken.details.characters == sum(
        len(turn["content"]) + len(turn.get("reasoning_content", "")) for row in taken.rows for turn in row["messages"]
    )


def test_a_thousand_rows_with_such_fields_among_them_keep_them(tmp_path: Path) -> None:
    rows = [THINKING if i == 1003 else MASKED if i == 5 else A for i in range(2100)]
    assert take_in(tmp_path, {"a.jsonl": lines(*rows)}, near_duplicates=False).rows == rows


def test_rows_of_an_older_studio_which_have_neither_are_read(tmp_path: Path) -> None:
    turn = pa.struct([(name, pa.string()) for name in ("role", "content", "tool_calls", "name", "tool_call_id")])
    schema = pa.schema([("messages", pa.list_(turn)), ("tools", pa.string()), ("line", pa.int64())])
    with ArrowFileWriter(tmp_path / "rows.arrow", schema) as file:
        file.write(pa.RecordBatch.from_pylist([{**A, "line": 1}], schema=schema))
    assert read_rows(tmp_path / "rows.arrow", 0, 10) == [A]


def cleaned(folder: Path, taken: Taken, **actions: Any) -> Taken:
    source = CleanSource(
        rows_path=str(taken.folder / "rows.arrow"), problems_path=str(taken.folder / "problems.arrow"),
        rows=len(taken.rows), parent=taken.details, actions=CleanActions(**actions),
    )  # fmt: skip
    return run_intake(folder, IntakeRequest(source=source))


def test_what_cleaning_leaves_keeps_its_fields_and_the_warnings_of_its_weights(tmp_path: Path) -> None:
    weighed = {"messages": [B["messages"][0], {**B["messages"][1], "weight": 0.5}]}
    taken = take_in(tmp_path, {"a.jsonl": lines(A, A, MASKED, THINKING, weighed)})
    made = cleaned(tmp_path / "clean", taken, drop_duplicates="exact")
    assert made.rows == [A, MASKED, THINKING, B]
    assert [(problem.code, problem.line, row) for problem, row in made.problems] == [("weight_in_part", 5, 3)]


# columns, where every object has the fields of all others


def calling(name: str, **arguments: Any) -> dict[str, Any]:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    tool = {"type": "function", "function": {**WEATHER["tools"][0]["function"], "name": name}}
    properties = {key: {"type": "string", **({"enum": ["a"]} if key == "x" else {})} for key in arguments}
    tool["function"]["parameters"] = {"type": "object", "properties": properties}
    return {
        "messages": [ASKED, {"role": "assistant", "content": "", "tool_calls": [call]},
                     {"role": "tool", "content": "4", "name": name}, ANSWERED],
        "tools": [tool],
    }  # fmt: skip


CALLING = [calling("add", x="1", y="2"), calling("calculate", expr="2+2", options={"digits": 3, "sizes": [1, 2]})]


def as_parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(table, buffer)
    return buffer.getvalue()


def as_arrow(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pa.feather.write_feather(table, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(("suffix", "write"), [("parquet", as_parquet), ("arrow", as_arrow)])
def test_arguments_that_other_rows_have_are_not_made_up(tmp_path: Path, suffix: str, write: Any) -> None:
    table = pa.Table.from_pylist(CALLING)
    assert table.to_pylist()[0]["messages"][1]["tool_calls"][0]["function"]["arguments"]["expr"] is None
    assert take_in(tmp_path, {f"a.{suffix}": write(table)}).rows == CALLING


def test_nor_in_what_the_library_datasets_writes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(CALLING).to_parquet(str(tmp_path / "rows.parquet"))
    assert take_in(tmp_path, {"a.parquet": (tmp_path / "rows.parquet").read_bytes()}).rows == CALLING


def test_what_is_null_in_json_is_null(tmp_path: Path) -> None:
    row = calling("add", x=None)
    assert take_in(tmp_path, {"a.jsonl": lines(row)}).rows == [row]


# what is not used

SPOKEN = {
    "messages": [
        {**ASKED, "name": "Ann", "reasoning": "why?", "refusal": None, "annotations": []},
        {**ANSWERED, "name": "Bot", "audio": {"id": 1}, "reasoning": "two and two", "thinking": "other", "weight": 1},
    ],
    "id": 7, "metadata": {"source": "web"}, "empty": "", "nothing": None,
}  # fmt: skip


def test_fields_that_are_not_used_are_counted_by_their_rows_in_columns_and_turns(tmp_path: Path) -> None:
    details = take_in(
        tmp_path, {"a.jsonl": lines(SPOKEN, A, {**A, "id": 0}, SPOKEN, {"messages": [], "lost": 1})}
    ).details
    assert details.unused == {
        "id": 3, "metadata": 2, "messages[].name": 2, "messages[].reasoning": 2, "messages[].audio": 2,
        "messages[].thinking": 2,
    }  # fmt: skip
    assert details.ignored == ["id", "metadata", "empty", "nothing", "lost"]


def test_where_all_is_used_nothing_is_counted(tmp_path: Path) -> None:
    assert take_in(tmp_path, {"a.jsonl": lines(A, THINKING, MASKED, WEATHER)}).details.unused == {}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_the_rows_of_a_column_that_is_not_used_are_counted_however_they_are_read(tmp_path: Path, kind: str) -> None:
    rows = [{**A, "id": i, "note": "x" if i % 2 else "", "tags": ["t"] if i % 4 == 0 else []} for i in range(2100)]
    content = lines(*rows) if kind == "jsonl" else as_parquet(pa.Table.from_pylist(rows))
    details = take_in(tmp_path, {f"a.{kind}": content}, near_duplicates=False).details
    assert details.unused == {"id": 2100, "note": 1050, "tags": 525}


def test_names_that_are_data_are_counted_within_limits(tmp_path: Path) -> None:
    rows = [{**A, "id": i, f"name {i}": 1} for i in range(300)]
    unused = take_in(tmp_path, {"a.jsonl": lines(*rows)}).details.unused
    assert unused["id"] == 300
    assert len(unused) == 200


def test_what_is_not_used_is_still_told_after_cleaning(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(SPOKEN, SPOKEN)})
    made = cleaned(tmp_path / "clean", taken, drop_duplicates="exact")
    assert made.details.unused == taken.details.unused
