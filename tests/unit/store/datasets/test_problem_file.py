"""Lists of problems of every length: around the size of a batch, far beyond it, and longer than is sorted."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.jobs.ingest import CleanSource, IntakeRequest
from studio.services.datasets import browse, export
from studio.services.datasets.check import check
from studio.store.arrow_file import ArrowFileWriter, DamagedFile
from studio.store.datasets.problem_file import SCHEMA, ProblemFileWriter, count_problems, read_problems, rows_with
from studio.store.datasets.refused_file import RefusedRow
from studio.store.datasets.row_file import RowFileWriter, read_rows
from studio.store.tables.datasets import Dataset
from studio.worker.ingest.writer import VersionWriter
from tests.support.dataset_zoo.making import lines
from tests.support.fakes import ImmediateEngine
from tests.support.in_process_intake import Taken, run_intake, take_in

COUNTS = [1_000, 1_001, 20_000, pytest.param(250_000, marks=pytest.mark.long)]
KINDS = sorted(PROBLEM_KINDS)


def dataset(taken: Taken) -> Dataset:
    return Dataset(
        name="many", version=1, status="ready", format=taken.layout["format"], sha256=taken.details.sha256,
        rows=taken.details.rows, rows_path=str(taken.folder / "rows.arrow"), folder=str(taken.folder),
        file_name="a.jsonl", details=taken.details.model_dump(),
    )  # fmt: skip


@pytest.mark.parametrize("count", COUNTS)
def test_every_kind_of_problem_is_counted_paged_and_found_however_many_there_are(count: int, tmp_path: Path) -> None:
    with VersionWriter(tmp_path, "text") as writer:
        for i in range(count):  # not in the order of their places
            row = RefusedRow(count - i, 0, None)
            writer.refuse([Problem(count - i, f"field {i}", KINDS[i % len(KINDS)])], row)
        summary = writer.finish()
    expected = Counter(KINDS[i % len(KINDS)] for i in range(count))
    path = tmp_path / "problems.arrow"
    assert summary.problems == expected
    assert count_problems(path) == count
    found = [problem for problem, _ in read_problems(path)]
    assert sorted(problem.line for problem in found) == list(range(1, count + 1))
    if count < 200_000:
        assert [problem.line for problem in found] == list(range(1, count + 1))
    for code in KINDS:
        assert count_problems(path, codes=[code]) == expected[code]
    assert [p for p, _ in read_problems(path, count - 3, 2)] == found[-3:-1]
    assert [p.field for p, _ in read_problems(path, search=f"field {count - 1}")] == [f"field {count - 1}"]


@pytest.mark.parametrize("count", [1_000, 1_001, pytest.param(20_000, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("row", "code", "left"),
    [
        ({"text": "The same words again and again, as it were."}, "duplicate", 2),
        ({"text": ""}, "empty", 2),
        ({"text": "Write to ann.lee{}@example.org"}, "email", None),
    ],
)
def test_a_file_full_of_one_fault_can_be_looked_at_cleaned_and_exported(
    row: dict[str, str], code: str, left: int | None, count: int, tmp_path: Path
) -> None:
    content = lines({"text": "So it is."}, {"text": "The same words again and again, as it were."}, *(
        {"text": row["text"].replace("{}", str(i))} for i in range(count)
    ))  # fmt: skip
    taken = take_in(tmp_path, {"a.jsonl": content}, near_duplicates=False)
    assert taken.details.problems == {code: count}
    version = dataset(taken)
    shown, total = browse.problems(version, count - 1, 5)
    assert ([(p.line, p.code) for p in shown], total) == ([(count + 2, code)], count)
    _, *told = csv.reader("".join(export.problem_lines(version)).splitlines())
    assert [row[1] for row in told] == [str(line) for line in range(3, count + 3)]
    report = check(ImmediateEngine(), [tmp_path / "files" / "a.jsonl"])
    assert report.counts[code] == count
    assert len(report.problems) == sum(report.counts.values())
    problems = str(taken.folder / "problems.arrow")
    source = CleanSource(
        rows_path=version.rows_path, problems_path=problems, rows=version.rows, parent=taken.details,
        actions=CleanActions(skip_bad_rows=True, drop_duplicates="exact"),
    )  # fmt: skip
    cleaned = run_intake(tmp_path / "cleaned", IntakeRequest(source=source))
    assert len(cleaned.rows) == (left or count + 2)


def test_near_duplicates_without_number_are_all_listed(tmp_path: Path) -> None:
    words = "The old captain stood at the rail and watched the harbour lights."
    rows = [{"text": words + "!" * i} for i in range(1_002)]
    taken = take_in(tmp_path, {"a.jsonl": lines(*rows)})
    assert taken.details.problems == {"near_duplicate": 1_001}
    assert rows_with(taken.folder / "problems.arrow", ["near_duplicate"]) == set(range(1, 1_002))


def test_what_is_closed_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "problems.arrow"
    problems = ProblemFileWriter(path)
    problems.append(Problem(1, "text", "empty"))
    rows = RowFileWriter(tmp_path / "rows.arrow", "text")
    rows.write([{"text": "So it is."}], [1], [0])
    raw = ArrowFileWriter(tmp_path / "raw.arrow", SCHEMA)
    for writer in (problems, rows, raw):
        writer.close()
    before = [file.read_bytes() for file in sorted(tmp_path.iterdir())]
    for writer in (problems, rows, raw):
        writer.close()
    assert [file.read_bytes() for file in sorted(tmp_path.iterdir())] == before
    with pytest.raises(ValueError, match="closed"):
        rows.write([{"text": "more"}], [2], [0])


@pytest.mark.parametrize("damage", ["empty", "cut", "other", "flipped"])
def test_a_damaged_list_names_itself(damage: str, tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines({"text": "one"}, {"text": ""})})
    for name in ("problems.arrow", "rows.arrow"):
        path = taken.folder / name
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(
            {
                "empty": b"", "cut": content[:middle], "other": b"{}" * 500,
                "flipped": content[: middle - 200] + b"\xff" * 400 + content[middle + 200 :],
            }[damage]
        )  # fmt: skip
    with pytest.raises(DamagedFile, match=r"problems\.arrow is damaged"):
        list(read_problems(taken.folder / "problems.arrow"))
    with pytest.raises(DamagedFile, match=r"rows\.arrow is damaged"):
        read_rows(taken.folder / "rows.arrow", 0, 10)
