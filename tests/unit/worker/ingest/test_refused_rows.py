"""Rows of files that could not be used: what is kept of them, within which limits, and what cleaning does to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.jobs.ingest import CleanSource, IntakeRequest
from studio.store.datasets import refused_file
from studio.store.datasets.problem_file import read_problems, refused_number
from studio.store.datasets.refused_file import RefusedRow, read_refused
from studio.store.job_folder import JobFolder
from studio.worker.ingest import task as intake
from tests.support.dataset_zoo.making import A, dumps, lines, workbook
from tests.support.in_process_intake import Taken, run_intake, take_in

NO_ANSWER = {"messages": [{"role": "user", "content": "Hi"}]}
BAD_ROLE = {"messages": [{"role": "robot", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}


def cleaned(folder: Path, taken: Taken, **actions: Any) -> Taken:
    source = CleanSource(
        rows_path=str(taken.folder / "rows.arrow"), problems_path=str(taken.folder / "problems.arrow"),
        refused_path=str(taken.folder / "refused.arrow"), rows=len(taken.rows), parent=taken.details,
        actions=CleanActions(**actions),
    )  # fmt: skip
    return run_intake(folder, IntakeRequest(source=source))


def test_what_was_read_of_a_row_is_kept_and_of_what_cannot_be_parsed_its_line(tmp_path: Path) -> None:
    half = '{"messages": [{"role": "user", "content": "Half \\ud83d"}, {"role": "assistant", "content": "No"}]}'
    content = lines(A, NO_ANSWER, '{"messages": [', b'{"messages": "\xff"}', half, "7")
    taken = take_in(tmp_path, {"a.jsonl": content}, reading={"encoding": "utf-8"})
    no_answer, broken, wrong_bytes, half_character, number = taken.refused
    assert (no_answer.line, no_answer.file, no_answer.parsed) == (2, 0, True)
    assert json.loads(no_answer.raw or "") == NO_ANSWER
    assert (broken.raw, broken.parsed) == ('{"messages": [', False)
    assert (wrong_bytes.raw, wrong_bytes.parsed) == ('{"messages": "\ufffd"}', False)
    assert json.loads(half_character.raw or "") == json.loads(half)
    assert number == RefusedRow(6, 0, "7", parsed=True)


@pytest.mark.parametrize(
    ("name", "content", "raw"),
    [
        pytest.param(
            "a.csv", b'prompt,completion\nHi,Ho\nWhat, then,No\nOne\n',
            ['{"prompt": "What", "completion": " then", "column 3": "No"}', '{"prompt": "One"}'], id="cells",
        ),
        pytest.param("a.csv", b'prompt,completion\nHi,Ho\n"What,"No"\n', ['"What,"No"'], id="an unmatched mark"),
        pytest.param(
            "a.xlsx", workbook(("Sheet", [("prompt", "completion"), ("Hi", "Ho"), ("a", "b", "c")])),
            ['{"prompt": "a", "completion": "b", "column 3": "c"}'], id="a workbook",
        ),
        pytest.param(
            "a.json", dumps([A, NO_ANSWER, A], indent=1).replace(b'"Hi"', b'"Hi'),
            [json.dumps(NO_ANSWER, indent=1).replace('"Hi"', '"Hi').replace("\n", "\n ")], id="an array",
        ),
        pytest.param("a.json", dumps([A, NO_ANSWER]), [json.dumps(NO_ANSWER)], id="an array in one line"),
        pytest.param("a.json", dumps([A, A]).replace(b'"user"', b'"user', 2), [None, None], id="no end to be seen"),
        pytest.param("a.txt", "Ahoy\nÄhoy\n".encode("cp1252"), ["\ufffdhoy"], id="plain text"),
    ],
)  # fmt: skip
def test_each_kind_of_file_gives_what_it_can(tmp_path: Path, name: str, content: bytes, raw: list[str | None]) -> None:
    request: dict[str, Any] = {"reading": {"encoding": "utf-8"}} if name == "a.txt" else {}
    assert [row.raw for row in take_in(tmp_path, {name: content}, **request).refused] == raw


def test_what_is_kept_is_bounded_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused_file, "MAX_RAW_BYTES", 200)
    monkeypatch.setattr(refused_file, "MAX_TOTAL_BYTES", 300)
    long = {"messages": [{"role": "user", "content": "x" * 200}]}
    short = [{"messages": [{"role": "user", "content": f"{i}" + "x" * 60}]} for i in range(3)]
    taken = take_in(tmp_path, {"a.jsonl": lines(A, long, *short)})
    assert [row.raw and json.loads(row.raw) for row in taken.refused] == [None, *short[:2], None]
    assert (taken.details.bad_rows, taken.details.refused_kept) == (4, 2)


def test_cleaning_carries_them_over_with_their_problems_or_leaves_them_out(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(A, A, BAD_ROLE, NO_ANSWER, '{"'), "b.jsonl": lines(NO_ANSWER, A)})
    assert [file.layout for file in taken.details.files] == [taken.layout] * 2
    carried = cleaned(tmp_path / "carried", taken, drop_duplicates="exact")
    assert len(carried.rows) == 1
    assert carried.refused == taken.refused
    of_rows = {refused_number(row): p.code for p, row in read_problems(carried.folder / "problems.arrow")}
    assert of_rows == {0: "unknown_role", 1: "no_answer", 2: "not_json", 3: "no_answer"}

    skipped = cleaned(tmp_path / "skipped", taken, skip_bad_rows=True)
    assert (skipped.refused, skipped.details.bad_rows, skipped.details.refused_kept) == ([], 0, 0)


def test_a_version_of_an_older_studio_without_them_is_cleaned_as_before(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(A, A, NO_ANSWER)})
    source = CleanSource(
        rows_path=str(taken.folder / "rows.arrow"), problems_path=str(taken.folder / "problems.arrow"),
        rows=2, parent=taken.details.model_copy(update={"refused_kept": 0}),
        actions=CleanActions(drop_duplicates="exact"),
    )  # fmt: skip
    (taken.folder / "refused.arrow").unlink()
    JobFolder(tmp_path / "cleaned").prepare(IntakeRequest(source=source))
    intake.main(tmp_path / "cleaned")
    places = [(problem.line, problem.code, row) for problem, row in read_problems(tmp_path / "cleaned/problems.arrow")]
    assert places == [(3, "no_answer", -1)]


def test_any_part_of_them_can_be_read(tmp_path: Path) -> None:
    rows = [RefusedRow(i + 1, 0, str(i)) for i in range(2500)]
    with refused_file.RefusedFileWriter(tmp_path / "refused.arrow") as file:
        for row in rows:
            file.append(row)
    assert [number for number, _ in read_refused(tmp_path / "refused.arrow", 998, 4)] == [998, 999, 1000, 1001]
    assert list(read_refused(tmp_path / "refused.arrow", 2499)) == [(2499, rows[2499])]
    assert refused_file.count_refused(tmp_path / "refused.arrow") == 2500
    assert list(read_refused(tmp_path / "none.arrow")) == []


def test_a_file_of_bad_rows_only_is_read_as_an_earlier_one_with_the_same_columns(tmp_path: Path) -> None:
    taken = take_in(tmp_path / "1", {"a.jsonl": lines(A, A), "b.jsonl": lines({"messages": [1]}, BAD_ROLE)})
    assert [(row.line, row.file) for row in taken.refused] == [(1, 1), (2, 1)]
    assert taken.details.bad_rows == len(taken.refused)
    other = take_in(tmp_path / "2", {"a.jsonl": lines(A, A), "b.jsonl": lines({"turns": [1]})}).details
    assert other.unclear is not None and other.unclear.columns == ["turns"]
