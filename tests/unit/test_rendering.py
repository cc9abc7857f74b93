"""Chat templates are rendered within limits, in a process that may end at any time."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from studio.domain.chat_spans import TemplateExceeds
from studio.domain.errors import StudioError
from studio.rendering import template as rendering
from studio.rendering.child import LENGTH, Renderer
from studio.rendering.template import LONGEST_SOURCE, TRIES, Template

ASKED: tuple[dict[str, Any], ...] = ({"role": "user", "content": "Hi"},)
TOO_LONG = "{{ 'x' * " + str(LENGTH + 10_000) + " }}"


def rendering_processes() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "rendering" in " ".join(child.cmdline())]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ '%999999999d' % 1 }}", "memory"),
        ("{{ 'a' * 10 ** 9 }}", "memory"),
        ("{% set ns = namespace(s='a') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "memory"),
        ("{{ messages | tojson(indent=99999999) }}", "memory"),
        (TOO_LONG, "too long"),
    ],
)
def test_a_template_that_takes_too_much_is_ended_and_the_next_one_renders(source: str, reason: str) -> None:
    with pytest.raises(TemplateExceeds, match=reason):
        Template(source, {})(ASKED, True)
    assert Template("{{ messages[0].content }}", {})(ASKED, True) == "Hi"


def test_a_template_that_keeps_exceeding_its_limits_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    template = Template(TOO_LONG, {})
    for _ in range(TRIES):
        with pytest.raises(TemplateExceeds):
            template(ASKED, True)
    monkeypatch.setattr(rendering, "_processes", lambda: pytest.fail("It was asked again"))
    with pytest.raises(TemplateExceeds):
        template(ASKED, True)


def test_a_process_that_somebody_kills_is_replaced() -> None:
    template = Template("{{ messages[0].content }}", {})
    for process in rendering_processes():
        process.kill()
    assert template(ASKED, True) == "Hi"


def test_many_threads_render_at_once_and_each_gets_its_own() -> None:
    template = Template("{{ messages[0].content }}", {})
    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(lambda i: template([{"role": "user", "content": str(i)}], True), range(300)))
    assert said == [str(i) for i in range(300)]
    assert len(rendering_processes()) <= rendering.AT_ONCE


def test_no_secret_reaches_the_process_that_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr(rendering, "_processes", rendering._Processes)
    Template("x", {})
    newest = max(rendering_processes(), key=lambda process: process.create_time())
    assert "HF_TOKEN" not in newest.environ()
    newest.send_signal(signal.SIGKILL)


def test_a_source_that_is_no_template_or_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="may have 256,000"):
        Template("x" * (LONGEST_SOURCE + 1), {})
    with pytest.raises(ValueError, match="endfor"):
        Template("{% for a in b %}", {})


@pytest.mark.parametrize("value", ["\ud800", 2**100, float("inf"), {"a": [None, True, 1.5]}, "中文", "\0"])
def test_values_arrive_as_they_are(value: Any) -> None:
    template = Template("{{ messages[0].content is defined }} {{ messages[0].content }}", {})
    assert template([{"role": "user", "content": value}], True) == f"True {value}"


def test_a_value_that_json_cannot_say_is_a_refusal() -> None:
    with pytest.raises(StudioError, match="refuses this conversation"):
        Template("x", {})([{"role": "user", "content": object()}], True)


def test_templates_beyond_those_kept_are_sent_again() -> None:
    templates = [Template(f"{i} {{{{ messages[0].content }}}}", {}) for i in range(40)]
    assert [template(ASKED, True) for template in templates] == [f"{i} Hi" for i in range(40)]
    assert Renderer().answer(b"")[0] == "r"
