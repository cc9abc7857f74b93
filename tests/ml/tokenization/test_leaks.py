"""Rows that stand in the validation set too, found by a real worker, and dropped."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app import Studio, build
from studio.domain.datasets.clean_actions import CleanActions
from studio.services.datasets import browse
from studio.services.datasets.token_counts import TokenCount, TokenCountRequest
from studio.settings import read_settings
from tests.support.waiting import wait_for

SECONDS = 60


@pytest.fixture
def studio(starter: Path, tmp_path: Path) -> Iterator[Studio]:
    studio = build(read_settings({}, home=tmp_path / "home"))
    studio.catalogue.add_model(
        name="starter", reference="starter", source="starter", status="ready", path=str(starter), chat_template=True
    )
    yield studio
    studio.close()


def rows(path: Path, numbers: range) -> Path:
    turns = [
        [{"role": "user", "content": f"Knot {n}?"}, {"role": "assistant", "content": f"It holds sail {n}."}]
        for n in numbers
    ]
    path.write_text("".join(json.dumps({"messages": each}) + "\n" for each in turns))
    return path


def test_rows_of_the_validation_set_are_found_with_their_twins_and_dropped(studio: Studio, tmp_path: Path) -> None:
    train = studio.datasets.wait(studio.datasets.add(rows(tmp_path / "train.jsonl", range(10))))
    held_out = studio.datasets.wait(studio.datasets.add(rows(tmp_path / "held-out.jsonl", range(8, 12))))
    question = TokenCountRequest(studio.models.get("starter"), max_length=64, validation=held_out)
    studio.token_counts.start(train, question)

    def counted() -> TokenCount | None:
        found = studio.token_counts.look(train, question)
        assert found.status != "failed", found.fault
        return found if found.status == "done" else None

    examination = wait_for(counted, seconds=SECONDS, what="the examination")
    assert examination is not None
    problems, total = browse.problems(train, codes=["leakage"], token_count=examination)
    assert total == 2
    assert [(p.line, p.values["twin"]) for p in problems] == [(9, 1), (10, 2)]

    made = studio.datasets.clean("train", CleanActions(drop_leaks=True), counts_folder=examination.folder)
    clean = studio.datasets.wait(made, SECONDS)
    assert (clean.reference, clean.rows, clean.details.left_out["drop"]) == ("train@2", 8, 2)
    assert studio.datasets.get("train@1").rows == 10
