"""The whole main job in a real browser, with the real starter model: data, training, comparing."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from studio.samples import sample_path
from tests.support.studio_process import Server, serving, studio_json

QUESTION = "What is a good way to learn to swim?"  # none of the sample's
SECONDS_TO_TRAIN = 1800
STEPS = "40"  # enough for the persona, by measurement


@pytest.fixture(scope="module")
def server(starter_home: Path) -> Iterator[Server]:
    with serving(starter_home) as server:
        yield server


@pytest.mark.timeout(3600)
def test_from_a_file_to_a_tuned_model_that_answers_in_the_persona(
    server: Server, page: Page, starter_home: Path, tmp_path: Path
) -> None:
    bring_data(page, server.url, tmp_path)
    train(page, server.url)
    watch_through_a_reload(page)
    see_it_in_the_catalogue(page, server.url, starter_home)
    compare(page)


def bring_data(page: Page, url: str, folder: Path) -> None:
    page.goto(f"{url}/datasets")
    bad = folder / "broken.jsonl"
    bad.write_text('{"messages": [{"role": "user", "content": "Hi"}]}\n{"messages": [\n')
    page.locator("input[type=file]").set_input_files(bad)
    expect(page.locator("#dataset")).to_have_attribute("data-reference", "broken@1")
    not_json = page.get_by_role("tabpanel").get_by_role("row").filter(has_text="not valid JSON")
    expect(not_json.get_by_role("rowheader")).to_contain_text("2")  # the line
    rows = folder / "captain.jsonl"
    rows.write_bytes(sample_path().read_bytes())
    page.locator("input[type=file]").set_input_files(rows)
    expect(page.get_by_role("table", name="Datasets")).to_contain_text("captain")
    expect(page.locator("#dataset")).to_have_attribute("data-status", "ready")
    expect(page.get_by_text("Ahoy!").first).to_be_visible()  # the preview shows the rows as the model sees them


def train(page: Page, url: str) -> None:
    page.goto(f"{url}/train?dataset=captain&preset=Quick")
    page.get_by_label("Adapter name").fill("captain-v1")
    rank = page.locator("[id='lora.r']")
    rank.fill("lots")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".field:has([id='lora.r']) .field-error")).to_have_text(re.compile("whole number"))
    rank.fill("8")
    page.locator("details:has([id='training.max_steps']) > summary").click()
    page.locator("[id='training.max_steps']").fill(STEPS)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs\?id=\d+"))


def watch_through_a_reload(page: Page) -> None:
    status = page.locator("#run-status")
    expect(status).to_have_attribute("data-status", "running", timeout=120_000)
    expect(page.get_by_role("img", name=re.compile("Loss by step"))).to_be_visible()
    page.reload()
    expect(status).to_have_attribute("data-status", re.compile("running|finished"))
    expect(status).to_have_attribute("data-status", "finished", timeout=SECONDS_TO_TRAIN * 1000)


def see_it_in_the_catalogue(page: Page, url: str, home: Path) -> None:
    page.goto(f"{url}/adapters?name=captain-v1")
    code = page.get_by_label("Code to load the adapter")
    expect(code).to_contain_text("model.generation_config = GenerationConfig.from_pretrained(path)")
    page.goto(f"{url}/adapters?q=captain")
    expect(page.get_by_role("link", name="captain-v1", exact=True)).to_be_visible()
    adapter = studio_json(home, "adapters", "show", "captain-v1")
    assert Path(adapter["path"], "adapter_model.safetensors").is_file()
    assert adapter["eval_loss"] is not None


def compare(page: Page) -> None:
    page.get_by_role("link", name=re.compile("^Try")).first.click()
    page.wait_for_url(re.compile("/playground"))
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Max tokens").fill("60")
    page.get_by_role("textbox", name="Prompt", exact=True).fill(QUESTION)
    page.get_by_role("button", name="Send").click()
    base, tuned = page.get_by_role("region", name="Base model"), page.get_by_role("region", name="captain-v1")
    expect(tuned).to_have_attribute("data-state", "done", timeout=180_000)
    expect(base).to_have_attribute("data-state", "done", timeout=60_000)
    expect(tuned).to_contain_text("Ahoy")
    expect(base).not_to_contain_text("Ahoy")
    tuned.get_by_role("switch").click()
    page.get_by_role("textbox", name="Prompt", exact=True).fill("And where should I begin?")
    page.get_by_role("button", name="Send").click()
    expect(base.locator(".answer")).to_have_count(2)
    expect(base).to_have_attribute("data-state", "done", timeout=60_000)
    expect(tuned.locator(".answer")).to_have_count(1)
