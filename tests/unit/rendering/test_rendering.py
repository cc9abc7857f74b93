"""Chat templates are rendered within limits, in a process that may end at any time."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.domain.chat.spans import TargetTurn, turns_of
from studio.domain.chat.template_faults import MAX_REASON_CHARACTERS, TemplateExceeds, TemplateRefusal
from studio.domain.chat.template_traits import traits_of
from studio.domain.errors import StudioError
from studio.rendering import process as processes
from studio.rendering.chat_template import LIMITS, Template, read_template
from studio.rendering.frames import Closed, frame_reply, frame_request, pack, receive_reply, receive_request
from studio.rendering.messages import (
    Allowance,
    AtLimit,
    Compile,
    Compiled,
    ReadFolder,
    Refused,
    RenderedText,
    RenderRows,
    RenderText,
    Reply,
    Sources,
    TemplateParts,
    Unreadable,
)  # fmt: skip
from studio.rendering.process import MAX_PROCESSES, RenderingPool, Stopped
from studio.rendering.template_files import MAX_TEMPLATE_CHARACTERS, check_sizes
from tests.support.hostile_templates import IS_NO_TEMPLATE, REFUSES, TAKES_MEMORY, TAKES_TIME, WRITES_TOO_MUCH

ASKED: tuple[dict[str, Any], ...] = ({"role": "user", "content": "Hi"},)
ROW = {"messages": [*ASKED, {"role": "assistant", "content": "Ahoy"}]}
CHATML = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
CONTENT = "{{ messages[0].content }}"
SHORT = replace(LIMITS, seconds=(0.1, 0.001, 1.0), characters=(10_000, 100, 16), memory=(64 << 20, 24))


@pytest.fixture(scope="module")
def pool() -> Iterator[RenderingPool]:
    made = RenderingPool()
    yield made
    made.close()


def hurried(source: str, pool: RenderingPool) -> Template:
    return Template(source, {}, name="tiny", limits=SHORT, processes=pool)


def children(pool: RenderingPool) -> list[psutil.Process]:
    return [psutil.Process(process.pid) for process in pool.all]


def table(rows: dict[str, str], words: str) -> list[Any]:
    """The first two of a kind; the others are as long as they."""
    return [
        pytest.param(source, words, id=name, marks=[pytest.mark.long] if i > 1 else [])
        for i, (name, source) in enumerate(rows.items())
    ]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        *table(TAKES_MEMORY, "more than the 64 MB of memory|longer than|more than 10,000"),
        *table(TAKES_TIME, "longer than the 0.1 s"),
        *table(WRITES_TOO_MUCH, "more than 10,000 characters|of memory|longer than"),
    ],
)
def test_a_template_that_takes_too_much_is_ended_in_words_and_the_next_one_renders(
    pool: RenderingPool, source: str, words: str
) -> None:
    with pytest.raises(TemplateExceeds, match=rf"template of tiny .*({words}).* Choose another chat template"):
        hurried(source, pool)(ASKED, True)
    assert hurried(CONTENT, pool)(ASKED, True) == "Hi"


@pytest.mark.parametrize("source", REFUSES.values(), ids=REFUSES)
def test_a_template_that_jinja_refuses_is_a_refusal_in_few_words(pool: RenderingPool, source: str) -> None:
    with pytest.raises(TemplateRefusal) as caught:
        hurried(source, pool)(ASKED, True)
    assert len(str(caught.value)) < MAX_REASON_CHARACTERS + 500


@pytest.mark.parametrize("source", IS_NO_TEMPLATE.values(), ids=IS_NO_TEMPLATE)
def test_what_is_no_template_is_not_run(pool: RenderingPool, source: str) -> None:
    with pytest.raises(StudioError, match=r"cannot be read|characters; at most 256,000|longer than|more memory"):
        hurried(source, pool).check(Path("model"))


def test_what_was_ended_is_not_tried_again_under_the_same_limits(
    pool: RenderingPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = TAKES_TIME["loops"] + "again"
    with pytest.raises(TemplateExceeds):
        hurried(source, pool)(ASKED, True)
    monkeypatch.setattr(pool, "ask", lambda *_: pytest.fail("It was asked again"))
    with pytest.raises(TemplateExceeds, match="longer than"):
        hurried(source, pool)(ASKED, True)


def test_what_only_much_text_takes_beyond_a_limit_is_tried_with_less(pool: RenderingPool) -> None:
    source = "{% if messages[0].content | length > 10 %}{{ messages[0].content * 200 }}{% endif %}short"
    template = hurried(source, pool)
    with pytest.raises(TemplateExceeds):
        template([{"role": "user", "content": "long" * 100_000}], True)
    with pytest.raises(TemplateExceeds):
        template(ASKED, True)
    assert hurried(source, pool)(ASKED, True) == "short"


@pytest.mark.parametrize(
    ("piece", "words"),
    [
        ("{{ 'x' * 9000 }}", "10,000 characters"),
        ("{% for i in range(90000) %}{{ '' }}{{ '' }}{{ '' }}{% endfor %}", "longer than"),
    ],
)
def test_what_stays_below_the_limits_each_time_comes_to_them_in_the_end(
    pool: RenderingPool, piece: str, words: str
) -> None:
    """Else a page of a thousand rows would be as large as a thousand times the limit."""
    template = hurried(piece + CHATML, pool)
    with pytest.raises(TemplateExceeds, match=words):
        template.turns([ROW] * 150)


def test_one_limit_ends_whatever_is_asked_of_a_template(pool: RenderingPool) -> None:
    for work in (lambda t: t.turns([ROW]), lambda t: turns_of(ROW, t), traits_of):
        with pytest.raises(TemplateExceeds):
            work(hurried(TAKES_TIME["sums"] + str(work), pool))


def test_rows_in_one_message_become_what_each_becomes_alone(pool: RenderingPool) -> None:
    template = Template(CHATML, {}, processes=pool)
    system = {"messages": [{"role": "system", "content": "Be kind."}, *ROW["messages"]]}
    rows = [{"messages": [*ROW["messages"] * (1 + i % 3)], "tools": None} for i in range(500)] + [system]
    for answers_only in (True, False):
        found = template.turns(rows, answers_only=answers_only)
        assert found == [turns_of(row, template, answers_only=answers_only) for row in rows]
    picky = Template("{% for m in messages %}{{ raise_exception('no ' + m.role) if m.role == 'system' }}{{ m.content }}"
                     "{% endfor %}", {}, processes=pool)  # fmt: skip
    *good, refused = picky.turns(rows)
    assert not any(isinstance(one, TemplateRefusal) for one in good)
    assert isinstance(refused, TemplateRefusal) and "no system" in refused.problem


def test_a_process_that_somebody_kills_is_replaced(pool: RenderingPool) -> None:
    template = Template(CONTENT, {}, processes=pool)
    for _ in range(3):
        assert template(ASKED, True) == "Hi"
        for child in children(pool):
            child.kill()


def test_what_a_killed_process_rendered_is_asked_of_one_other() -> None:
    pool = RenderingPool()
    slow = Template(TAKES_TIME["loops"], {}, name="slow", processes=pool)
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(slow, ASKED, True)
        killed: set[int] = set()
        while not asked.done():
            for process in list(pool.all):
                with suppress(psutil.NoSuchProcess):
                    child = psutil.Process(process.pid)
                    if sum(child.cpu_times()[:2]) > 0.3:
                        killed.add(child.pid)
                        child.kill()
    with pytest.raises(TemplateExceeds, match=r"ended before it was done.*Try again"):
        asked.result()
    assert len(killed) == 2
    assert Template(CONTENT, {}, processes=pool)(ASKED, True) == "Hi"
    pool.close()


def test_many_threads_render_at_once_and_each_gets_its_own() -> None:
    pool = RenderingPool()
    template = Template(CONTENT, {}, processes=pool)
    with ThreadPoolExecutor(16) as threads:
        said = list(threads.map(lambda i: template([{"role": "user", "content": str(i)}], True), range(300)))
    assert said == [str(i) for i in range(300)]
    assert 1 <= len(children(pool)) <= MAX_PROCESSES
    pool.close()


def test_a_greedy_template_holds_up_no_other() -> None:
    pool = RenderingPool()
    with ThreadPoolExecutor(2) as threads:
        greedy = threads.submit(Template(TAKES_TIME["loops"] + "!", {}, processes=pool), ASKED, True)
        quick = Template(CONTENT, {}, processes=pool)
        assert [quick(ASKED, True) for _ in range(20)] == ["Hi"] * 20
        assert not greedy.done()
        pool.close()
        assert isinstance(greedy.exception(), TemplateExceeds)
    pool.close()


def test_few_wait_for_greedy_templates_and_others_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("MAX_PROCESSES", 1), ("MOST_WAITING", 1), ("SHORT_WAIT", 0.1)):
        monkeypatch.setattr(processes, name, most)
    pool = RenderingPool()
    quick = Template(CONTENT, {}, processes=pool)
    assert quick(ASKED, True) == "Hi"
    (kept,) = children(pool)
    kept.suspend()
    try:
        with ThreadPoolExecutor() as threads:
            asked = [threads.submit(Template(CONTENT, {}, processes=pool), ASKED, True) for _ in range(5)]
            refused = [done.exception() for done in islice(as_completed(asked), 3)]
            kept.resume()
            assert [str(fault) for fault in refused] == [
                "Too many chat templates are being rendered right now. Try again in a moment."
            ] * 3
            assert sorted(str(one.exception() or one.result()) for one in asked)[:2] == ["Hi", "Hi"]
    finally:
        pool.close()


@pytest.mark.parametrize(
    ("allowance", "what"), [(Allowance(-(120 << 20), 60.0), "memory"), (Allowance(8 << 30, -0.9), "seconds")]
)
def test_where_the_system_sets_no_limits_whoever_asks_does(
    monkeypatch: pytest.MonkeyPatch, allowance: Allowance, what: str
) -> None:
    """The limits that the process itself is told are high here."""
    high = Allowance(8 << 30, 60.0, 9**9)
    monkeypatch.setattr(processes, "frame_request", lambda _, request: frame_request(high, request))
    pool = RenderingPool()
    source = "{% set s = 'x' * 150000000 %}" + TAKES_TIME["loops"]
    request = pack(RenderText(Sources(source, source, {}), [*ASKED], True, None))
    with pytest.raises(Stopped) as caught:
        pool.ask(request, 1, 1000, allowance)
    assert caught.value.what == what
    pool.close()


@pytest.mark.skipif(os.name != "posix", reason="an environment of another process can be read there")
def test_no_secret_reaches_the_process_that_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "STUDIO_LOGIN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    pool = RenderingPool()
    Template("x", {}, processes=pool)(ASKED, True)
    (child,) = children(pool)
    assert "secret" not in child.environ().values()
    pool.close()
    assert not child.is_running()


@pytest.mark.parametrize(
    "value", ["\ud800", "\ud83d\ude00", 2**100, float("inf"), {"a": [None, True, 1.5]}, "中文", "\0"]
)
def test_values_arrive_as_they_are(pool: RenderingPool, value: Any) -> None:
    template = Template("{{ messages[0].content is defined }} {{ messages[0].content }}", {}, processes=pool)
    assert template([{"role": "user", "content": value}], True) == f"True {value}"


def test_what_a_template_marks_as_generated_is_written_as_it_is(pool: RenderingPool) -> None:
    source = "<{% generation %}{{ messages[0].content }}{% endgeneration %}>"
    assert Template(source, {}, processes=pool)([*ASKED], True) == "<Hi>"


def test_a_value_that_json_cannot_say_is_a_refusal(pool: RenderingPool) -> None:
    with pytest.raises(TemplateRefusal, match="refuses this conversation"):
        Template("x", {}, processes=pool)([{"role": "user", "content": object()}], True)


def test_a_long_conversation_may_take_what_it_needs(pool: RenderingPool) -> None:
    """Of 20 MB, with hundreds of turns: more than the limits that hold for a short one."""
    turns = [{"role": ("user", "assistant")[i % 2], "content": f"{i} " + "long " * 20_000} for i in range(200)]
    assert len(Template(CHATML, {}, processes=pool)(turns, False)) > 20_000_000


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"chat_template.jinja": "{# " + "x" * 5 * MAX_TEMPLATE_CHARACTERS}, "more than 1,024,000 bytes"),
        ({"chat_template.jinja": "x" * (MAX_TEMPLATE_CHARACTERS + 1)}, None),
        ({"tokenizer_config.json": '{"chat_template": ' + "[" * 200_000}, "nested too deeply"),
        ({"tokenizer_config.json": '{"chat_template": [1, 2]}'}, "subscriptable"),
        ({"tokenizer_config.json": '{"chat_template": [{"name": "default"}]}'}, "template"),
        ({"tokenizer_config.json": "{"}, "Expecting"),
        ({"chat_template.jinja": "x", "tokenizer_config.json": '{"bos_token": {"a": 1}}'}, "content"),
    ],
)
def test_damaged_and_absurd_files_of_a_template_are_said_to_be(
    tmp_path: Path, files: dict[str, str], words: str | None
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    if words:
        with pytest.raises(StudioError, match=f"chat template in {tmp_path} cannot be read: .*{words}"):
            read_template(tmp_path, wants_begin=True)
    else:
        found = read_template(tmp_path, wants_begin=False)
        with pytest.raises(TemplateExceeds, match="256,001 characters; at most 256,000"):
            Template(found.own, {}, name="tiny")


def test_files_of_absurd_size_are_not_given_to_transformers(tmp_path: Path) -> None:
    check_sizes(tmp_path)
    for name in ("chat_template.jinja", "additional_chat_templates/tool_use.jinja", "tokenizer.json"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        with file.open("wb") as opened:
            opened.truncate(200 << 20)
        with pytest.raises(TemplateExceeds, match="209,715,200 bytes"):
            check_sizes(tmp_path)
        file.unlink()


SOURCES = Sources("plain", "tools", {"eos_token": "</s>"})


@pytest.mark.parametrize(
    "request_",
    [
        ReadFolder("/models/1", True),
        Compile(SOURCES),
        RenderText(SOURCES, [{"role": "user", "content": "Hi"}], True, None),
        RenderRows(SOURCES, [ROW], False),
    ],
    ids=lambda request: request.name,
)
def test_a_request_arrives_as_it_was_sent(request_: Any) -> None:
    allowance = Allowance(1 << 20, 2.5, 100)
    assert receive_request(io.BytesIO(frame_request(allowance, pack(request_)))) == (allowance, request_)


@pytest.mark.parametrize(
    "answer",
    [
        TemplateParts("own", "", {"bos_token": "<s>"}, True),
        Unreadable("it is torn"),
        Compiled(),
        RenderedText("half \ud800", [TargetTurn(1, (0, 4), True), TargetTurn(3, None, False)]),
        AtLimit("memory"),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_an_answer_arrives_as_it_was_sent(answer: Any) -> None:
    assert receive_reply(io.BytesIO(frame_reply(Reply(answer, 0.5))), 1000) == Reply(answer, 0.5)


def test_a_refusal_keeps_its_words_and_values_apart() -> None:
    refusal = TemplateRefusal("It refuses: {reason}.", "Change it.", reason="no system message")
    reply = receive_reply(io.BytesIO(frame_reply(Reply(Refused(refusal)))), 1000)
    assert isinstance(reply.answer, Refused)
    assert reply.answer.refusal.as_dict() == refusal.as_dict()


@pytest.mark.parametrize(
    "plain",
    [
        [], {}, {"seconds": 1.0}, {"turns": []}, {"seconds": -1.0, "turns": []}, {"seconds": float("nan"), "turns": []},
        {"seconds": 0, "turns": [[1, "all", True]]}, {"seconds": 0, "turns": [[1, [0], True]]},
        {"seconds": 0, "limit": "patience"}, {"seconds": 0, "refused": "no"},
        {"seconds": 0, "refused": {"problem": "", "remedy": "", "values": {"problem": ""}}},
        {"seconds": 0, "unreadable": 5},
        {"seconds": 0, "parts": {"own": "", "for_tools": "", "tokens": {"a": 1}, "begins": True}},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_taken_for_the_end_of_the_process(plain: Any) -> None:
    content = json.dumps(plain).encode()
    with pytest.raises(Closed):
        receive_reply(io.BytesIO(len(content).to_bytes(8) + content + bytes(8)), 1000)
