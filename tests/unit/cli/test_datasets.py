"""`studio datasets`: what is left when it is interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio import app
from studio.app import build
from studio.cli import main
from studio.services.datasets.intake import DatasetIntakes
from studio.settings import read_settings
from tests.support.fakes import FakeEngine


def test_ctrl_c_while_rows_are_read_leaves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, home, file = FakeEngine(), tmp_path / "home", tmp_path / "tales.jsonl"
    file.write_text('{"text": "So it is."}\n')

    def interrupted(*_: Any) -> None:
        assert engine.alive
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "LocalEngine", lambda: engine)
    monkeypatch.setattr(DatasetIntakes, "wait", interrupted)
    home.mkdir()
    assert main(["datasets", "add", str(file), "--home", str(home)]) == 130
    assert "nothing is left" in capsys.readouterr().err
    assert (engine.stopped, engine.alive) == ([True], set())
    studio = build(read_settings({}, home=home))
    assert studio.datasets.list() == []
    studio.close()
    left = [path for path in (home / "datasets").rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert [path.name for path in left if path.name not in ("reserve",)] == []
    assert file.exists()
