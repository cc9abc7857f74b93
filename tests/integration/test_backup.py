"""A home is copied while it works, and lists the same when it is brought back."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from studio.domain.errors import InvalidInput, StudioError
from studio.services.home.backup import back_up
from studio.services.home.restore import restore
from studio.settings import read_settings
from studio.store.backup_file import BackupWriter
from studio.store.catalogue import Catalogue
from tests.support.studio_process import environment, serving, studio, studio_json

ROWS = "".join(json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) + "\n" for i in range(20))
LISTS = ["models", "datasets", "runs", "adapters"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home, rows = tmp_path / "home", tmp_path / "rows.jsonl"
    rows.write_text(ROWS)
    studio_json(home, "datasets", "add", str(rows))
    return home


@pytest.fixture(scope="module")
def one_backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a home with one dataset."""
    place = tmp_path_factory.mktemp("backup")
    (place / "rows.jsonl").write_text(ROWS)
    studio_json(place / "home", "datasets", "add", str(place / "rows.jsonl"))
    back_up(read_settings({}, home=place / "home"), place / "copy.studio", lambda *_: None)
    return place / "copy.studio"


def lists(home: Path) -> dict[str, Any]:
    """All lists as the home itself shows them, with the home's own path left out."""
    shown = {noun: studio_json(home, noun, "list") for noun in LISTS}
    told: dict[str, Any] = json.loads(json.dumps(shown).replace(str(home), "HOME"))
    return told


