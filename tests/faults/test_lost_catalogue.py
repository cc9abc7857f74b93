"""A catalogue that is deleted or damaged: nothing of the home is erased, and it is rebuilt from what is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio, build
from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.spec.run_spec import read_spec
from studio.settings import read_settings
from tests.support.studio_process import studio, studio_json
from tests.support.waiting import wait_for

ROWS = [{"prompt": f"What is {i // 2}?", "completion": f"It is {i // 2}, of course."} for i in range(40)]
SPEC = {
    "model": {"name": "tiny", "precision": "fp32"}, "data": {"name": "captain", "mix": ["butler=0.5"]},
    "lora": {"r": 4},
    "training": {"max_steps": 4, "save_steps": 2, "max_length": 64, "per_device_train_batch_size": 2},
    "watch": {"samples": 0},
}  # fmt: skip
LISTED = ("models", "datasets", "runs", "adapters")
Listing = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A home with a model, a dataset in two versions and another one, a run on both and its adapter."""
    home = tmp_path_factory.mktemp("made") / "home"
    rows, others = home.with_name("captain.jsonl"), home.with_name("butler.jsonl")
    rows.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    others.write_text("".join(json.dumps({**row, "completion": "Certainly, sir."}) + "\n" for row in ROWS[::2]))
    studio = build(read_settings({}, home=home))
    studio.models.add(str(tiny))
    studio.datasets.wait(studio.datasets.add(rows))
    studio.datasets.wait(studio.datasets.clean("captain", CleanActions(drop_duplicates="exact")))
    studio.datasets.wait(studio.datasets.add(others))
    wait_for(lambda: ticked(studio).models.get("tiny").status == "ready", seconds=120, what="the model")
    run = studio.runs.submit(read_spec(SPEC), "brine")
    wait_for(lambda: ticked(studio).runs.get(run).status == "finished", seconds=240, what="the run")
    studio.close()
    return home


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy, at another place than where it was made."""
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home"


def ticked(studio: Studio) -> Studio:
    studio.dispatcher.tick()
    return studio


def listing(home: Path) -> Listing:
    studio = build(read_settings({}, home=home))
    try:
        found = studio.models.list(), studio.datasets.list(), studio.runs.list(), studio.adapters.list()
        return {noun: [row.as_dict() for row in rows] for noun, rows in zip(LISTED, found, strict=True)}
    finally:
        studio.close()


def lose_catalogue(home: Path) -> None:
    for file in home.glob("studio.db*"):
        file.unlink()


def files(home: Path) -> set[str]:
    kept = ("datasets", "runs", "adapters", "models")
    return {str(p.relative_to(home)) for name in kept for p in (home / name).rglob("*") if p.is_file()}


def told(rows: Sequence[dict[str, Any]], *fields: str) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[field] for field in fields) for row in rows)


def check_same(before: Listing, after: Listing, *, runs: Sequence[str] = ()) -> None:
    assert told(after["models"], "name", "status", "size") == told(before["models"], "name", "status", "size")
    version = ("name", "version", "status", "rows", "sha256")
    assert told(after["datasets"], *version) == told(before["datasets"], *version)
    run = ("id", "name", "status", "step", "train_loss", "mixture", *runs)
    assert told(after["runs"], *run) == told(before["runs"], *run)
    adapter = ("name", "base_name", "dataset_name", "dataset_version", "dataset_sha256", "run_id", "train_loss", "size")
    assert told(after["adapters"], *adapter) == told(before["adapters"], *adapter)
    assert [a["mixture"] for a in after["adapters"]] == [["butler@1=0.5"]] * len(before["adapters"])
    mixtures = [[a["details"]["datasets"] for a in each["adapters"]] for each in (before, after)]
    assert mixtures[0] == mixtures[1] and [d["name"] for d in mixtures[1][0]] == ["captain", "butler"]


def test_what_is_added_after_the_catalogue_was_lost_erases_nothing(home: Path, tmp_path: Path) -> None:
    before = files(home)
    lose_catalogue(home)
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(ROWS[0]) + "\n")
    done = studio(home, "datasets", "add", str(other), "--json")
    assert "1 base model, 3 datasets, 1 run, 1 adapter" in done.stderr
    assert json.loads(done.stdout)["id"] == 4
    assert studio(home, "datasets", "delete", "other").returncode == 0
    assert before <= files(home)


def test_a_lost_catalogue_is_rebuilt_with_all_that_it_said(made: Path, home: Path) -> None:
    before = listing(made)
    lose_catalogue(home)
    found = studio(home, "doctor", "--json")
    assert found.returncode == 1
    assert {(f["kind"], f["fault"]) for f in json.loads(found.stdout)} == {
        (kind, "unknown") for kind in ("base model", "dataset", "run", "adapter")
    }
    studio_json(home, "doctor", "--repair")
    after = listing(home)
    check_same(before, after, runs=("best_step", "created_at", "ended_at"))
    assert all(str(home) in run["folder"] for run in after["runs"])
    assert studio_json(home, "datasets", "show", "captain")["rows"]
    assert studio(home, "doctor").returncode == 0
    assert studio_json(home, "runs", "show", "1")["spec"]["lora"]["r"] == 4


def test_a_catalogue_is_rebuilt_from_the_folders_alone(made: Path, home: Path) -> None:
    before = listing(made)
    lose_catalogue(home)
    shutil.rmtree(home / "records")
    studio_json(home, "doctor", "--repair")
    check_same(before, listing(home))


def test_a_damaged_catalogue_is_put_aside_and_rebuilt(made: Path, home: Path) -> None:
    before = listing(made)
    for file in home.glob("studio.db*"):
        file.unlink() if file.name != "studio.db" else file.write_bytes(b"x" * file.stat().st_size)
    refused = studio(home, "doctor")
    assert refused.returncode == 1
    assert "is damaged" in refused.stderr
    assert "doctor --repair" in refused.stderr
    studio_json(home, "doctor", "--repair")
    check_same(before, listing(home))
    [aside] = home.glob("studio.db.damaged-*")
    assert aside.read_bytes().startswith(b"xx")


def test_a_folder_that_the_studio_did_not_make_stays_and_is_not_taken_in(home: Path) -> None:
    lose_catalogue(home)
    foreign = [home / name / "note.txt" for name in ("datasets/77", "runs/88", "adapters/mine-99", "models/own-66")]
    for note in foreign:
        note.parent.mkdir()
        note.write_text("mine")
    found = json.loads(studio(home, "doctor", "--repair", "--json").stdout)
    assert sorted(f["path"] for f in found if not f["rebuilt"]) == sorted(str(note.parent) for note in foreign)
    assert studio(home, "models", "delete", "tiny", "--yes").returncode == 0
    assert studio(home, "datasets", "delete", "captain", "--yes").returncode == 0
    assert all(note.is_file() for note in foreign)
