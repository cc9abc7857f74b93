"""A home that was moved or copied is whole where it is now, and never touches the one that it comes from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from studio.app import build
from studio.domain.jobs.models import CheckRequest
from studio.domain.run import RunStatus
from studio.settings import read_settings
from studio.store.job_folder import JobFolder, write_json
from tests.support.small_home import filled
from tests.support.studio_process import studio, studio_json


def everything(home: Path) -> list[str]:
    return sorted(
        str(p.relative_to(home)) for kind in ("adapters", "datasets", "models") for p in (home / kind).rglob("*")
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return filled(tmp_path / "home")


def listed(home: Path) -> dict[str, Any]:
    return {noun: studio_json(home, noun, "list") for noun in ("datasets", "adapters", "models")}


def places(told: dict[str, Any]) -> list[str]:
    return [
        row[key] for rows in told.values() for row in rows for key in ("path", "rows_path", "folder") if row.get(key)
    ]


def test_a_moved_home_is_whole_where_it_is_now(home: Path, tmp_path: Path) -> None:
    before, moved = listed(home), tmp_path / "elsewhere" / "home 2"
    moved.parent.mkdir()
    home.rename(moved)
    told = listed(moved)
    assert {noun: [row["name"] for row in rows] for noun, rows in told.items()} == {
        noun: [row["name"] for row in rows] for noun, rows in before.items()
    }
    assert all(Path(place).is_relative_to(moved) for place in places(told))
    assert studio(moved, "datasets", "show", "rows").returncode == 0
    assert studio_json(moved, "doctor") == []
    assert not home.exists()


def test_a_copied_home_deletes_nothing_of_the_one_that_it_comes_from(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)
    before = everything(home)
    for noun, name in (("datasets", "rows"), ("adapters", "brine"), ("models", "dory")):
        assert studio(copy, noun, "delete", name).returncode == 0
    assert everything(home) == before
    assert [path for path in everything(copy) if path.count("/") > 1 and "originals" not in path] == []
    assert all(row for row in listed(home).values())


def test_what_lies_outside_of_the_home_is_never_deleted(home: Path, tmp_path: Path) -> None:
    (tmp_path / "precious" / "adapters" / "mine").mkdir(parents=True)
    built = build(read_settings({}, home=home))
    adapter = built.catalogue.adapter("brine")
    built.catalogue.change_adapter(adapter.id, path=str(tmp_path / "precious" / "adapters" / "mine"))
    built.close()
    assert studio(home, "adapters", "delete", "brine").returncode == 0
    assert (tmp_path / "precious" / "adapters" / "mine").is_dir()
    assert studio_json(home, "adapters", "list") == []


def test_a_run_that_was_under_way_in_the_home_that_was_copied_is_left_alone(home: Path, tmp_path: Path) -> None:
    built = build(read_settings({}, home=home))
    run = built.catalogue.add_run(
        name="tide", spec={}, model_id=1, model_name="dory", dataset_id=1, dataset_name="rows", dataset_version=1
    )
    folder = home / "runs" / str(run.id)
    for status in (RunStatus.STARTING, RunStatus.RUNNING):
        built.catalogue.change_run(run.id, status=status, folder=str(folder), worker="1@1.0")
    JobFolder(folder).prepare(CheckRequest(path=str(folder)))
    write_json(folder / "worker.json", {"pid": 1, "started": 1.0})
    built.close()
    shutil.copytree(home, tmp_path / "copy")
    copy = build(read_settings({}, home=tmp_path / "copy"))
    found = copy.catalogue.run(run.id)
    assert (found.status, found.worker) == (RunStatus.INTERRUPTED, "")
    moved = JobFolder(found.folder).read_request(CheckRequest)
    assert moved.path == str(tmp_path / "copy" / "runs" / str(run.id))
    assert not (Path(found.folder) / "worker.json").exists()
    assert "moved or copied" in copy.runs.history(run.id)[-1].reason
    copy.close()
    assert (folder / "worker.json").exists()


def test_files_that_people_brought_stay_as_they_are_whatever_their_names(home: Path, tmp_path: Path) -> None:
    for name in ("process.json", ".rows.jsonl"):
        brought = tmp_path / name
        brought.write_text(json.dumps([{"text": f"It lies in {home}/datasets."}]))
        assert studio(home, "datasets", "add", str(brought), "--name", name.strip(".")).returncode == 0
    shutil.copytree(home, tmp_path / "copy")
    studio_json(home, "backup", str(tmp_path / "backup.zip"))
    studio_json(tmp_path / "restored", "restore", str(tmp_path / "backup.zip"))
    for elsewhere in (tmp_path / "copy", tmp_path / "restored"):
        assert {row["name"] for row in studio_json(elsewhere, "datasets", "list")} >= {"process.json", "rows.jsonl"}
        for name in ("process.json", ".rows.jsonl"):
            (kept,) = (elsewhere / "datasets" / "originals").glob(f"*/{name}")
            assert kept.read_bytes() == (tmp_path / name).read_bytes()


def test_a_home_of_several_names_stays_as_it_is(home: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(home)
    assert all(Path(place).is_relative_to(home) for place in places(listed(tmp_path / "link")))
    assert not (home / "moving.lock").exists()
