"""A dataset of the Hub is searched by name, looked at and added; a Hub that does not answer is asked again."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.support.fake_hub.server import HubServer, running_hub
from tests.support.hub_fixtures import hub_environment
from tests.support.studio_process import Server, serving

CARD = """---
configs:
- config_name: songs
  default: true
  data_files:
  - split: train
    path: songs.jsonl
  - split: held_out
    path: held-out.jsonl
- config_name: tales
  data_files: tales.jsonl
---
"""


def row(text: str) -> bytes:
    return json.dumps({"text": text}).encode()


@dataclass(frozen=True)
class Place:
    hub: HubServer
    server: Server


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hub-search")
    (folder / "home").mkdir()
    with running_hub(folder / "hub", {}) as hub:
        files = {
            "README.md": CARD.encode(), "songs.jsonl": row("Heave ho."), "held-out.jsonl": row("Blow the man down."),
            "tales.jsonl": row("Once, in a calm."),
        }  # fmt: skip
        hub.add_repository("datasets/ada/sea-songs", files, downloads=70_000, likes=3, tags=["size_categories:n<1K"])
        hub.add_repository("datasets/ben/sea-charts", {"a.csv": b"text\nAhoy.\n"}, downloads=9, gated=True)
        with serving(folder / "home", **hub_environment(hub, folder / "cache")) as server:
            yield Place(hub, server)


def opened(place: Place, page: Page) -> None:
    page.goto(f"{place.server.url}/datasets")
    page.get_by_role("button", name="From the Hub…").click()


def test_a_dataset_is_found_by_name_chosen_by_the_keyboard_and_one_of_its_splits_added(
    place: Place, page: Page
) -> None:
    opened(place, page)
    field = page.get_by_role("combobox", name="Dataset")
    expect(field).to_be_focused()
    field.press_sequentially("sea")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(options.first).to_contain_text(re.compile("ada/sea-songs.*70K downloads.*3 likes.*< 1K rows"))
    expect(options.nth(1)).to_contain_text("gated")
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    field.press("ArrowUp")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    field.press("Escape")  # closes the list, not the dialog
    expect(options).to_have_count(0)
    field.press("ArrowDown")  # opens it again, at its first
    field.press("Enter")
    expect(field).to_have_value("ada/sea-songs")

    split, download = page.get_by_label("Split"), page.locator("#dataset-hub-download")
    expect(split.locator("option")).to_have_text(["train", "held_out"])
    expect(download).to_contain_text("1 file · 21 B")
    split.select_option("held_out")
    expect(download).to_contain_text("held-out.jsonl")
    page.get_by_role("combobox", name="Configuration").select_option("tales")
    expect(split.locator("option")).to_have_text(["train"])
    expect(download).to_contain_text("tales.jsonl")
    page.get_by_role("combobox", name="Configuration").select_option("songs")
    split.select_option("held_out")
    page.get_by_role("button", name="Add dataset").click()
    card = page.locator("#dataset")
    expect(card).to_have_attribute("data-reference", "sea-songs@1")
    expect(card).to_have_attribute("data-status", "ready")
    expect(card).to_contain_text("Blow the man down.")


def test_a_hub_that_does_not_answer_is_asked_again_by_itself_and_by_a_button(place: Place, page: Page) -> None:
    place.hub.fail_next(r"GET /api/datasets$", 503, times=2)
    place.hub.drop_next(r"GET /api/datasets$", times=1)
    opened(place, page)
    field, away = page.get_by_role("combobox", name="Dataset"), page.locator(".hub-away:visible")
    field.fill("sea")
    expect(away).to_contain_text("cannot answer now (error 503)")
    expect(away).to_contain_text("does not answer")  # after two tries by itself
    away.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("option")).to_have_count(2)
    expect(away).to_have_count(0)
    expect(page.locator(".toast")).to_have_count(0)


def test_an_id_needs_no_search_and_a_gated_dataset_says_where_its_terms_are(place: Place, page: Page) -> None:
    opened(place, page)
    field = page.get_by_role("combobox", name="Dataset")
    field.fill(f"{place.hub.endpoint}/datasets/ben/sea-charts")
    field.press("Enter")
    expect(field).to_have_value("ben/sea-charts")
    refusal = page.get_by_role("dialog").get_by_role("alert").filter(has_text="is gated")
    expect(refusal).to_contain_text(f"{place.hub.endpoint}/datasets/ben/sea-charts")
    expect(page.get_by_role("button", name="Add dataset")).to_be_disabled()
    field.fill("ada/sea-songs")
    page.get_by_role("option", name="ada/sea-songs").first.click()
    expect(page.get_by_label("Split")).to_have_value("train")
    expect(page.get_by_role("button", name="Add dataset")).to_be_enabled()


def test_pauses_grow_and_an_older_answer_never_takes_the_place_of_a_newer_one(alone: Page) -> None:
    alone.clock.install(time=0)
    alone.clock.pause_at(60_000)  # time passes when the test says so
    alone.evaluate("""async () => {
        const { persistentAsker } = await import("studio/pages/datasets/hub/persistent.js");
        window.asked = [];
        window.told = [];
        const asker = persistentAsker({
            ask: (question) => new Promise((answer) => asked.push({ question, answer })),
            onAnswer: ({ found }) => told.push(found),
            onFault: (fault) => told.push(String(fault)),
        });
        document.body.append(asker.line);
        window.asker = asker;
    }""")
    answer = "([at, value]) => asked[at].answer(value)"
    for words in ("old", "new"):
        alone.evaluate("(words) => void asker.ask(words)", words)
    alone.evaluate(answer, [1, {"found": "new"}])
    alone.evaluate(answer, [0, {"found": "old"}])
    assert alone.evaluate("told") == ["new"]

    alone.evaluate("() => void asker.ask('sea')")
    away = {"problem": "Nobody answers.", "pause": 0}
    for pause in (2, 4, 8, 16, 32, 60, 60):  # seconds, each up to a tenth more or less
        count = alone.evaluate("asked.length")
        alone.evaluate(answer, [count - 1, {"away": away}])
        expect(alone.locator(".hub-away")).to_contain_text("Nobody answers.")
        alone.clock.run_for(int(pause * 899))
        assert alone.evaluate("asked.length") == count
        alone.clock.run_for(int(pause * 210 + 10))
        assert alone.evaluate("asked.length") == count + 1
    alone.evaluate(answer, [alone.evaluate("asked.length") - 1, {"away": away | {"pause": 200}}])
    alone.clock.run_for(170_000)
    count = alone.evaluate("asked.length")
    alone.get_by_role("button", name="Try again").click()
    assert alone.evaluate("asked.length") == count + 1
    alone.evaluate(answer, [count, {"found": "sea"}])
    expect(alone.locator(".hub-away")).to_be_hidden()
    alone.clock.run_for(300_000)
    assert alone.evaluate("[asked.length, told]") == [count + 1, ["new", "sea"]]
