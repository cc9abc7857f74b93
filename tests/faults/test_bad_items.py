"""One bad item in a real server's care is marked as failed with its words; the others go on, also after a restart."""

from __future__ import annotations

import json
from pathlib import Path

from studio.domain.events import Finished
from studio.domain.jobs.models import FetchRequest
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from tests.support.hostile_input import whole_model
from tests.support.idle_server import IdleServer
from tests.support.waiting import wait_for


def prepared(home: Path, *models: tuple[str, int]) -> None:
    """Models whose workers have said their last word, with so many parameters, and that nobody has read yet."""
    catalogue = Catalogue(read_settings({}, home=home).url)
    for name, parameters in models:
        folder = JobFolder(home / "models" / name)
        folder.prepare(FetchRequest(source="folder", reference=name))
        path = whole_model(home / "brought" / name)
        folder.append(Finished(path=str(path), size=1, details={"parameters": parameters}))
        catalogue.add_model(
            name=name, reference=str(path), source="folder", status="preparing", folder=str(folder.path)
        )
    catalogue.close()


def states(server: IdleServer) -> dict[str, str]:
    shown = json.loads(server.call("models"))
    return {model["name"]: model["status"] for model in shown if model["name"] != "starter"}


def test_a_model_that_cannot_be_kept_keeps_no_other_waiting_also_after_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    prepared(home, ("bad", (2**63 - 1) * 100), ("good", 7))
    server = IdleServer(home)
    try:
        wait_for(lambda: states(server) == {"bad": "failed", "good": "ready"}, seconds=60, what="a verdict on both")
    finally:
        server.kill()
    prepared(home, ("worse", 2**64), ("later", 7))
    server = IdleServer(home)
    try:
        expected = {"bad": "failed", "good": "ready", "worse": "failed", "later": "ready"}
        wait_for(lambda: states(server) == expected, seconds=60, what="a verdict on those that came meanwhile")
    finally:
        server.stop()
