"""Single rows in a real browser: from a problem to its row, mended by hand and trained on; and texts mended at once."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.studio_process import Server, serving, studio, studio_json


@pytest.fixture(scope="module")
def server(starter_home: Path) -> Iterator[Server]:
    with serving(starter_home) as server:
        yield server


def said(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def bring(page: Page, server: Server, file: Path, *rows: Any) -> None:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    page.goto(f"{server.url}/datasets")
    page.locator("#dataset-file").set_input_files(file)
    expect(page.locator("#dataset")).to_have_attribute("data-reference", f"{file.stem}@1")
    expect(page.locator("#dataset")).to_have_attribute("data-status", "ready")


def rows_of(home: Path, name: str, target: Path) -> list[dict[str, Any]]:
    studio(home, "datasets", "export", name, str(target))
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


@pytest.mark.timeout(600)
def test_a_problem_leads_to_its_row_which_is_mended_and_the_next_version_is_trained_on(
    server: Server, page: Page, starter_home: Path, tmp_path: Path
) -> None:
    good = [said(f"What is sail number {i} for?", f"It catches wind number {i * i}.") for i in range(12)]
    pirate = {"messages": [{"role": "user", "content": "Who?"}, {"role": "pirate", "content": "Arr, me."}]}
    bring(page, server, tmp_path / "sails.jsonl", *good, said("Mail?", "joe@b.com"), pirate, '{"messages": [')
    card = page.locator("#dataset")

    page.get_by_role("tab", name=re.compile("Problems")).click()
    page.get_by_role("button", name="Line 14: open the row").click()
    dialog = page.get_by_role("dialog")
    fault = dialog.get_by_label("Turn 2", exact=True)
    expect(fault).to_be_focused()  # the row opens at its field
    expect(dialog).to_contain_text("“pirate”, which is not a known role")
    dialog.get_by_label("Role of turn 2").select_option("assistant")
    expect(dialog).to_contain_text("The row can be trained on.")
    dialog.get_by_role("button", name="Keep the change").click()
    expect(page.locator("#edits")).to_contain_text("1 edit, not saved yet")

    page.get_by_role("button", name="Line 15: open the row").click()
    text = dialog.get_by_label("The row as JSON")
    expect(text).to_have_value('{"messages": [')
    text.fill('{"messages": [}')
    expect(dialog).to_contain_text("This is not valid JSON")
    text.fill(json.dumps(said("Whole?", "Again.")))
    expect(dialog).to_contain_text("The row can be trained on.")
    dialog.get_by_text("Turns", exact=True).click()
    expect(dialog.get_by_label("Assistant 2")).to_have_value("Again.")
    dialog.get_by_role("button", name="Keep the change").click()

    page.get_by_role("button", name="Line 13: open the row").click()
    dialog.get_by_label("Assistant 2").fill("Ask the mate.")
    dialog.get_by_text("As the model sees it").click()
    expect(dialog.locator("mark")).to_contain_text("Ask the mate.")
    page.keyboard.press("Escape")  # nothing is lost by mistake
    page.get_by_role("button", name="Go on editing").click()
    dialog.get_by_role("button", name="Keep the change").click()

    page.get_by_role("tab", name="Rows").click()
    page.get_by_role("button", name="Edit row 1", exact=True).click()
    dialog.get_by_role("button", name="Leave out this row").click()
    page.locator("#add-row").click()
    dialog.get_by_label("User 1").fill("New?")
    dialog.get_by_label("Assistant 2").fill("Yes.")
    dialog.get_by_role("button", name="Keep the change").click()
    expect(page.locator("#edits")).to_contain_text("5 edits, not saved yet")

    asked: list[str] = []
    page.once("dialog", lambda question: (asked.append(question.type), question.dismiss()))
    page.get_by_role("link", name="Runs").first.click(no_wait_after=True)
    expect(page.locator("#edits")).to_contain_text("5 edits")
    assert asked == ["beforeunload"]

    page.locator("#save-edits").click()
    expect(card).to_have_attribute("data-reference", "sails@2")
    expect(card).to_have_attribute("data-status", "ready")
    expect(page.locator("#cleaned")).to_contain_text("1 row edited, 2 mended, 1 dropped, 1 added")
    expect(page.locator("#edits")).to_have_count(0)
    mended = [said("Mail?", "Ask the mate."), said("Who?", "Arr, me."), said("Whole?", "Again."), said("New?", "Yes.")]
    assert rows_of(starter_home, "sails", tmp_path / "clean.jsonl") == [*good[1:], *mended]

    card.get_by_role("link", name="Train on it").click()
    page.wait_for_url(re.compile(r"/train\?"))
    page.get_by_label("Adapter name").fill("sails-v2")
    page.locator("details:has([id='training.max_steps']) > summary").click()
    page.locator("[id='training.max_steps']").fill("2")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url(re.compile(r"/runs\?id=\d+"))
    expect(page.locator("#run-status")).to_have_attribute("data-status", "finished", timeout=300_000)
    adapter = studio_json(starter_home, "adapters", "show", "sails-v2")
    assert (adapter["dataset_version"], adapter["dataset_rows"]) == (2, 15)


def test_addresses_are_replaced_and_rows_healed_all_at_once_after_a_look_at_what_would_be_done(
    server: Server, page: Page, starter_home: Path, tmp_path: Path
) -> None:
    open_end = {"messages": [*said("Hi", "Ho")["messages"], {"role": "user", "content": "More?"}]}
    token = "hf_" + "aB3" * 10
    bring(
        page, server, tmp_path / "mails.jsonl", said("Who?", "Ask joe@b.com or ann@b.com."), open_end,
        said("Token?", f"It is {token}."), said("Where?", "Here."),
    )  # fmt: skip
    card = page.locator("#dataset")
    page.get_by_role("button", name="Replace e-mail addresses…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("changes 1 row, in 2 places")
    expect(dialog.locator("del")).to_have_text("Ask joe@b.com or ann@b.com.")
    expect(dialog.locator("ins")).to_have_text("Ask [EMAIL] or [EMAIL].")
    dialog.get_by_role("button", name="Make the new version").click()
    expect(card).to_have_attribute("data-reference", "mails@2")
    expect(page.locator("#cleaned")).to_contain_text("e-mail addresses replaced (1)")

    page.locator("#clean-all").click()
    expect(dialog).to_contain_text("makes 1 row usable")
    expect(dialog).to_contain_text("It is [SECRET].")
    expect(dialog).not_to_contain_text(token)
    expect(dialog).to_contain_text("The new version has 4 rows.")
    dialog.get_by_label("Replace secrets").uncheck()
    expect(dialog).not_to_contain_text("It is [SECRET].")
    dialog.get_by_label("Replace secrets").check()
    dialog.get_by_role("button", name="Make the new version").click()
    expect(card).to_have_attribute("data-reference", "mails@3")
    expect(card).to_have_attribute("data-status", "ready")
    assert rows_of(starter_home, "mails", tmp_path / "clean.jsonl") == [
        said("Who?", "Ask [EMAIL] or [EMAIL]."), said("Hi", "Ho"), said("Token?", "It is [SECRET]."),
        said("Where?", "Here."),
    ]  # fmt: skip


def test_where_no_row_can_be_used_they_are_shown_and_none_is_offered_to_be_skipped(
    server: Server, page: Page, tmp_path: Path
) -> None:
    bring(page, server, tmp_path / "none.jsonl", {"messages": []}, "{")
    card = page.locator("#dataset")
    expect(card.locator(".cleaning")).to_have_count(0)
    page.get_by_role("tab", name="Rows").click()
    expect(card.locator("ol.rows > li")).to_have_count(2)
    page.get_by_role("button", name="Mend row 2").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("The row as JSON")).to_have_value("{")
    dialog.get_by_label("The row as JSON").fill(json.dumps(said("Hi", "Ho")))
    dialog.get_by_role("button", name="Keep the change").click()
    expect(card.locator("ol.rows > li").nth(1)).to_contain_text("mended")
    page.locator("#save-edits").click()
    expect(card).to_have_attribute("data-reference", "none@2")
    expect(card).to_have_attribute("data-status", "ready")
