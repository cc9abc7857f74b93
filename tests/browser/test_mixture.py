"""Several datasets in one run, from the form to the curve of each, with a tiny model that really trains."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.studio_process import Server, serving
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import conversation, write_rows

MINUTES = 300_000


@pytest.fixture
def bed(tmp_path: Path, starter: Path) -> Iterator[Bed]:
    """30 rows of the captain, and 20 of a butler in two versions."""
    with opened(tmp_path / "home", tiny_model(tmp_path / "tiny", starter, "llama")) as bed:
        rows = write_rows(
            bed.home / "butler.arrow", [conversation(f"Tea {i}?", f"Certainly, tea {i} is served.") for i in range(20)]
        )
        for version in (1, 2):
            bed.studio.catalogue.add_dataset(
                name="butler", version=version, format="chat", sha256=f"{version}" * 64, file_name="b.jsonl",
                path=str(rows), rows_path=str(rows), rows=20, size=rows.stat().st_size, details={}, status="ready",
            )  # fmt: skip
        bed.studio.lock.release()
        yield bed


@pytest.fixture
def server(bed: Bed) -> Iterator[Server]:
    with serving(bed.home) as server:
        yield server


def test_a_mixture_of_two_datasets_is_trained_from_the_page_and_has_a_curve_for_each(
    bed: Bed, server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/train")
    page.locator("[id='data.name']").select_option("rows")
    expect(page.locator("#mixture")).to_be_hidden()
    page.locator("#add-dataset").click()
    mixture = page.locator("#mixture")
    expect(mixture.get_by_label("Dataset", exact=True)).to_be_focused()
    expect(mixture.locator("option[value=rows]")).to_be_disabled()
    mixture.get_by_label("Dataset", exact=True).select_option("butler")
    expect(mixture.get_by_label("Version")).to_contain_text("newest (2)")
    mixture.get_by_label("Version").select_option("1")
    mixture.get_by_label("Weight", exact=True).fill("much")
    expect(page.locator("[id='data.mix-error']")).to_contain_text("“much” cannot be the weight of “butler@1”")
    mixture.get_by_label("Weight", exact=True).fill("0.5")
    shares = mixture.locator(".mixture-share")
    expect(shares).to_contain_text([re.compile("75.?%.*27 rows an epoch"), re.compile("25.?%.*9 rows an epoch")])
    expect(shares.nth(1)).to_contain_text("of the tokens")
    estimate = page.get_by_role("region", name="Review")
    expect(estimate).to_contain_text("45 (36 an epoch)")
    expect(estimate).to_contain_text(re.compile(r"Tokens per epoch\s*about [\d.]+K"))
    expect(page.locator("[id='data.mix-error']")).to_be_empty()
    page.locator("#add-dataset").click()  # one that is not chosen is no part of it, and is not started with
    expect(shares.nth(1)).to_contain_text("9 rows an epoch")
    page.locator("#adapter-name").fill("both")
    page.locator("#start-training").click()
    expect(page.locator("[id='data.mix-error']")).to_contain_text("not chosen")
    mixture.get_by_role("button", name="Remove").last.click()
    expect(mixture.locator("li")).to_have_count(1)
    page.locator("details:has([id='training.max_steps']) > summary").click()
    page.locator("[id='training.max_steps']").fill("6")
    page.locator("[id='training.eval_steps']").fill("3")
    page.locator("#start-training").click()

    page.wait_for_url(re.compile(r"/runs\?id=\d+"))
    expect(page.locator("#open-playground")).to_be_visible(timeout=MINUTES)
    expect(page.get_by_role("tab", name="Loss by dataset")).to_have_attribute("aria-selected", "true")
    legend = page.locator(".chart-legend").first.locator("li")
    expect(legend).to_have_text(["all", "rows", "butler", "rows, evaluation", "butler, evaluation"])
    expect(page.locator(".chart-plot").first).to_have_accessible_name(
        re.compile(r"rows: from \d.*butler: from \d.*rows, evaluation.*butler, evaluation")
    )
    expect(page.locator("#trained-datasets li")).to_contain_text(
        ["weight 1: 27 rows an epoch, of 27", "weight 0.5: 9 rows an epoch, of 18"]
    )
    (run,) = bed.studio.runs.list()
    assert run.mixture == ["butler@1=0.5"]

    page.get_by_role("link", name="Train again with changes").click()
    expect(mixture.get_by_label("Version")).to_have_value("1")
    expect(mixture.get_by_label("Weight", exact=True)).to_have_value("0.5")
    page.goto(f"{server.url}/adapters?name=both")
    expect(page.locator("#trained-datasets")).to_contain_text("butler")
