"""Several files read as one table."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.problem import Problem
from studio.domain.errors import StudioError
from studio.worker.ingest.readers.multi_file import open_several
from studio.worker.models import hub as hub_models

CLASSES = {"mood": ["calm", "stormy"]}


def places(*files: Path) -> list[tuple[Path, str]]:
    return [(file, file.name) for file in files]


def table(path: Path, *moods: object) -> Path:
    pq.write_table(pa.table({"text": [f"{path.stem} {i}" for i in range(len(moods))], "mood": list(moods)}), path)
    return path


def test_rows_of_tables_are_counted_through_and_have_the_names_of_their_classes(tmp_path: Path):
    files = places(table(tmp_path / "a.parquet", 0, 1, -1), table(tmp_path / "b.parquet", None, 1, 2))
    opened = open_several(files, ReadOptions(), CLASSES)
    assert opened.blocks is not None
    assert [(n, row["text"], row["mood"]) for n, row in opened.items] == [
        (1, "a 0", "calm"), (2, "a 1", "stormy"), (3, "a 2", None),
        (4, "b 0", None), (5, "b 1", "stormy"), (6, "b 2", None),
    ]  # fmt: skip
    assert opened.position() == opened.total == sum(file.stat().st_size for file, _ in files)


def test_words_in_the_place_of_numbers_stay(tmp_path: Path):
    opened = open_several(places(table(tmp_path / "a.parquet", "calm", "odd")), ReadOptions(), CLASSES)
    assert [row["mood"] for _, row in opened.items] == ["calm", "odd"]


def test_rows_of_lines_are_counted_through_with_those_that_cannot_be_read(tmp_path: Path):
    first, second = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first.write_text('{"mood": 1}\n{"mood": \n')
    second.write_text('{"mood": true}\n{"mood": 7}\n[1]\n')
    opened = open_several(places(first, second), ReadOptions(), CLASSES)
    seen = [(i.line, i.code) if isinstance(i, Problem) else i for i in opened.items]
    assert seen == [(1, {"mood": "stormy"}), (2, "not_json"), (3, {"mood": True}), (4, {"mood": None}), (5, [1])]
    assert opened.unit == "row"
    assert opened.position() == opened.total


def test_a_download_that_does_not_fit_is_refused_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub_models.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub_models.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    hub_models.check_room(10**9)
    with pytest.raises(StudioError, match=r"needs 2\.5 GB, and only 1\.0 GB are left") as caught:
        hub_models.check_room(2_500_000_000)
    assert "HF_HOME" in caught.value.remedy
