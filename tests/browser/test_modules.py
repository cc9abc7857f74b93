"""Parts of the page's script by themselves, without a server."""

import pytest
from playwright.sync_api import Page

SMOOTHED = """async () => {
  const { smooth } = await import("studio/lib/smoothing.js");
  return [smooth([[1, 4], [2, 2]], 0.5), smooth([[2, 3, 2], [3, 1]], 0.5)];
}"""
WRITTEN = """async () => {
  const { t } = await import("studio/lib/i18n.js");
  const { cutText } = await import("studio/lib/text.js");
  const { formatPercent } = await import("studio/lib/format.js");
  return [
    t("{n} {n:row|rows}", { n: 1 }), t("{n} {n:row|rows}", { n: "1,000" }),
    cutText("a🇫🇷🇩🇪", 4), cutText("ab👩‍👩‍👧", 5),
    ...[1, 0.9999, 0.004, 0, 0.5].map((share) => formatPercent(share)),
  ];
}"""
DEVICES = """async (said) => {
  const { deviceName } = await import("studio/domain/run_status.js");
  return said.map(deviceName);
}"""
REDRAWN = """async () => {
  const { h, render } = await import("studio/lib/dom.js");
  const draw = (names) => render(document.body, names.map((name) => h("input", { data: { key: name } })));
  draw(["a", "b"]);
  const [, b] = document.body.children;
  b.focus();
  draw(["c", "a", "b"]);
  return [document.activeElement === b, [...document.body.children].map((node) => node.dataset.key)];
}"""
LINK = """async (text) => {
  const { decodeColumns, encodeColumns } = await import("studio/pages/playground/columns/column_link.js");
  return encodeColumns(decodeColumns(text));
}"""


def test_the_smoothed_loss_is_bias_corrected(alone: Page) -> None:
    even, stretched = alone.evaluate(SMOOTHED)
    assert even == [[1, 4], [2, pytest.approx((0.25 * 4 + 0.5 * 2) / 0.75)]]
    assert stretched == [[2, 3], [3, pytest.approx((0.75 / 2 * 3 + 0.5 * 1) / 0.875)]]


def test_what_is_counted_and_cut_reads_as_a_person_writes_it(alone: Page) -> None:
    assert alone.evaluate(WRITTEN) == ["1 row", "1,000 rows", "a🇫🇷", "ab", "100%", "99%", "<1%", "0%", "50%"]


def test_a_device_is_named_in_the_readers_language(alone: Page) -> None:
    said = ["CPU, 1 thread", "CPU, 1 threads", "CPU, 8 threads", "NVIDIA H100", ""]
    assert alone.evaluate(DEVICES, said) == [said[0], said[0], *said[2:]]


def test_what_is_drawn_again_keeps_its_elements_and_the_focus(alone: Page) -> None:
    assert alone.evaluate(REDRAWN) == [True, ["c", "a", "b"]]


@pytest.mark.parametrize("link", ["tiny~!red~!blue*0.5", "a%20b'bf16!(3.10)~)", "x!a!b*1.5"])
def test_columns_in_a_link_are_read_and_written_alike(alone: Page, link: str) -> None:
    assert alone.evaluate(LINK, link) == link
