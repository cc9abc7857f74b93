"""The handlers behind the home page, on a real catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.ui.pages import home, train
from tests.support.page_requests import values


def test_home_tells_what_is_done_and_what_runs(studio, model):
    assert home.overview(studio)["datasets"] == 0
    dataset = home.add_sample(studio)["name"]
    train.start(studio, values(dataset), "captain", "key")
    seen = home.overview(studio)
    assert (seen["datasets"], seen["dataset"], seen["adapters"]) == (1, dataset, 0)
    assert [(run["name"], run["status"]) for run in seen["runs"]] == [("captain", "queued")]
    studio.run_control.stop(seen["runs"][0]["id"])
    assert home.overview(studio)["runs"] == []


def test_home_says_that_the_catalogue_has_lost_something_and_takes_it_in_again(studio: Any, tmp_path: Path) -> None:
    file = tmp_path / "captain.jsonl"
    file.write_text('{"text": "Ahoy!"}\n')
    added = studio.datasets.wait(studio.datasets.add(file))
    assert home.overview(studio)["unknown"] == 0
    studio.catalogue.delete_datasets([added.id])
    assert (home.overview(studio)["unknown"], home.overview(studio)["datasets"]) == (1, 0)
    assert home.repair(studio) == {"rebuilt": 1, "left": 0}
    studio.datasets.tick()
    found = studio.datasets.get("captain")
    assert (found.id, found.status, found.rows, found.sha256) == (added.id, "ready", 1, added.sha256)
    assert home.overview(studio)["unknown"] == 0


def test_the_starter_is_added_again_under_the_name_that_means_it(studio):
    studio.catalogue.add_model(
        name="starter", reference="owner/name", source="starter", status="failed", problem="No network.", remedy="Wait."
    )
    (shown,) = home.overview(studio)["models"]
    assert (shown["status"], shown["problem"], shown["reference"]) == ("failed", "No network.", "starter")
