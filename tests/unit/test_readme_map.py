"""The README's map has a row for each room, and no row for a room that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
ROWS = [line for line in README[README.index("## Map") :].splitlines() if line.startswith("| `")]
NAMED = {path.rstrip("/") for row in ROWS for path in re.findall(r"`([^`]+)`", row.split("|")[1])}
WITHIN_ANOTHER = {"studio/worker/ingest/readers", "studio/worker/ingest/readers/shapes"}


def rooms() -> set[str]:
    found = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "studio").rglob("*.py")}
    return {room for room in found if not room.endswith("/versions")}


def test_every_room_has_a_row() -> None:
    containers = {"studio", "studio/services", "studio/worker"}  # what lies in them is named
    assert rooms() - containers - WITHIN_ANOTHER <= NAMED


def test_every_row_is_of_a_room_that_is_there() -> None:
    assert {path for path in NAMED if not (ROOT / path).exists()} == set()


def test_the_folders_hold_few_files_and_the_modules_few_lines() -> None:
    tracked = [p for top in ("studio", "static") for p in (ROOT / top).rglob("*") if p.is_file()]
    tracked = [p for p in tracked if "__pycache__" not in p.parts]
    per_folder: dict[str, int] = {}
    for path in tracked:
        folder = path.parent.relative_to(ROOT).as_posix()
        per_folder[folder] = per_folder.get(folder, 0) + 1
    assert {folder: count for folder, count in per_folder.items() if count > 18} == {}
    lines = {p: len(p.read_text("utf-8").splitlines()) for p in tracked if p.suffix in (".py", ".js", ".css")}
    assert {p.relative_to(ROOT).as_posix(): n for p, n in lines.items() if n > 350} == {}
