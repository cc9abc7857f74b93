"""A home whose catalogue an older studio wrote: it is brought up to date only while nobody is at work with it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from studio.store.database import MIGRATIONS, NEWEST
from tests.support.home_holder import holding
from tests.support.studio_process import serving, studio, studio_json

OLDER = f"{int(NEWEST) - 1:04}"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """With the catalogue, still empty, of the release before."""
    path = tmp_path / "home"
    path.mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path / 'studio.db'}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, OLDER)
    engine.dispose()
    assert schema(path) == OLDER
    return path


def schema(home: Path) -> str:
    with closing(sqlite3.connect(home / "studio.db")) as database:
        return str(database.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.mark.parametrize("words", [["models", "list"], ["doctor"], ["serve", "--port", "0", "--no-browser"]])
def test_it_stays_as_it_is_while_another_process_has_the_home(home: Path, words: list[str]) -> None:
    with holding(home) as holder:
        done = studio(home, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"another studio is using the home {home}: a server, process {holder.pid}." in done.stderr
        assert "Stop that one, then try again." in done.stderr
        assert "Traceback" not in done.stderr
    assert schema(home) == OLDER
    assert studio_json(home, "models", "list") == []
    assert schema(home) == NEWEST


def test_a_command_brings_it_up_to_date_and_opens_beside_whoever_has_the_home_then(home: Path) -> None:
    assert studio_json(home, "models", "list") == []
    assert schema(home) == NEWEST
    with holding(home):
        assert studio_json(home, "models", "list") == []


def test_a_server_brings_it_up_to_date_and_has_the_home(home: Path) -> None:
    with serving(home) as server:
        assert schema(home) == NEWEST
        told = (home / "studio.holder").read_text("utf-8")
        assert told == f"{server.url}, process {server.process.pid}"
        assert studio_json(home, "runs", "list") == []
