"""The playground as a person uses it: columns that stream together, a blind vote, chats, and prompt sets."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.playground_page import COLUMNS, MINUTES, ask, lane, prepare
from tests.support.studio_process import Server, environment, serving
from tests.support.waiting import wait_for

ALL_WRITE_AT_ONCE = """() => {
  const lanes = [...document.querySelectorAll('.board .lane')];
  const writes = (lane) => lane.dataset.state === 'streaming' && lane.querySelector('.answer').textContent.length > 1;
  return lanes.length === 3 && lanes.every(writes);
}"""
MARKDOWN = """async (text) => {
  const { markdown } = await import('studio/pages/playground/answers/markdown.js');
  const box = document.createElement('div');
  box.append(...markdown(text));
  return box.innerHTML;
}"""
LINK = (
    '<p><a href="https://e.org/a" target="_blank" rel="noopener noreferrer nofollow" title="https://e.org/a">{}</a></p>'
)


# The width of each text in the font of answers, whole and sign by sign without kerning.
DRAWN = """async (texts) => {
  await document.fonts.ready;
  const width = (signs) => {
    const line = document.createElement('div');
    line.className = 'answer';
    line.style.cssText = 'position: absolute; font-kerning: none';
    const box = (sign) => Object.assign(document.createElement('span'), {textContent: sign});
    line.append(...signs.map(box));
    for (const each of line.children) each.style.display = 'inline-block';
    document.querySelector('.board').append(line);
    const found = line.getBoundingClientRect().width;
    line.remove();
    return found;
  };
  return texts.map((text) => [width([text]), width([...text])]);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Iterator[Server]:
    with serving(prepare(tmp_path_factory.mktemp("playground"), starter)) as server:
        yield server


def share(page: Page, what: str) -> None:
    """Chooses from the menu; one that has just been closed does not open again at once."""
    item = page.get_by_role("menuitem", name=what)
    opener = page.get_by_role("button", name="Share this comparison")
    wait_for(lambda: opener.click() or item.is_visible(), seconds=10, what="the menu")
    item.click()


def test_three_columns_stream_together_and_one_is_switched_off_and_on(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground{COLUMNS}")
    page.get_by_label("Max tokens").fill("400")
    page.get_by_role("textbox", name="Prompt", exact=True).fill("Tell me a long story.")
    page.locator("#send").click()
    page.wait_for_function(ALL_WRITE_AT_ONCE, timeout=MINUTES)
    page.locator("#stop").click()
    expect(page.locator("#send")).to_be_visible()
    expect(lane(page, "red")).to_contain_text("Stopped.")

    lane(page, "red").get_by_role("switch").click()
    expect(page).to_have_url(re.compile("columns=tiny.*red%29"))
    ask(page, "And now without red?")
    expect(lane(page, "Base model").locator(".answer")).to_have_count(2)
    expect(lane(page, "red").locator(".answer")).to_have_count(1)
    lane(page, "red").get_by_role("switch").click()
    ask(page, "And with it again?")
    expect(lane(page, "red").locator(".answer")).to_have_count(2)

    page.reload()
    expect(lane(page, "blue × 0.5").locator(".answer")).to_have_count(3)
    label = lane(page, "blue × 0.5").get_by_role("button", name="Details of this answer")
    label.click()
    truth = page.get_by_role("dialog", name="Details of this answer")
    expect(truth).to_contain_text("strength 0.5")
    expect(truth).to_contain_text("42")


def test_a_column_is_added_stacked_weighted_moved_and_removed(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground?model=tiny&adapter=red")
    expect(page.locator(".board .lane")).to_have_count(2)
    lane(page, "red").get_by_role("button", name="Stack").click()
    page.get_by_role("dialog").get_by_role("button", name="blue").click()
    both = lane(page, "red + blue")
    strength = both.get_by_role("slider", name="Strength of blue")
    strength.fill("0.25")
    weighted = lane(page, "red + blue × 0.25")
    expect(weighted).to_be_visible()
    weighted.get_by_role("slider", name="Strength of blue").dblclick()
    expect(lane(page, "red + blue")).to_be_visible()
    lane(page, "red + blue").get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name="Move left").click()
    expect(page.locator(".board .lane").first).to_have_attribute("aria-label", "red + blue")
    page.locator("#add-column").click()
    page.get_by_role("dialog").get_by_role("button", name="blue").click()
    expect(page.locator(".board .lane")).to_have_count(3)
    ask(page, "Who are you?")
    expect(lane(page, "red + blue").locator(".answer")).not_to_be_empty()
    lane(page, "blue").get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name="Remove column").click()
    expect(page.locator(".board .lane")).to_have_count(2)
    page.reload()
    expect(page.locator(".board .lane")).to_have_count(2)


def test_an_adapter_at_strength_zero_is_said_to_have_no_effect(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground?columns=tiny~!red*0~!red")
    ask(page, "Who are you?")
    expect(lane(page, "red × 0")).to_contain_text("This adapter has no effect on this prompt.")
    expect(lane(page, "red")).not_to_contain_text("no effect")
    page.get_by_text("Tokens", exact=True).click()
    tokens = lane(page, "red").locator(".token")
    expect(tokens.first).to_be_visible()
    tokens.first.hover()
    expect(page.locator("#token-tip")).to_contain_text("In the base")
    expect(lane(page, "red × 0").locator(".token.parted")).to_have_count(0)


def test_an_answer_that_the_context_ends_is_not_said_to_have_the_most_tokens(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground?columns=tiny~")
    ask(page, "a " * 2000, most=200)
    expect(page.locator(".board")).to_contain_text("Cut off: the model's context is full.")
    expect(page.locator(".board")).not_to_contain_text("Cut off at max tokens.")


def test_a_blind_vote_is_revealed_and_is_in_the_catalogue_after_a_restart(
    page: Page, tmp_path: Path, starter: Path
) -> None:
    home = prepare(tmp_path, starter)
    with serving(home) as server:
        page.goto(f"{server.url}/playground{COLUMNS}")
        page.locator("#blind").check()
        names = page.locator(".board .lane")
        expect(names).to_have_count(3)
        for place, letter in enumerate("ABC"):
            expect(names.nth(place)).to_have_attribute("aria-label", f"Column {letter}")
        ask(page, "Who is the best of you?")
        expect(page.locator(".board")).not_to_contain_text("red")
        expect(page.locator("#reveal")).to_be_disabled()
        page.keyboard.press("2")
        expect(names.nth(1).get_by_role("button", name="Best answer")).to_be_visible()
        page.locator("#reveal").click()
        expect(page.locator(".votes")).to_contain_text("You voted for")
        best = names.nth(1).get_attribute("aria-label")
        assert best in ("Base model", "red", "blue × 0.5")
    with serving(home) as server:
        page.goto(f"{server.url}/playground?view=votes")
        row = page.get_by_role("table", name="Leaderboard").get_by_role("row")
        expect(row.filter(has_text=best)).to_contain_text("100%")


def test_a_chat_is_edited_saved_searched_and_shared_as_a_file(server: Server, page: Page, tmp_path: Path) -> None:
    page.goto(f"{server.url}/playground?columns=tiny~!red")
    ask(page, "What is a bowline?")
    ask(page, "And a hitch?")
    lane(page, "red").get_by_role("button", name="Edit this prompt").first.click()
    page.get_by_role("dialog").get_by_role("textbox").fill("What is a reef knot?")
    page.get_by_role("button", name="Ask from here").click()
    expect(page.locator("#send")).to_be_hidden()
    expect(page.locator("#send")).to_be_visible(timeout=MINUTES)
    expect(lane(page, "red").locator(".asked")).to_have_text(["What is a reef knot?"])
    expect(page.locator(".status-line")).to_contain_text("Saved as")

    with page.expect_download() as download:
        share(page, "Export as JSON")
    file = tmp_path / "comparison.json"
    download.value.save_as(file)
    told = json.loads(file.read_text("utf-8"))
    assert told["format"] == "adapter-studio comparison"
    assert [turn["prompt"] for turn in told["turns"]] == ["What is a reef knot?"]

    page.locator("#new-chat").click()
    expect(page.locator(".board .asked")).to_have_count(0)
    page.locator("#chats").click()
    page.get_by_label("Search chats").fill("bowline")
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^What is a bowline")).click()
    expect(lane(page, "red").locator(".asked")).to_have_text(["What is a reef knot?"])

    page.locator("#new-chat").click()
    with page.expect_file_chooser() as chooser:
        share(page, "Import JSON")
    chooser.value.set_files(file)
    expect(lane(page, "red").locator(".asked")).to_have_text(["What is a reef knot?"])
    with page.expect_download() as picture:
        share(page, "Picture")
    picture.value.save_as(tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_a_prompt_set_is_run_over_the_columns_scored_and_exported(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground?columns=tiny~!red&view=sets")
    page.locator("#add-set").click()
    page.locator("#set-name").fill("knots")
    page.locator("#set-text").fill('{"prompt": "What is a bowline?", "reference": "A knot."}\n{"prompt"')
    page.locator("#save-set").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Line 2")
    page.locator("#set-text").fill(
        '{"prompt": "What is a bowline?", "reference": "A knot."}\n{"prompt": "And a hitch?", "reference": "Another."}'
    )
    page.locator("#save-set").click()
    page.get_by_role("button", name="Run…: knots").click()
    page.locator("#set-max_tokens").fill("8")
    page.locator("#run-set").click()
    expect(page.locator("#evaluation")).to_have_attribute("data-status", "finished", timeout=MINUTES)
    scores = page.get_by_role("table", name="Scores")
    expect(scores.get_by_role("columnheader", name="chrF")).to_be_visible()
    expect(scores.get_by_role("columnheader", name="chrF")).to_have_attribute("title", re.compile("sacrebleu"))
    expect(scores.get_by_role("row")).to_have_count(3)
    expect(page.locator(".case")).to_have_count(2)
    page.locator(".case").first.get_by_role("button", name="Tie").click()
    expect(page.locator(".case").first.get_by_role("button", name="Tie")).to_have_attribute("aria-pressed", "true")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    assert "bowline" in Path(download.value.path()).read_text("utf-8")

    page.goto(f"{server.url}/adapters?name=red")
    expect(page.get_by_label("Code to load the adapter")).not_to_contain_text("GenerationConfig")  # it has none
    measured = page.get_by_role("table", name="Before and after")
    expect(measured.get_by_role("row").filter(has_text="Perplexity")).to_contain_text(re.compile("better|worse"))
    measured.get_by_role("link", name="knots").first.click()
    expect(page.locator("#evaluation")).to_have_attribute("data-status", "finished")


@pytest.mark.parametrize(
    ("said", "built"),
    [
        ("**b** *i* `c`", "<p><strong>b</strong> <em>i</em> <code>c</code></p>"),
        ("snake_case_name and 2 * 3 * 4", "<p>snake_case_name and 2 * 3 * 4</p>"),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> q\n> r", "<blockquote><p>q\nr</p></blockquote>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[x](javascript:alert(1))", "<p><span>x</span></p>"),
        ("[x](data:text/html,hi)", "<p><span>x</span></p>"),
        ("![x](https://e.org/a)", LINK.format("x")),
        ("See <https://e.org/a>.", "<p>See " + LINK.format("https://e.org/a")[3:-4] + ".</p>"),
        ("`` a`b ``", "<p><code>a`b</code></p>"),
        ("**open", "<p>**open</p>"),
    ],
)  # fmt: skip
def test_markdown_is_built_of_elements_and_nothing_in_it_runs(
    server: Server, page: Page, said: str, built: str
) -> None:
    page.goto(f"{server.url}/playground")
    expect(page.locator(".board .lane").first).to_be_visible()
    assert page.evaluate(MARKDOWN, said) == built


def test_what_is_written_is_shown_sign_by_sign_and_no_sign_is_drawn_as_another(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/playground")
    expect(page.locator(".board .lane").first).to_be_visible()
    widths = page.evaluate(DRAWN, ["->", "=>", "3x4"])  # which Inter draws as an arrow, another one, and 3×4
    assert all(whole == pytest.approx(parts, abs=0.1) for whole, parts in widths), widths
    joined = "(all) => all.filter((each) => getComputedStyle(each).fontVariantLigatures !== 'no-contextual').length"
    assert page.locator(".page *").evaluate_all(joined) == 0


def test_no_text_that_a_model_may_write_holds_the_page(server: Server, page: Page) -> None:
    many = 30_000
    texts = [
        "# a" + " " * many + "x", "- " + " " * many + "\u2028x", "a|b\n-" + " " * many + "x",
        "a|b\n" + " " * many + "x",
        "---" + " " * many + "x", "a" + " " * many + "x\ny", "`" * many, "*a " * many, "*a* " * many, "**a " * many,
        " __a" * many, "~~a " * many, "[a](" * many, "[a](" + " " * many + "x", "http://" + "." * many, "\n" * many,
        "> \n" * many, "a|" * many + "\n" + "-|" * many + "\n" + "b|" * many,
    ]  # fmt: skip
    page.goto(f"{server.url}/playground")
    expect(page.locator(".board .lane").first).to_be_visible()
    timed = """async (texts) => {
      const { markdown } = await import('studio/pages/playground/answers/markdown.js');
      return texts.map((text) => {
        const begin = performance.now();
        markdown(text);
        return performance.now() - begin;
      });
    }"""
    assert max(page.evaluate(timed, texts)) < 5_000  # where an expression goes back and forth it is a minute
    assert "1 more rows are not shown" in page.evaluate(MARKDOWN, "a|b\n-|-\n" + "a|b\n" * 501)


def test_another_server_is_entered_in_settings_answers_in_the_playground_and_is_removed(
    server: Server, page: Page, tmp_path: Path, starter: Path
) -> None:
    other = prepare(tmp_path, starter)
    command = [sys.executable, "-m", "studio", "serve-model", "tiny", "--adapter", "red", "--home", str(other)]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        known = json.loads(process.stdout.readline())
        page.goto(f"{server.url}/settings")
        card = page.get_by_role("region", name="Playground server")
        card.get_by_label("Address").fill("nowhere")
        card.get_by_role("button", name="Save").click()
        expect(card).to_contain_text("This is not the address of a server.")
        card.get_by_label("Address").fill(known["url"])
        card.get_by_label("API key").fill(Path(known["token_file"]).read_text())
        card.get_by_role("button", name="Save").click()
        expect(card).to_contain_text("Adaptersred")
        expect(card.get_by_label("API key")).to_have_value("")

        page.goto(f"{server.url}/playground?columns=tiny~!red~!red*0.5")
        expect(page.get_by_text("answers in place of this machine")).to_be_visible()
        ask(page, "Who are you?")
        expect(lane(page, "red").locator(".answer")).not_to_be_empty()
        expect(lane(page, "red × 0.5")).to_contain_text("one adapter at a time, as it was trained")
        lane(page, "red").get_by_role("button", name="Details of this answer").click()
        expect(page.get_by_role("dialog", name="Details of this answer")).to_contain_text(known["url"])
        process.terminate()
    page.goto(f"{server.url}/settings")
    page.locator("#remove-server").click()
    expect(page.get_by_text("This machine answers", exact=True)).to_be_visible()
    page.goto(f"{server.url}/playground{COLUMNS}")
    expect(page.get_by_text("answers in place of this machine")).to_have_count(0)
