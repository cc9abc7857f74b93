"""A delete takes the row and the files together, or neither: whoever is killed, whatever is locked or full."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from studio.app import Studio, build
from studio.settings import read_settings
from studio.store.database_faults import CatalogueFull
from tests.support.chaos.kills import killed_at
from tests.support.small_home import filled
from tests.support.studio_process import environment, studio, studio_json


def files_of(home: Path, folders: tuple[str, ...]) -> list[str]:
    return sorted(str(p.relative_to(home)) for folder in folders for p in (home / folder).rglob("*"))


@pytest.mark.parametrize(
    ("delete", "known", "folders"),
    [
        (lambda built: built.datasets.delete("rows"), lambda built: built.datasets.versions("rows"),
         ("datasets/1", "datasets/2")),
        (lambda built: built.datasets.delete("rows@1"), lambda built: [d for d in built.datasets.versions("rows")
         if d.version == 1], ("datasets/1",)),
        (lambda built: built.adapters.delete("brine"), lambda built: built.adapters.list(), ("adapters/brine-1",)),
        (lambda built: built.models.delete("dory"), lambda built: built.catalogue.models(), ("models/dory-1",)),
    ],
)  # fmt: skip
def test_a_delete_that_is_killed_at_any_point_is_whole_or_undone_at_the_next_start(
    delete: Callable[[Studio], None], known: Callable[[Studio], list[Any]], folders: tuple[str, ...], tmp_path: Path
) -> None:
    home, saved, point, seen = filled(tmp_path / "home"), tmp_path / "saved", 0, set()
    before = files_of(home, folders)
    home.rename(saved)
    while True:
        point += 1
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(saved, home)
        was_killed = killed_at(home, point, delete)
        started = build(read_settings({}, home=home))
        started.dispatcher.tick()
        there = len(known(started))
        started.close()
        assert [*home.glob("*/.*.deleted")] == []
        assert there in (0, len(folders))
        assert files_of(home, folders) == (before if there else [])
        seen.add(bool(there))
        if not was_killed:
            break
    assert point > 3
    assert seen == {False, True}


def test_where_one_versions_files_cannot_be_moved_all_versions_stay(tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    (home / "datasets" / ".2.deleted").write_text("No folder takes the place of a file.")
    refused = studio(home, "datasets", "delete", "rows")
    assert refused.returncode == 1
    assert "The files of “rows” cannot be removed" in refused.stderr
    assert f"Close programs that use {home / 'datasets' / '2'}" in refused.stderr
    assert [d["version"] for d in studio_json(home, "datasets", "list")] == [2]
    assert all((home / "datasets" / version / "rows.arrow").is_file() for version in "12")


def test_a_catalogue_without_room_gives_up_the_reserve_whatever_the_disk_says_is_free(tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    built = build(read_settings({}, home=home))
    assert (home / "reserve").exists()
    with built.catalogue.engine.connect() as connection:
        [[pages]] = connection.exec_driver_sql("PRAGMA page_count")
    sa.event.listen(
        built.catalogue.engine, "begin", lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    )  # what a quota does
    with pytest.raises(CatalogueFull):
        for i in range(1000):
            built.catalogue.remember_column_map(f"{i}" * 900, {})
    assert not (home / "reserve").exists()
    built.close()


def test_a_locked_catalogue_refuses_a_delete_and_nothing_has_changed(tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    url = f"sqlite:///{home}/studio.db?timeout=0.2"
    before = sorted(str(p) for p in home.rglob("*") if p.is_file() and not p.name.startswith("studio."))
    with closing(sqlite3.connect(home / "studio.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for noun, name in (("datasets", "rows"), ("adapters", "brine"), ("models", "dory")):
            refused = studio(home, noun, "delete", name, "--database-url", url)
            assert refused.returncode == 1
            assert (
                "Another program is locking the catalogue. Nothing is lost, and nothing was changed." in refused.stderr
            )
        other.execute("ROLLBACK")
    assert sorted(str(p) for p in home.rglob("*") if p.is_file() and not p.name.startswith("studio.")) == before
    assert studio(home, "datasets", "delete", "rows").returncode == 0
    assert [d["name"] for d in studio_json(home, "datasets", "list")] == []


def on_a_small_disk(what: str) -> dict[str, Any]:
    """In a file system of its own, for which one must be root, if only in a user namespace."""
    alone = [] if os.geteuid() == 0 else ["unshare", "-rm"]
    done = subprocess.run(
        [*alone, sys.executable, "-m", "tests.support.chaos.full_home", what],
        capture_output=True, text=True, timeout=240, env=environment(), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_deleting_works_on_a_full_disk_and_makes_room() -> None:
    told = on_a_small_disk("delete")
    assert told == {
        "datasets": [],
        "adapters": [],
        "models": [],
        "folders": [],
        "made_room": True,
        "reserve": True,
        "words": [],
    }


def test_a_file_that_has_no_room_is_told_so_and_leaves_nothing_behind() -> None:
    told = on_a_small_disk("bring")
    assert told["rows"][0] != 0
    assert "The disk is full." in told["rows"][1][0]
    assert told["original"][0] == 1
    assert "No space left" in told["original"][1][0]
    assert told["small"][0] == 0
    assert told["upload"] == [507, "There is no space left on the disk for this file."]
    assert told["listed"] == [["small", "ready"]]
    assert told["left"] == []
