"""The queue, a sweep and one run, as a person uses them: with a tiny model that really trains."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import read_spec
from studio.services.runs.progress import NOTES
from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.studio_process import Server, serving
from tests.support.tiny_models import tiny_model
from tests.support.waiting import wait_for

MINUTES = 300_000
# Below the chart of a run of so many steps.
TICKS = """async (total) => {
  const { lineChart } = await import('studio/ui/chart/line_chart.js');
  const place = document.createElement('div');
  place.style.width = '1000px';
  document.body.append(place);
  const series = [{name: 'loss', points: [[1, 2], [total, 1]]}];
  lineChart(place, {label: 'loss', xMax: total, height: 300, series});
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  const ticks = [...place.querySelectorAll('.tick[text-anchor=middle]')].map((tick) => tick.textContent).join(' ');
  place.remove();
  return ticks;
}"""


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

    page.locator("#training").get_by_role("link", name="long", exact=True).click()
    expect(page.locator("#run-status")).to_have_attribute("data-status", "running", timeout=MINUTES)
    expect(page.locator("#checkpoints tbody tr").first).to_be_visible(timeout=MINUTES)
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="End now").click()
    page.get_by_role("button", name="End now").last.click()
    expect(page.locator("#run-status")).to_have_attribute("data-status", "stopped", timeout=MINUTES)
    page.locator("#resume-run").click()
    expect(page.locator("#history")).to_contain_text("Continues from step", timeout=MINUTES)
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


STEPS = 4000


@pytest.fixture
def broken(bed: Bed) -> int:
    """A failed run of many steps, as a dispatcher has recorded it before a server looks after the home."""
    catalogue = bed.studio.catalogue
    id = bed.submit("long", STEPS)
    folder = bed.folder(id)
    folder.path.mkdir(parents=True)
    folder.log.write_text("the last words\n")
    catalogue.change_run(id, RunStatus.STARTING, attempt=1, started_at=1.0, total_steps=STEPS, folder=str(folder.path))
    figures = {"learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 9.0, "memory": 1}
    losses = {step: 9.0 if step == 1234 else 1 + math.exp(-step / 500) for step in range(1, STEPS + 1)}
    metrics = [
        {"kind": "step", "step": step, "seq": step, "at": float(step), "loss": loss, **figures}
        for step, loss in losses.items()
    ]
    samples = [
        {"step": step, "place": 0, "prompt": "Who?", "text": f"<b>Arr</b> {step}", "seq": step}
        for step in (2000, STEPS)
    ]
    notes = [(2.0, NOTES["resumed"], {"step": 1500})]
    catalogue.record_progress(id, metrics, samples=samples, notes=notes, step=STEPS, train_loss=losses[STEPS])
    catalogue.change_run(id, RunStatus.FAILED, ended_at=9.0, problem="It broke.", remedy="Fix it.")
    return id


@pytest.fixture
def many(bed: Bed) -> None:
    for n in range(60):
        bed.studio.catalogue.change_run(bed.submit(f"tide-{n}", 1), RunStatus.CANCELLED)


def see_two_answers(page: Page) -> None:
    """Until the page has read again what it shows, and again."""
    for _ in range(2):
        with page.expect_response(lambda answer: "component_server" in answer.url):
            pass


def test_a_long_curve_is_drawn_whole_with_its_peak_and_marks_and_answers_are_text(
    broken: int, server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/runs?id={broken}")
    chart = page.locator(".chart-plot").first
    expect(chart).to_have_accessible_name(re.compile(r"smoothed: from 1.990 to 1.000.*resumed \(Step 1,500\)"))
    chart.focus()
    page.keyboard.press("End")
    expect(page.locator(".chart-tip.on")).to_contain_text("4,000")
    expect(page.locator(".chart .tick", has_text=re.compile("^8"))).to_have_count(1)  # the peak is in it
    see_two_answers(page)
    expect(chart).to_be_focused()
    expect(page.locator("#samples .answer")).to_have_text(f"<b>Arr</b> {STEPS}")
    page.get_by_label("After step").fill("0")
    expect(page.locator("#samples .answer")).to_have_text("<b>Arr</b> 2000")
    expect(page.get_by_role("alert").first).to_contain_text("It broke.")
    expect(page.get_by_label("Worker log")).to_have_text("the last words")
    expect(page.locator("#resume-run")).to_be_visible()


@pytest.mark.usefixtures("many")
def test_typing_in_the_search_is_not_disturbed_by_what_the_page_reads_meanwhile(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/runs")
    rows = page.get_by_role("table", name="Runs").locator("tbody tr")
    expect(rows).to_have_count(50)
    page.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(10)
    search = page.get_by_label("Search runs")
    search.press_sequentially("tide-5")
    expect(rows).to_have_count(11)
    see_two_answers(page)
    expect(search).to_be_focused()
    search.press_sequentially("7")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("tide-57")


def test_a_double_click_on_start_makes_one_run_and_its_open_menu_stays_while_it_is_followed(
    bed: Bed, server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/train")
    page.locator("#adapter-name").fill("once")
    page.locator("details:has([id='training.max_steps']) > summary").click()
    page.locator("[id='training.max_steps']").fill("1000000")
    page.locator("#start-training").dblclick()
    page.wait_for_url(re.compile(r"/runs\?id=\d+"))
    expect(page.locator("#run-status")).to_have_attribute("data-status", "running", timeout=MINUTES)
    assert [run.name for run in bed.studio.catalogue.runs()] == ["once"]
    page.get_by_role("button", name="More actions").click()
    see_two_answers(page)
    page.get_by_role("menuitem", name="Discard…").click()
    page.get_by_role("button", name="Discard", exact=True).click()
    expect(page.locator("#run-status")).to_have_attribute("data-status", "cancelled", timeout=MINUTES)


def test_a_chart_has_no_half_step(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/runs")
    for total, ticks in ((1, "0 1"), (3, "0 1 2 3"), (12, "0 2 4 6 8 10 12")):
        assert page.evaluate(TICKS, total) == ticks


@pytest.fixture
def measured(bed: Bed) -> list[int]:
    """Nine finished runs of ten steps that were evaluated after the fifth and the last; the first and the ninth have
    one colour."""
    catalogue = bed.studio.catalogue
    ids = [bed.submit(f"tide-{n}", 10) for n in range(1, 10)]
    for id in ids:
        catalogue.change_run(id, RunStatus.STARTING, attempt=1, started_at=1.0, total_steps=10)
        figures = {"learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 9.0, "memory": 1}
        metrics = [
            {"kind": kind, "step": n, "seq": n, "at": float(n), "loss": 3 / n + id, **told}
            for kind, told, at in (("step", figures, range(1, 11)), ("eval", dict.fromkeys(figures), (5, 10)))
            for n in at
        ]
        catalogue.record_progress(id, metrics, step=10, train_loss=1.0, eval_loss=8.0)
        catalogue.change_run(id, RunStatus.RUNNING)
        catalogue.change_run(id, RunStatus.FINISHED, ended_at=9.0)
    return ids


def test_the_chart_shows_an_evaluation_loss_only_where_one_was_measured(
    measured: list[int], server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/runs?id={measured[0]}")
    chart = page.locator(".chart-plot").first
    chart.focus()
    tip = page.locator(".chart-tip.on")
    for step in range(1, 11):
        page.keyboard.press("ArrowRight")
        expect(tip).to_contain_text(re.compile(rf"^Step {step}\D"))
        expect(tip.get_by_text("evaluation loss", exact=True)).to_have_count(1 if step in (5, 10) else 0)
        expect(tip.get_by_text("smoothed", exact=True)).to_have_count(1)
    tile = page.locator(".stats > div").filter(has_text="Training loss")
    expect(tile).to_contain_text("mean of the last 10 steps")


def colours(page: Page) -> dict[str, str]:
    """The dot of each run, by its id."""
    dots = "(all) => all.map((row) => [row.dataset.key, row.querySelector('.dot').outerHTML])"
    return dict(page.locator("#compared tbody tr").evaluate_all(dots))


def test_a_run_keeps_its_colour_however_the_runs_are_sorted_left_out_and_put_together(
    measured: list[int], server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/runs?ids={','.join(map(str, measured))}")
    expect(page.locator("#compared tbody tr")).to_have_count(9)
    first = colours(page)
    assert len(set(first.values())) == 9, "the first and the ninth differ in another way than by their colour"
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#compared tbody tr").first).to_contain_text("tide-9")
    page.get_by_role("checkbox", name="Select tide-2").uncheck()
    assert colours(page) == first
    page.goto(f"{server.url}/runs?ids={measured[4]},{measured[2]}")
    expect(page.locator("#compared tbody tr")).to_have_count(2)
    some = colours(page)
    assert some == {name: first[name] for name in some}
    page.goto(f"{server.url}/runs")
    dot = page.get_by_role("table", name="Runs").get_by_role("row").filter(has_text="tide-3").locator(".dot")
    assert dot.evaluate("(node) => node.outerHTML") == first[str(measured[2])]
    dashes = "() => [...document.querySelectorAll('.chart-legend li')].map((each) => each.querySelector('i').outerHTML)"
    page.goto(f"{server.url}/runs?ids={measured[8]},{measured[0]}")
    expect(page.locator(".chart-legend li")).to_have_count(2)
    assert len(set(page.evaluate(dashes))) == 2


def test_settings_of_the_same_name_are_told_apart_and_leave_room_for_the_runs_names(
    bed: Bed, measured: list[int], server: Server, page: Page
) -> None:
    spec = bed.run(measured[1]).spec
    others = {name: section for name, section in spec.items() if name != "lora"}
    miss = read_spec(others | {"method": {"kind": "miss"}}).model_dump(mode="json")
    bed.studio.catalogue.change_run(measured[1], spec=miss)
    page.goto(f"{server.url}/runs?ids={measured[0]},{measured[1]}")
    expect(page.locator("#compared tbody tr")).to_have_count(2)
    heads = [head.rstrip("↑↓ ") for head in page.locator("#compared thead th").all_inner_texts()]
    assert {"method", "lora.r", "miss.r", "lora_alpha"} <= set(heads) and len(heads) == len(set(heads)), heads
    name = page.locator("#compared tbody th").first
    assert name.evaluate("(cell) => cell.clientHeight < 60"), "on one line"


def test_the_sidebar_says_what_a_run_does_once_its_steps_are_done_and_what_is_on_hold(
    bed: Bed, server: Server, page: Page
) -> None:
    bed.studio.runs.submit(read_spec(bed.run(bed.submit("tide", 10**6)).spec), "later", hold=True)
    page.goto(f"{server.url}/runs?id=1")
    pill = page.locator("#live")
    expect(pill).to_contain_text("tide")
    expect(pill).to_contain_text("1 on hold")
    wait_for(lambda: len(bed.curve(1)) > 4, seconds=MINUTES / 1000, what="a checkpoint that can be kept")
    page.locator("#stop-run").click()
    page.get_by_role("button", name="Stop and keep the adapter").last.click()
    expect(page.locator("#open-playground")).to_be_visible(timeout=MINUTES)
    expect(pill).to_contain_text("On hold")
    expect(pill).to_contain_text("later")
    expect(pill).not_to_contain_text("Training")
    page.goto(server.url)
    expect(page.get_by_role("region", name="What runs now")).to_contain_text("1 on hold")
