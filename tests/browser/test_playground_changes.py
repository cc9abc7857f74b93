"""The playground stays open while runs begin, end and leave adapters."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.playground_page import MINUTES, lane
from tests.support.studio_process import Server, serving
from tests.support.tiny_models import tiny_model
from tests.support.waiting import wait_for


@pytest.fixture
def bed(tmp_path: Path, starter: Path) -> Iterator[Bed]:
    with opened(tmp_path / "home", tiny_model(tmp_path / "tiny", starter, "llama")) as bed:
        bed.studio.lock.release()
        yield bed


@pytest.fixture
def server(bed: Bed) -> Iterator[Server]:
    with serving(bed.home) as server:
        yield server


def test_a_column_follows_its_run_to_the_adapter_and_a_new_adapter_can_be_chosen_at_once(
    bed: Bed, server: Server, page: Page
) -> None:
    id = bed.submit("tide", 10**6)
    step = wait_for(lambda: bed.run(id).checkpoint_step, seconds=120, what="a checkpoint")
    page.goto(f"{server.url}/playground?columns=tiny~!({id}.{step}")
    column = page.locator(".board .lane").nth(1)
    expect(column).to_have_attribute("aria-label", f"tide, step {step}")
    page.locator("#add-column").click()
    picker = page.get_by_role("dialog")
    expect(picker.get_by_role("button", name=re.compile("^tide, step"))).not_to_have_count(0)
    expect(picker.get_by_role("button", name=re.compile("^tide on"))).to_have_count(0)

    bed.studio.run_control.stop(id)
    expect(picker.get_by_role("button", name=re.compile("^tide on"))).to_have_count(1, timeout=MINUTES)
    expect(picker.get_by_role("button", name=re.compile("^tide, step"))).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    expect(column).to_contain_text("The run “tide” has ended.", timeout=MINUTES)
    column.get_by_role("button", name="Use the adapter “tide”").click()
    expect(lane(page, "tide")).to_be_visible()
    expect(page).to_have_url(re.compile("columns=tiny%7E%21tide"))
    expect(page.locator(".board")).not_to_contain_text("has ended")

    page.locator("#add-column").click()
    expect(picker.get_by_role("button", name=re.compile("^tide"))).to_have_count(1)
    picker.get_by_role("button", name=re.compile("^tide")).click()
    expect(page.locator(".board .lane")).to_have_count(3)
