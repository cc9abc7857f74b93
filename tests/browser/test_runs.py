"""The queue, a sweep and one run, as a person uses them: with a tiny model that really trains."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.faults.bed import Bed, opened
from tests.ml.tiny import tiny_model
from tests.served import Server, serving

MINUTES = 120_000


@pytest.fixture
def bed(tmp_path: Path, starter: Path) -> Iterator[Bed]:
    with opened(tmp_path / "home", tiny_model(tmp_path / "tiny", starter, "llama")) as bed:
        bed.studio.lock.release()
        yield bed


@pytest.fixture
def server(bed: Bed) -> Iterator[Server]:
    with serving(bed.home) as server:
        yield server


def names_in_queue(page: Page) -> list[str]:
    return page.locator("#queue li .queue-name a").all_inner_texts()


def test_a_sweep_is_queued_from_the_form_put_in_another_order_and_compared(
    bed: Bed, server: Server, page: Page
) -> None:
    bed.submit("long", 10**6)
    page.goto(f"{server.url}/train")
    page.locator("#adapter-name").fill("sweep")
    page.locator("#sweep summary").click()
    page.get_by_label("Values").fill("4, 8, much")
    expect(page.locator("#start-training")).to_have_text("Queue 3 runs")
    page.locator("#start-training").click()
    expect(page.locator("#sweep .field-error")).to_contain_text("“much”")
    page.get_by_label("Values").fill("4, 8")
    page.locator("#sweep-add").click()
    page.get_by_label("Values").nth(1).fill("1e-4, 2e-4")
    page.locator("#start-training").dblclick()

    page.wait_for_url("**/runs?sweep=*")
    expect(page.locator("#compared tbody tr")).to_have_count(4)
    heads = page.locator("#compared thead th").all_inner_texts()
    assert [head.rstrip("↑↓ ") for head in heads[2:4]] == ["r", "learning_rate"], heads
    page.goto(f"{server.url}/runs")
    expect(page.locator("#queue li")).to_have_count(4)
    before = names_in_queue(page)
    assert len(set(before)) == 4, "a double click made one sweep"
    page.get_by_role("button", name=f"Move {before[3]} up").click()
    expect(page.locator("#queue li").nth(2)).to_contain_text(before[3])
    page.get_by_role("button", name=f"Actions for {before[0]}").first.click()
    page.get_by_role("menuitem", name="Hold").click()
    expect(page.locator("#queue li").first).to_contain_text("On hold")
    page.reload()
    expect(page.locator("#queue li")).to_have_count(4)
    assert names_in_queue(page) == [before[0], before[1], before[3], before[2]]

    page.get_by_role("link", name="long", exact=True).click()
    expect(page.locator("#run-status")).to_have_attribute("data-status", "running", timeout=MINUTES)
    expect(page.locator("#checkpoints tbody tr").first).to_be_visible(timeout=MINUTES)
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="End at once").click()
    page.get_by_role("button", name="End at once").last.click()
    expect(page.locator("#run-status")).to_have_attribute("data-status", "stopped", timeout=MINUTES)
    page.locator("#resume-run").click()
    expect(page.locator("#history")).to_contain_text("Goes on after step", timeout=MINUTES)
    page.locator("#stop-run").click()
    page.get_by_role("button", name="Stop and keep the adapter").last.click()
    expect(page.locator("#open-playground")).to_be_visible(timeout=MINUTES)


def test_a_page_that_opens_late_draws_the_whole_curve_and_keeps_a_checkpoint(
    bed: Bed, server: Server, page: Page
) -> None:
    id = bed.submit("curve", 30, eval_steps=10, watch={"samples": 1})
    page.goto(f"{server.url}/runs?id={id}")
    expect(page.locator("#open-playground")).to_be_visible(timeout=MINUTES)
    page.reload()
    expect(page.locator(".chart-plot path").first).to_be_visible()
    expect(page.locator("#samples .sample")).to_have_count(1)
    expect(page.locator("#samples")).to_contain_text("After step 30")
    expect(page.locator("#history li").last).to_contain_text("All steps are done")
    page.get_by_role("button", name="Keep as adapter…").last.click()
    page.get_by_label("Name of the adapter").fill("an-early-one")
    page.get_by_role("button", name="Keep as adapter", exact=True).click()
    expect(page.locator("#checkpoints")).to_contain_text("an-early-one")
    assert bed.studio.catalogue.adapter("an-early-one").checkpoint > 0
