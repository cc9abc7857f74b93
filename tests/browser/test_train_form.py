"""The train page of a new studio, whose first model is not ready yet."""

import json
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect

from studio.domain.events import Finished
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from tests.support.studio_process import serving
from tests.support.workers import handle_of


def test_the_first_model_is_chosen_as_soon_as_it_is_ready(page: Page, tmp_path: Path) -> None:
    home, model = tmp_path / "home", tmp_path / "model"
    for folder in (home, model):
        folder.mkdir()
    (model / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
    fetching = JobFolder(tmp_path / "fetching")
    fetching.path.mkdir()
    worker = psutil.Process()  # this very test stands for the one that fetches
    catalogue = Catalogue(read_settings({}, home=home).url)
    catalogue.add_model(
        name="first", reference="first", source="folder", status="preparing", path="", folder=str(fetching.path),
        worker=handle_of(worker),
    )  # fmt: skip
    catalogue.close()
    with serving(home) as server:
        page.goto(f"{server.url}/train")
        choice = page.locator("[id='model.name']")
        expect(choice).to_contain_text("first (being prepared)")
        expect(choice).to_have_value("")
        fetching.append(Finished(path=str(model), size=1, details={"chat_template": True}))
        expect(choice).to_have_value("first")
        expect(page.locator(".about")).to_contain_text("has a chat template")
