"""A version in which single rows were edited: all others stay, problems are found anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.jobs.ingest import CleanSource, IntakeRequest
from tests.support.dataset_zoo.making import A, B, chat, lines, said
from tests.support.in_process_intake import Taken, run_intake, take_in

BAD_ROLE = chat(("user", "Hi"), ("pirate", "Arr"))


def edited(folder: Path, taken: Taken, *edits: dict[str, Any]) -> Taken:
    source = CleanSource(
        rows_path=str(taken.folder / "rows.arrow"), problems_path=str(taken.folder / "problems.arrow"),
        refused_path=str(taken.folder / "refused.arrow"), rows=len(taken.rows), parent=taken.details,
        actions=CleanActions(), edits=True,
    )  # fmt: skip
    folder.mkdir()
    whole = [{"row": None, "refused": None, "content": None} | edit for edit in edits]
    (folder / "edits.jsonl").write_text("".join(json.dumps(edit) + "\n" for edit in whole))
    return run_intake(folder, IntakeRequest(source=source))


def test_rows_are_changed_left_out_mended_in_their_places_and_added_at_the_end(tmp_path: Path) -> None:
    mail = said("Mail?", "joe@b.com")
    taken = take_in(tmp_path, {"a.jsonl": lines(A, mail, B, BAD_ROLE, "{", A), "b.jsonl": lines(BAD_ROLE, B)})
    assert taken.details.problems == {"unknown_role": 2, "not_json": 1, "email": 1, "duplicate": 2}
    new = edited(
        tmp_path / "edited", taken,
        {"row": 1, "content": said("Mail?", "No.")}, {"row": 3, "content": None},
        {"refused": 0, "content": said("Hi", "Arr")}, {"refused": 1, "content": None},
        {"content": said("New?", "Yes, joe@b.com.")}, {"content": said("New?", "Yes, joe@b.com.")},
    )  # fmt: skip
    assert new.rows == [
        A, said("Mail?", "No."), B, said("Hi", "Arr"), B, said("New?", "Yes, joe@b.com."),
        said("New?", "Yes, joe@b.com."),
    ]  # fmt: skip
    assert new.lines == [(1, 0), (2, 0), (3, 0), (4, 0), (2, 1), (0, 0), (0, 0)]
    assert [(p.code, p.line, p.values.get("twin"), row) for p, row in new.problems if p.code != "email"] == [
        ("duplicate", 0, "6", 6), ("unknown_role", 1, None, -1), ("duplicate", 2, "3 (1)", 4),
    ]  # fmt: skip
    assert new.details.problems["email"] == 2
    assert (new.details.bad_rows, new.details.rows_in) == (1, 8)
    assert not (tmp_path / "edited" / "edits.jsonl").exists()


def test_rows_that_were_added_stay_behind_those_that_are_healed_later(tmp_path: Path) -> None:
    taken = take_in(tmp_path, {"a.jsonl": lines(A, BAD_ROLE)})
    first = edited(tmp_path / "first", taken, {"content": said("New?", "Yes.")})
    second = edited(tmp_path / "second", first, {"refused": 0, "content": said("Hi", "Arr")})
    assert [turns["messages"][0]["content"] for turns in second.rows] == [
        A["messages"][0]["content"], "Hi", "New?",
    ]  # fmt: skip
