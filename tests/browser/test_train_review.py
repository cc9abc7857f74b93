"""What a run would not learn is said on the train page before it is started."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.studio_process import Server, serving, studio_json
from tests.support.tool_conversations import WEATHER
from tests.support.training_jobs import conversation


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The starter's tokenizer, whose chat template knows no tools, and datasets of calls, of pairs and of long ones."""
    place = tmp_path_factory.mktemp("studio")
    home, model = place / "home", place / "model"
    for folder in (home, model):
        folder.mkdir()
    for file in (*Path(os.environ["STUDIO_TEST_STARTER"]).glob("*token*.json"), *_template()):
        shutil.copy(file, model)
    pair = {"prompt": "Where to?", "chosen": "West.", "rejected": "Nowhere."}
    files = {
        "calls": [WEATHER, conversation("And now?", "Sun.")],
        "pairs": [pair | {"prompt": f"Where to on day {i}?"} for i in range(3)],
        "long": [conversation("Where is it? " * 2000, "Here."), conversation("Where?", "There.")],
    }
    for name, rows in files.items():
        (place / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
        studio_json(home, "datasets", "add", str(place / f"{name}.jsonl"), "--name", name)
    catalogue = Catalogue(read_settings({}, home=home).url)
    catalogue.add_model(
        name="starter", reference="starter", source="folder", status="ready", path=str(model), chat_template=True
    )
    catalogue.close()
    with serving(home) as server:
        yield server


def _template() -> list[Path]:
    return list(Path(os.environ["STUDIO_TEST_STARTER"]).glob("chat_template.jinja"))


def test_calls_that_the_template_drops_are_counted_until_another_template_is_chosen(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?model=starter&dataset=calls")
    review = page.locator("#review")
    lost = review.locator("[data-code='call_dropped']")
    expect(lost).to_contain_text("1 of 2 rows: tool calls are not trained on")
    expect(lost).to_contain_text("ChatML leaves nothing out")
    expect(lost).to_contain_text("Row 1: The base model's chat template leaves out the call to “weather” in turn 2")
    expect(page.locator("#start-training")).to_be_enabled()
    page.get_by_label("Chat template").select_option("ChatML")
    expect(lost).to_have_count(0)
    expect(review.get_by_role("progressbar")).to_have_count(0)
    expect(review.locator(".panel")).to_have_count(0)


def test_rows_that_max_length_leaves_nothing_of_are_counted(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?model=starter&dataset=long")
    left = page.locator("#review [data-code='no_trained_token']")
    expect(left).to_contain_text("1 of 2 rows is left out: nothing to train on within max length.")


def test_of_pairs_the_page_says_which_answers_are_trained_on(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?model=starter&dataset=pairs")
    expect(page.locator("#trained-part")).to_have_text("Of each pair, only the chosen answer is trained on.")
    page.goto(f"{server.url}/datasets?name=pairs")
    expect(page.locator(".factline")).to_contain_text("Supervised fine-tuning learns the chosen answer of each pair")


def test_the_form_has_the_settings_of_what_is_chosen(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/train?model=starter&dataset=pairs")
    lora, miss = page.get_by_role("region", name="LoRA adapter"), page.get_by_role("region", name="MiSS adapter")
    expect(lora).to_be_visible()
    expect(miss).to_be_hidden()
    page.get_by_label("PEFT method").select_option("MiSS")
    expect(miss).to_be_visible()
    expect(lora).to_be_hidden()
    page.get_by_text("Quick", exact=True).click()
    expect(miss.get_by_label("Rank")).to_have_value("16")
    page.get_by_label("Objective", exact=True).select_option("ORPO")
    expect(page.get_by_role("region", name="ORPO")).to_be_visible()
    expect(page.locator("#trained-part")).to_contain_text("preferred to the rejected one")
    page.get_by_label("Dataset", exact=True).select_option("long")
    expect(page.get_by_text("ORPO does not train on this dataset's format, chat.")).to_be_visible()
