"""Blind comparing as somebody tries to see through it: nothing in the page tells who is who before the vote."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.playground_page import COLUMNS, MINUTES, ask, prepare
from tests.support.studio_process import Server, serving

# All that the page holds in sight or out of it, but for the address, which names the columns in their own order.
EVERYTHING = """() => {
  const board = document.querySelector('.board');
  const attributes = [...board.querySelectorAll('*')].flatMap((node) => [...node.attributes].map((each) => each.value));
  const boxes = [...document.querySelectorAll('dialog, [popover], .toast')].map((box) => box.outerHTML);
  return [document.title, board.textContent, ...attributes, ...boxes].join('\\n');
}"""
# What each column holds besides the words that it said, with the place of the column left out.
LANES = """() => [...document.querySelectorAll('.board .lane')].map((lane, place) => {
  const copy = lane.cloneNode(true);
  for (const said of copy.querySelectorAll('.answer')) said.replaceChildren();
  return copy.outerHTML.replaceAll(`Column ${'ABC'[place]}`, 'Column').replaceAll(`seat-${place}`, 'seat')
    .replaceAll(`Key ${place + 1}`, 'Key').replaceAll(`keyshortcuts="${place + 1}"`, 'keyshortcuts');
})"""
WATCHED = """() => {
  window.seen = [];
  const look = () => {
    const lanes = [...document.querySelectorAll('.board .lane')];
    window.seen.push(lanes.map((lane) => lane.getAttribute('aria-label')).join());
  };
  new MutationObserver(look).observe(document.querySelector('.board'), {childList: true, subtree: true});
}"""

PRESSED_AT_ONCE = """(keys) => {
  for (const key of keys) document.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}));
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Iterator[Server]:
    with serving(prepare(tmp_path_factory.mktemp("blind"), starter)) as server:
        yield server


def test_nothing_in_the_page_tells_who_is_who_until_the_vote(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground{COLUMNS}")
    ids = page.locator(".board .lane").evaluate_all("(lanes) => lanes.map((lane) => lane.dataset.key)")
    page.locator("#blind").check()
    expect(page.locator(".board .lane").first).to_have_attribute("aria-label", "Column A")
    page.evaluate(WATCHED)
    ask(page, "Who is the best of you?")
    held = page.evaluate(EVERYTHING)
    for tell in ("red", "blue", "tiny", "Base model", "0.5", "tokens/s", "adapter-", *ids):
        assert not re.search(rf"\b{re.escape(tell)}\b", held), tell
    lanes = page.evaluate(LANES)
    assert len(set(lanes)) == 1, lanes
    assert set(page.evaluate("window.seen")) == {"Column A,Column B,Column C"}
    for name in ("Tokens", "Differences"):
        expect(page.locator(".bench-tools").get_by_text(name, exact=True)).to_have_count(0)
    page.get_by_role("button", name="Share this comparison").click()
    page.get_by_role("menuitem", name="Export as JSON").click()
    expect(page.locator("#toasts")).to_contain_text("Vote and reveal the columns first.")


def test_a_blind_vote_is_given_once_and_is_the_best_answer(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground{COLUMNS}")
    page.locator("#blind").check()
    ask(page, "Who is quickest?")
    page.locator(".votes").focus()
    page.evaluate(PRESSED_AT_ONCE, "231tn")
    expect(page.locator(".votes")).to_contain_text("Your vote is saved.")
    second = page.locator(".board .lane").nth(1)
    expect(second.get_by_role("button", name="Best answer")).to_be_disabled()
    expect(page.get_by_role("button", name="Tie")).to_be_disabled()
    page.locator("#reveal").click()
    name = second.get_attribute("aria-label")
    expect(page.locator(".votes")).to_contain_text(f"You voted for {name}.")
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="All bad")).to_be_disabled()
    page.get_by_role("tab", name="Votes").click()
    row = page.get_by_role("table", name="Comparisons").get_by_role("row").filter(has_text="Who is quickest?")
    expect(row.locator("td").nth(1)).to_have_text(str(name) if name != "Base model" else "Base model tiny")


def test_answers_that_were_given_with_the_names_in_sight_are_not_voted_on_blind(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground{COLUMNS}")
    ask(page, "Which one is it?")
    page.locator(".board .lane").nth(1).get_by_role("button", name="Best").click()
    expect(page.locator(".board .lane").nth(1).get_by_role("button", name="Best answer")).to_be_visible()
    page.locator("#blind").check()
    expect(page.locator(".board .answer")).to_have_count(0)
    expect(page.get_by_role("button", name="Best answer")).to_have_count(0)
    for button in page.locator(".board .vote button, .votes button").all():
        expect(button).to_be_disabled()
    page.keyboard.press("t")
    page.keyboard.press("2")
    expect(page.locator(".votes")).to_contain_text("The columns are shuffled and have no names.")
    page.get_by_role("tab", name="Votes").click()
    row = page.get_by_role("table", name="Comparisons").get_by_role("row").filter(has_text="Which one is it?")
    expect(row.locator("td").nth(1)).to_have_text("red")


def test_a_round_in_which_a_column_fails_cannot_be_voted_on_and_can_be_revealed(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground?columns=tiny~!red~!(99.5")
    page.locator("#blind").check()
    ask(page, "Are all of you there?")
    expect(page.get_by_text("This column could not answer.")).to_have_count(1)
    expect(page.locator(".votes")).to_contain_text("Not every column has a visible answer")
    for button in page.locator(".board .vote button").all():
        expect(button).to_be_disabled()
    page.keyboard.press("t")
    page.locator("#reveal").click()
    expect(page.locator(".board")).to_contain_text("Run 99, step 5")
    expect(page.locator(".board")).to_contain_text("The run of this checkpoint no longer exists.")


def test_a_stopped_round_is_not_voted_on(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground{COLUMNS}")
    page.locator("#blind").check()
    page.locator(".bench-tools").get_by_text("Plain", exact=True).click()
    page.get_by_label("Max tokens").fill("400")
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Tell me a long story.")
    page.locator("#send").click()
    page.wait_for_function("() => document.querySelector('.board .answer')?.textContent.length > 40", timeout=MINUTES)
    lengths = page.locator(".board .answer").evaluate_all("(all) => all.map((said) => said.textContent.length)")
    assert len(lengths) == 3
    assert max(lengths) - min(lengths) < 20, "who is quicker is seen"
    page.keyboard.press("1")
    expect(page.get_by_role("button", name="Best answer")).to_have_count(0)
    page.locator("#stop").click()
    expect(page.locator(".votes")).to_contain_text("Not every column has a visible answer")
    for button in page.locator(".board .vote button").all():
        expect(button).to_be_disabled()
