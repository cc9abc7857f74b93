"""The copy of a file that is brought goes with its dataset: none is left where the dataset is refused or its process is
killed."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from studio.app import Studio, build
from studio.settings import read_settings
from tests.support.chaos.kills import killed_at
from tests.support.small_home import copies, filled, written
from tests.support.studio_process import environment, serving, studio
from tests.support.waiting import wait_for


def needed(built: Studio) -> list[str]:
    return sorted({o.sha256 for d in built.catalogue.datasets() for o in d.details.originals})


def test_what_is_refused_leaves_no_copy_of_its_files(tmp_path: Path) -> None:
    home, good = filled(tmp_path / "home"), written(tmp_path / "good.jsonl")
    before = copies(home)
    refused = studio(home, "datasets", "add", str(good), str(tmp_path / "missing.jsonl"))
    assert "missing.jsonl” cannot be read" in refused.stderr
    assert copies(home) == before
    with closing(sqlite3.connect(home / "studio.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        url = f"sqlite:///{home}/studio.db?timeout=0.2"
        refused = studio(home, "datasets", "add", str(good), "--database-url", url)
        other.execute("ROLLBACK")
    assert "Nothing is lost, and nothing was changed." in refused.stderr
    assert copies(home) == before


@pytest.mark.parametrize(
    "work",
    [
        lambda built: built.datasets.add(built.settings.home.with_name("good.jsonl")),
        lambda built: built.datasets.delete("rows"),
    ],
    ids=["add", "delete"],
)
def test_whoever_is_killed_at_any_point_leaves_no_copy_behind_the_next_start(
    work: Callable[[Studio], None], tmp_path: Path
) -> None:
    home, saved, point, strays = filled(tmp_path / "home"), tmp_path / "saved", 0, 0
    written(tmp_path / "good.jsonl")
    home.rename(saved)
    was_killed = True
    while was_killed:
        point += 1
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(saved, home)
        was_killed = killed_at(home, point, work)
        started = build(read_settings({}, home=home))
        strays += copies(home) != needed(started)
        started.datasets.clear_strays()
        assert copies(home) == needed(started)
        started.close()
    assert strays


def test_a_file_that_was_half_copied_by_a_killed_process_is_removed_when_the_server_starts(tmp_path: Path) -> None:
    home, large = filled(tmp_path / "home"), tmp_path / "large.txt"
    before = copies(home)
    with large.open("wb") as file:
        file.truncate(1 << 30)
    command = [sys.executable, "-m", "studio", "datasets", "add", str(large), "--home", str(home)]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL) as adding:
        wait_for(lambda: len(copies(home)) > len(before), seconds=60, what="the begun copy")
        adding.kill()
    assert copies(home) != before
    with serving(home):
        assert copies(home) == before


def test_copies_that_a_lost_catalogue_knew_stay(tmp_path: Path) -> None:
    home = filled(tmp_path / "home")
    before = copies(home)
    for file in home.glob("studio.db*"):
        file.unlink()
    with serving(home):
        assert copies(home) == before
