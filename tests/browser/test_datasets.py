"""The doctor in a real browser: problems read and cleaned, columns mapped by hand, a large file paged and searched."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.studio_process import Server, serving, studio_json

LARGE = 200_000  # rows


@pytest.fixture(scope="module")
def server(starter_home: Path) -> Iterator[Server]:
    with serving(starter_home) as server:
        yield server


def row(question: str, answer: str) -> str:
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns})


def drop(page: Page, server: Server, file: Path) -> None:
    page.goto(f"{server.url}/datasets")
    page.locator("#dataset-file").set_input_files(file)


@pytest.mark.timeout(600)
def test_three_kinds_of_problems_are_read_skipped_and_the_clean_version_is_trained_on(
    server: Server, page: Page, starter_home: Path, tmp_path: Path
) -> None:
    good = [row(f"What is knot number {i} good for?", f"It holds sail number {i * i} in place.") for i in range(20)]
    bad = [
        '{"messages": [{"role": "user", "content": "Hi"',
        json.dumps({"messages": [{"role": "user", "content": "Hi"}, {"role": "pirate", "content": "Arr"}]}),
        json.dumps({"messages": [{"role": "user", "content": "Nobody answers."}]}),
    ]
    lines = [*good[:3], bad[0], *good[3:9], bad[1], *good[9:], bad[2]]
    file = tmp_path / "knots.jsonl"
    file.write_text("\n".join(lines))

    drop(page, server, file)
    card = page.locator("#dataset")
    expect(card).to_have_attribute("data-reference", "knots@1")
    expect(card).to_have_attribute("data-status", "ready")
    expect(page.get_by_text("3 rows cannot be trained on.")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Problems")).click()
    problems = page.get_by_role("tabpanel").get_by_role("table")
    for line, words in ((4, "not valid JSON"), (11, "not a known role"), (23, "no answer to train on")):
        found = problems.get_by_role("row").filter(has_text=words)
        expect(found.get_by_role("rowheader")).to_contain_text(str(line))
    page.locator("[data-code=unknown_role]").click()
    expect(problems.get_by_role("row")).to_have_count(2)  # the head, and the one
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.path().read_text("utf-8-sig").count("knots.jsonl,") == 3

    page.locator("#clean-skip-bad-rows").click()
    expect(card).to_have_attribute("data-reference", "knots@2")
    expect(card).to_have_attribute("data-status", "ready")
    expect(page.locator("#cleaned")).to_contain_text("bad rows skipped (3)")
    versions = studio_json(starter_home, "datasets", "show", "knots")["versions"]
    assert versions == [2, 1]  # the original is kept

    card.get_by_role("link", name="Train on it").click()
    page.wait_for_url(re.compile(r"/train\?"))
    page.get_by_label("Adapter name").fill("knots-v1")
    page.locator("details:has([id='training.max_steps']) > summary").click()
    page.locator("[id='training.max_steps']").fill("2")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs\?id=\d+"))
    expect(page.locator("#run-status")).to_have_attribute("data-status", "finished", timeout=300_000)
    adapter = studio_json(starter_home, "adapters", "show", "knots-v1")
    assert (adapter["dataset_version"], adapter["dataset_rows"]) == (2, 20)
    assert adapter["dataset_sha256"] == studio_json(starter_home, "datasets", "show", "knots@2")["sha256"]


def test_turns_that_are_not_trained_on_are_told_apart_and_what_is_not_used_is_named(
    server: Server, page: Page, tmp_path: Path
) -> None:
    turns = [
        {"role": "user", "content": "Which knot?", "name": "Ann"},
        {"role": "assistant", "content": "A granny knot.", "weight": 0},
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "A reef knot.", "reasoning_content": "Granny knots slip."},
    ]
    file = tmp_path / "weighed.jsonl"
    file.write_text(json.dumps({"messages": turns, "id": 7}))
    drop(page, server, file)
    expect(page.locator("#dataset")).to_have_attribute("data-status", "ready")
    expect(page.get_by_text("Not used: id in 1 row, messages[].name in 1 row")).to_be_visible()
    page.get_by_role("tab", name=re.compile("Rows")).click()
    seen = page.locator(".rows .seen")
    expect(seen.locator(".masked")).to_contain_text("A granny knot.")
    expect(seen.locator("mark")).to_have_count(1)
    expect(seen.locator("mark")).to_contain_text("A reef knot.")
    expect(page.get_by_text("is marked in the dataset as not to be trained on.")).to_be_visible()
    page.get_by_text("Raw", exact=True).click()
    masked = page.locator(".rows .turn").filter(has_text="not trained on")
    expect(masked).to_have_count(1)
    expect(masked).to_contain_text("A granny knot.")
    expect(page.locator(".rows .turn .reasoning")).to_contain_text("Granny knots slip.")


def test_a_wrong_column_map_is_corrected_by_hand_and_remembered(server: Server, page: Page, tmp_path: Path) -> None:
    header = "frage,antwort,notiz\n"
    note = "a note that is longer than all the rest and so seems to be what matters here"
    file = tmp_path / "fragen.csv"
    file.write_text(header + f"Was ist das?,Ein Schiff.,{note}\nUnd das?,Ein Boot.,{note}\n")
    drop(page, server, file)
    card = page.locator("#dataset")
    expect(card).to_have_attribute("data-status", "unclear")
    expect(card).to_contain_text("frage, antwort, notiz")
    preview = page.locator("#column-preview")
    expect(preview).to_contain_text(note)  # what the studio guessed is wrong
    page.locator("#column-format").select_option("prompt-completion")
    page.locator("#column-prompt").select_option("frage")
    page.locator("#column-completion").select_option("antwort")
    expect(preview).to_contain_text("Ein Schiff.")
    expect(preview).not_to_contain_text(note)
    page.locator("#apply-columns").click()
    expect(card).to_have_attribute("data-status", "ready")
    expect(card).to_contain_text("Ein Schiff.")

    again = tmp_path / "mehr.csv"
    again.write_text(header + f"Und jenes?,Ein Floß.,{note}\n")
    drop(page, server, again)
    expect(card).to_have_attribute("data-reference", "mehr@1")
    expect(card).to_have_attribute("data-status", "ready")  # nobody is asked again
    expect(card).to_contain_text("Ein Floß.")


def test_a_large_file_is_paged_and_searched(server: Server, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "large.jsonl"
    with file.open("w") as out:
        out.writelines(json.dumps({"text": f"ship {i} sails on sea {i * 7919 % LARGE}"}) + "\n" for i in range(LARGE))
    drop(page, server, file)
    card = page.locator("#dataset")
    expect(card).to_have_attribute("data-reference", "large@1")
    expect(card).to_have_attribute("data-status", "ready", timeout=120_000)
    rows = card.locator("ol.rows > li")
    expect(rows).to_have_count(50)
    page.locator("#row-number").fill("123456")
    page.get_by_role("button", name="Go").click()
    expect(card.locator("[data-key='123455']")).to_contain_text("ship 123455 sails")
    page.reload()  # the place is in the address
    expect(card.locator("[data-key='123455']")).to_contain_text("ship 123455 sails")
    page.locator("#row-search").fill("SHIP 199999 ")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("ship 199999 sails")
    page.locator("#row-search").fill("no such words")
    expect(card).to_contain_text("0 rows contain")


def test_near_duplicates_are_compared_side_by_side_and_dropped_from_a_threshold_on(
    server: Server, page: Page, tmp_path: Path
) -> None:
    tale = " ".join(f"The crew of ship {i} hoisted sail number {i * 7}." for i in range(12))
    file = tmp_path / "twins.jsonl"
    answers = [tale, tale.replace("ship 3 ", "boat 3 "), tale.upper()]
    file.write_text("\n".join(row("What happened?", answer) for answer in answers))
    drop(page, server, file)
    card = page.locator("#dataset")
    expect(card).to_have_attribute("data-reference", "twins@1")
    expect(card).to_have_attribute("data-status", "ready")
    cleaning = page.locator(".cleaning")
    expect(cleaning).to_contain_text("2 near duplicates.")
    page.locator("#near-threshold").fill("97")
    expect(cleaning).to_contain_text("1 near duplicate.")
    expect(cleaning).to_contain_text("from 97 % similar on")

    page.get_by_role("tab", name=re.compile("Problems")).click()
    compare = page.get_by_role("button", name="Compare").first
    compare.scroll_into_view_if_needed()
    height = card.bounding_box()
    compare.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("region")).to_have_count(2)
    expect(dialog.locator(".twins mark")).to_have_text(["ship ", "boat "])
    assert card.bounding_box() == height
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)

    page.locator("#clean-drop-duplicates").click()
    expect(card).to_have_attribute("data-reference", "twins@2")
    expect(card).to_have_attribute("data-status", "ready")
    expect(page.locator("#cleaned")).to_contain_text("near duplicates from 97% on dropped (1)")
