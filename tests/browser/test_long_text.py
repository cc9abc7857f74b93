"""What the page does with text takes work in proportion to its length, whatever the text looks like."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page

STATIC = Path(__file__).parents[2] / "static"
LITERAL = re.compile(
    r"(?<=[=(,:!&|?\[ ])/(?![*/ ])((?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n\[])+)/([dgimsuvy]*)(?=[.,;)\s\]])"
)
MANY = 12_000
# Timed at two lengths: what is slow at the greater one and more than linear holds the page. On a busy machine anything
# may seem slow once, so it is timed three times.
SLOW = """([jobs, units, many]) => {
  const timed = (work) => Math.min(...[1, 2, 3].map(() => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  }));
  const slow = [];
  for (const [name, make] of jobs)
    for (const [before, unit, after] of units) {
      const work = eval(make);
      const text = (n) => before + unit.repeat(n / unit.length) + after;
      const [short, long] = [text(many), text(4 * many)];
      const once = performance.now();
      work(long);
      if (performance.now() - once < 60) continue;
      const times = [1, 2, 3].map(() => [timed(() => work(short)), timed(() => work(long))]);
      if (times.every(([few, all]) => all > 60 && all > 8 * few)) slow.push([name, before, unit, after, times]);
    }
  return slow;
}"""
UNITS = [
    *(("", unit, "") for unit in " \t\na-*_`~#>|[(\\1.中"),
    *(("", unit, "") for unit in ("a ", "*a ", "**a ", "*a* ", " _a", " __a", "~~a ", "[a](", "[a](b '", "![", "<http://a")),
    *(("", unit, "") for unit in ("http://", "http://,", "- a\n", "> \n", "a|", "a|b\n", "1. ", "```\n", "```\n```\n")),
    ("# a", " ", "x"), ("- ", " ", "\u2028x"), ("---", " ", "x"), ("a|b\n-", " ", "x"), ("a|b\n", " ", "x"),
    ("a", " ", "x\ny"), ("[a](", " ", "x"), ("[a](b '", " ", "x"), ("http://", ".", ""), ("a|b\n-|-\n", "a|b\n", ""),
    ("- a\n", " ", "x"), ("**", "a", ""), ("*", "a ", "x"), ("```", "a", "\nx"), ("x", "- ", "x"), ("", "-\t", "x"),
]  # fmt: skip
TEXTS = {
    "runs of marks of every length": "".join("`" * n + " " for n in range(1, 250)),
    "marks in each other": "*_" * 400 + "a" + "_*" * 400,
    "lists in each other": "\n".join(" " * n + "- a" for n in range(400)),
    "quotes in each other": "\n".join("> " * n + "a" for n in range(300)),
    "a table without an end": "|".join("abc") + "\n-|-|-\n" + "a|b|c\n" * 20_000,
}


def test_no_expression_in_any_script_goes_back_and_forth(page: Page) -> None:
    found = {
        (match[1], match[2].replace("g", "") + "g")
        for file in STATIC.rglob("*.js")
        for match in LITERAL.finditer(file.read_text("utf-8"))
    }
    assert len(found) > 40
    jobs = [[source, f"((e) => (text) => text.replace(e, ''))(/{source}/{flags})"] for source, flags in sorted(found)]
    page.set_content("")
    assert page.evaluate(SLOW, [jobs, UNITS, MANY]) == []


def test_the_expressions_are_seen_to_be_slow_where_they_are(page: Page) -> None:
    page.set_content("")
    jobs = [["the heading as it was", r"(text) => /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/.exec(text)"]]
    assert page.evaluate(SLOW, [jobs, [("# a", " ", "x")], 300])


def test_markdown_is_drawn_in_work_that_is_in_proportion(alone: Page) -> None:
    alone.evaluate("async () => { window.modules = await import('studio/pages/playground/answers/markdown.js') }")
    jobs = [["markdown", "(text) => modules.markdown(text)"]]
    assert alone.evaluate(SLOW, [jobs, UNITS, MANY // 2]) == []
    for name, text in TEXTS.items():
        took = alone.evaluate(
            "(text) => { const t = performance.now(); modules.markdown(text); return performance.now() - t }",
            text,
        )
        assert took < 3_000, name


def test_a_long_answer_is_drawn_as_far_as_it_is_read(alone: Page) -> None:
    alone.evaluate(
        """async (text) => {
      const { answerText } = await import("studio/pages/playground/answers/answer_text.js");
      const comparison = {isHidden: () => false, isBusy: () => true, state: {view: "formatted", shade: false}};
      document.body.append(answerText(comparison, {}, {}, {state: "done", text}));
    }""",
        "Word " * 10_000 + "end",
    )
    answer = alone.locator(".answer")
    assert len(answer.inner_text()) < 21_000
    alone.get_by_role("button", name="Show 30,003 more characters").click()
    assert answer.inner_text().endswith("end")
    assert alone.get_by_role("button").count() == 0
