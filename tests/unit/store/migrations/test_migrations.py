"""A small catalogue of each released schema, with rows in every table: it upgrades with all of its values."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from studio.store.catalogue import Catalogue
from studio.store.database import MIGRATIONS, NEWEST

SCHEMAS = Path(__file__).parent / "schemas"
RELEASED = sorted(path.stem for path in SCHEMAS.glob("*.sql"))


def rows(database: sqlite3.Connection) -> dict[str, list[dict[str, Any]]]:
    database.row_factory = sqlite3.Row
    tables = [row["name"] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    kept = sorted(name for name in tables if not name.startswith("sqlite_") and name != "alembic_version")
    return {name: [dict(row) for row in database.execute(f'SELECT * FROM "{name}"')] for name in kept}


def test_a_catalogue_of_every_schema_before_the_newest_is_kept() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    assert max(revisions) == NEWEST
    assert revisions - set(RELEASED) <= {NEWEST}


@pytest.mark.parametrize("released", RELEASED)
def test_a_catalogue_of_each_released_schema_upgrades_with_every_value(tmp_path: Path, released: str) -> None:
    path = tmp_path / "studio.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript((SCHEMAS / f"{released}.sql").read_text("utf-8"))
        before = rows(database)
    assert all(before.values()), "a table without rows shows nothing"
    catalogue = Catalogue(f"sqlite:///{path}")
    assert [run.id for run in catalogue.runs()] == [7, 3]
    catalogue.close()
    with closing(sqlite3.connect(path)) as database:
        after = rows(database)
        assert database.execute("SELECT version_num FROM alembic_version").fetchone()[0] == NEWEST
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    for table, told in before.items():
        for row, then in zip(after[table], told, strict=True):
            if "pid" in then:
                pid, started = then.pop("pid"), then.pop("process_started")
                assert row["worker"] == (f"{pid}@{started!r}" if pid else "")
            if "exact_match" in then:
                scores = {name: then.pop(name) for name in ("exact_match", "contains", "rouge_l", "bleu", "chrf")}
                assert json.loads(row["scores"]) == {k: v for k, v in scores.items() if v is not None}
            assert {name: row[name] for name in then} == then, table