@pytest.mark.long
def test_a_backup_is_whole_while_datasets_come_and_go(home: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    coming_and_going = (
        f"for i in 1 2; do {sys.executable} -m studio datasets add {rows} --name come-$i --home {home} && "
        f"{sys.executable} -m studio datasets delete come-$i --home {home}; done"
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment()}
    with serving(home), subprocess.Popen(["sh", "-c", coming_and_going], **quiet) as coming:
        number = 0
        while number < 2 or coming.poll() is None:
            number += 1
            file, again = tmp_path / f"{number}.studio", tmp_path / f"again-{number}"
            back_up(read_settings({}, home=home), file, lambda *_: None)
            restore(read_settings({}, home=again), file, lambda *_: None)
            catalogue = Catalogue(read_settings({}, home=again).url)
            ready = [dataset for dataset in catalogue.datasets() if dataset.status == "ready"]
            assert all(Path(dataset.rows_path).is_file() for dataset in ready)
            catalogue.close()
    assert number >= 2


def test_nothing_is_overwritten_and_secrets_stay_at_home(home: Path, tmp_path: Path) -> None:
    (home / "secrets").mkdir(exist_ok=True)
    (home / "secrets" / "hub_token").write_text("hf_" + "a" * 34)
    file = tmp_path / "copy.studio"
    studio_json(home, "backup", str(file))
    assert not [name for name in zipfile.ZipFile(file).namelist() if "secret" in name or "upload" in name]
    for place, words in ((file, "already exists"), (home / "copy.studio", "inside the home itself")):
        refused = studio(home, "backup", str(place))
        assert (refused.returncode, words in refused.stderr) == (2, True), refused.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    refused = studio(tmp_path / "full", "restore", str(file))
    assert (refused.returncode, "is not empty" in refused.stderr) == (2, True)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_a_restore_that_was_broken_off_can_be_begun_again(home: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "copy.studio", tmp_path / "again"
    studio_json(home, "backup", str(file))
    (again / ".restoring" / "datasets").mkdir(parents=True)
    (again / "studio.lock").touch()
    studio_json(again, "restore", str(file))
    assert lists(again) == lists(home)


def rewritten(file: Path, target: Path, change: Callable[[dict[str, bytes], dict[str, Any]], None]) -> Path:
    with zipfile.ZipFile(file) as before:
        entries = {name: before.read(name) for name in before.namelist()}
    manifest = json.loads(entries.pop("manifest.json"))
    change(entries, manifest)
    with zipfile.ZipFile(target, "w") as after:
        for name, content in {**entries, "manifest.json": json.dumps(manifest).encode()}.items():
            after.writestr(name, content)
    return target


def add_outside(name: str) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    def change(entries: dict[str, bytes], manifest: dict[str, Any]) -> None:
        entries["evil"] = b"evil"
        manifest["files"][name] = ["evil", 4, hashlib.sha256(b"evil").hexdigest()]

    return change


def another_row(entries: dict[str, bytes], manifest: dict[str, Any]) -> None:
    name = next(name for name in entries if name.endswith("rows.arrow"))
    entries[name] = entries[name][:-1] + b"!"


def newer(entries: dict[str, bytes], manifest: dict[str, Any]) -> None:
    manifest["schema"] = "9999"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add_outside("../evil"), "leads out of the home"),
        (add_outside("datasets/../../evil"), "leads out of the home"),
        (add_outside("/tmp/evil"), "leads out of the home"),
        (add_outside("secrets/hub_token"), "leads out of the home"),
        (add_outside("datasets\\..\\evil"), "leads out of the home"),
        (add_outside("datasets//evil"), "leads out of the home"),
        (another_row, "rows.arrow has changed"),
        (newer, "newer version of the studio"),
        (lambda entries, manifest: entries.pop("studio.db"), "not a complete backup"),
        (lambda entries, manifest: manifest.update(files=[1]), "not a complete backup"),
        (add_outside("runs/" + "a/" * 2000 + "evil"), "a path in it is too long"),
        (add_outside("runs/\ud800"), "not a complete backup"),
        (add_outside("runs/" + "e" * 300), "not a complete backup"),
        (add_outside("records"), "not a complete backup"),
        (add_outside("datasets/1/rows.arrow/evil"), "not a complete backup"),
        (lambda entries, manifest: manifest.update(homes=5), "homes: Input should be a valid list"),
        (lambda entries, manifest: manifest.update(counts=[]), "counts: Input should be a valid dictionary"),
        (lambda entries, manifest: manifest.update(elsewhere=[None]), "elsewhere.0: Input should be a valid string"),
    ],
)
def test_a_backup_that_is_not_what_it_was_leaves_the_home_empty(
    one_backup: Path, tmp_path: Path, change: Callable[..., None], words: str
) -> None:
    bad, again = rewritten(one_backup, tmp_path / "bad.studio", change), tmp_path / "again"
    with pytest.raises(InvalidInput, match=words):
        restore(read_settings({}, home=again), bad, lambda *_: None)
    assert not again.exists() or not list(again.rglob("[!s]*"))


def test_every_cut_of_the_file_is_refused(one_backup: Path, tmp_path: Path) -> None:
    whole, cut = one_backup.read_bytes(), tmp_path / "cut.studio"
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(InvalidInput, match="not a complete backup"):
            restore(read_settings({}, home=tmp_path / "again"), cut, lambda *_: None)


def test_rows_that_lead_out_of_the_home_lead_to_nothing_once_restored(home: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    for column, place in (("folder", str(precious)), ("rows_path", f"{home}/datasets/../../precious/rows.arrow")):
        with closing(sqlite3.connect(home / "studio.db")) as database, database:
            database.execute(f"UPDATE datasets SET {column} = ?", (place,))
    file, again = tmp_path / "copy.studio", tmp_path / "again"
    studio_json(home, "backup", str(file))
    assert studio_json(again, "restore", str(file))["missing"] == ["rows"]
    studio_json(again, "datasets", "delete", "rows")
    assert precious.is_dir()


def test_a_backup_that_finds_no_room_leaves_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr(BackupWriter, "finish", full)
    with pytest.raises(StudioError, match="No space left"):
        back_up(read_settings({}, home=home), place / "copy.studio", lambda *_: None)
    assert list(place.iterdir()) == []
