"""What the studio keeps can be read by its owner alone."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from studio.store.disk.permissions import DATABASE, OWN, make_private
from tests.support.studio_process import Server, studio, studio_json

ROWS = "".join(json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) + "\n" for i in range(20))

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(home: Path) -> list[str]:
    everything = [home, *home.rglob("*")]
    return [f"{p.relative_to(home)} {stat.filemode(p.lstat().st_mode)}" for p in everything if mode(p) & 0o077]


def mode(path: Path) -> int:
    return 0 if path.is_symlink() else stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("usual_umask")
def test_nothing_that_server_workers_and_commands_write_is_open_to_others(tmp_path: Path) -> None:
    home, rows = tmp_path / "home", tmp_path / "rows.jsonl"
    rows.write_text(ROWS)
    studio_json(home, "datasets", "add", str(rows))
    server = Server(home)
    try:
        assert httpx.get(server.url).status_code == 200
        studio_json(home, "datasets", "add", str(rows), "--name", "while-served")
        assert open_to_others(home) == []
    finally:
        server.stop()
    assert {path.name for path in home.iterdir() if not path.name.startswith(DATABASE)} <= set(OWN)


@pytest.mark.usefixtures("usual_umask")
def test_a_home_that_was_open_is_closed_at_the_next_start(tmp_path: Path) -> None:
    home, rows = tmp_path / "home", tmp_path / "rows.jsonl"
    rows.write_text(ROWS)
    studio_json(home, "datasets", "add", str(rows))
    theirs = tmp_path / "model.txt"
    theirs.write_text("the user's own")
    (home / "models" / "link").symlink_to(theirs)
    for path in [home, *home.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert studio(home, "datasets", "list").returncode == 0
    assert open_to_others(home) == []
    assert mode(theirs) == 0o644


@pytest.mark.usefixtures("usual_umask")
def test_an_exported_file_can_be_read_as_any_other_file_of_the_user(tmp_path: Path) -> None:
    home, rows, target = tmp_path / "home", tmp_path / "rows.jsonl", tmp_path / "clean.jsonl"
    rows.write_text(ROWS)
    studio_json(home, "datasets", "add", str(rows))
    studio_json(home, "datasets", "export", "rows", str(target))
    assert mode(target) == 0o644


def test_a_folder_that_holds_other_things_stays_open_and_the_studios_part_is_closed(tmp_path: Path) -> None:
    for name in ("runs", "papers"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("a")
        (tmp_path / name / "a.txt").chmod(0o644)
        (tmp_path / name).chmod(0o755)
    tmp_path.chmod(0o755)
    make_private(tmp_path)
    assert [mode(tmp_path / name) for name in ("", "runs", "runs/a.txt", "papers", "papers/a.txt")] == [
        0o755, 0o700, 0o600, 0o755, 0o644,
    ]  # fmt: skip
