"""A server that is killed during training: the run goes on, and the next server finds it whole."""

import json
import urllib.request
from pathlib import Path

import pytest

from studio.samples import sample_path
from studio.services.runs.service import Runs
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.studio_process import Server, studio_json
from tests.support.waiting import wait_for

STEPS = 12


@pytest.mark.long
def test_a_run_outlives_a_killed_server_and_its_curve_and_adapter_are_whole(starter_home: Path) -> None:
    studio_json(starter_home, "datasets", "add", str(sample_path()), "--name", "for-restart")
    server = Server(starter_home)
    run = studio_json(
        starter_home, "train", "--model", "starter", "--dataset", "for-restart", "--name", "survivor",
        "--training.max_steps", str(STEPS), "--training.eval_steps", "6", "--lora.r", "4",
        "--training.per_device_train_batch_size", "2",
    )  # fmt: skip
    catalogue = Catalogue(read_settings({}, home=starter_home).url)
    runs = Runs(catalogue)
    wait_for(lambda: runs.get(run["id"]).step >= 2, seconds=180, what="the second step")
    worker = runs.get(run["id"]).worker
    server.kill()
    assert runs.get(run["id"]).status == "running"

    server = Server(starter_home)
    try:
        done = wait_for(
            lambda: (r := runs.get(run["id"])).status == "finished" and r, seconds=180, what="the end of the run"
        )
        assert done.worker == ""
        assert worker
        steps = [m["step"] for m in runs.metrics(run["id"]) if m["kind"] == "step"]
        assert steps == list(range(1, STEPS + 1))
        assert [m["step"] for m in runs.metrics(run["id"]) if m["kind"] == "eval"][-1] == STEPS
        adapter = catalogue.adapter("survivor")
        assert adapter.run_id == run["id"]
        assert json.loads((Path(adapter.path) / "adapter_config.json").read_text())["r"] == 4
        with urllib.request.urlopen(f"{server.url}/runs?id={run['id']}", timeout=20) as page:
            assert page.status == 200
    finally:
        server.stop()
        catalogue.close()
