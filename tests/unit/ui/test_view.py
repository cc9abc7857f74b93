"""What a page sends to a handler, and what it gets back."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING

import gradio as gr
import pytest

from studio.domain.errors import InvalidInput, StudioError
from studio.ui.view import SKELETONS, as_event_stream, as_server_function, view

if TYPE_CHECKING:
    from nowhere import Store  # type: ignore[import-not-found]


def chinese():
    return gr.Request(SimpleNamespace(cookies={"studio_language": "zh"}, headers={}))


def answer(handler, payload=None, request=None):
    return json.loads(as_server_function(handler)(payload, request).body)


def said(handler, **data):
    return list(as_event_stream(handler)(gr.EventData(None, data), chinese(), None))


def rename(id: int, name: str, tags: list[str] | None = None) -> dict:
    return {"id": id, "name": name, "tags": tags}


def test_the_keys_of_the_object_are_the_arguments():
    assert answer(rename, {"id": "7", "name": "tone"}) == {"id": 7, "name": "tone", "tags": None}


@pytest.mark.parametrize(
    "payload",
    [
        None,
        {},
        {"id": 7},
        {"id": "seven", "name": "x"},
        {"id": 7, "name": "x", "owner": "eve"},
        {"id": 7, "name": {}},
        [1],
        "x",
    ],
)
def test_what_does_not_fit_the_handler_is_refused(payload):
    assert answer(rename, payload)["error"]["problem"] == "The page sent something that the studio did not expect."


def test_what_was_sent_is_not_repeated_in_the_log(caplog):
    answer(rename, {"id": "hf_secret", "name": "x"})
    assert "rename failed" in caplog.text
    assert "hf_secret" not in caplog.text


def test_a_handler_may_ask_for_the_request():
    def who(request: gr.Request) -> str:
        return request.cookies["studio_language"]

    assert answer(who, None, chinese()) == "zh"


def test_the_page_cannot_send_the_request_or_the_token_itself():
    def who(token: gr.OAuthToken | None) -> bool:
        return token is None

    assert "error" in answer(who, {"token": "stolen"})
    assert answer(who) is True


def test_a_bound_store_needs_no_type_at_run_time():
    def get(store: Store, id: int) -> int:
        return store[id]

    assert answer(partial(get, {3: 9}), {"id": 3}) == 9
    assert "error" in answer(partial(get, {3: 9}), {"store": {}, "id": 3})


def test_a_number_that_is_none_becomes_null():
    assert answer(lambda: {"loss": float("nan")}) == {"loss": None}


def test_an_error_is_told_in_the_readers_language_with_the_fields_at_fault():
    def refuse():
        raise InvalidInput(
            "The uploaded file is gone.",
            "Choose the file again.",
            fields={"lora.r": StudioError("At least {minimum}.", minimum=1)},
        )

    assert answer(refuse, None, chinese())["error"] == {
        "problem": "上传的文件已不存在。",
        "remedy": "请重新选择文件。",
        "fields": {"lora.r": "至少 1。"},
    }


def test_an_error_that_nobody_foresaw_tells_the_page_nothing_but_where_to_look(caplog):
    def broken():
        raise RuntimeError("/home/ada/secret")

    with caplog.at_level(logging.ERROR):
        error = answer(broken)["error"]
    assert error["problem"] == "Something went wrong inside the studio."
    assert "secret" not in json.dumps(error)
    reference = error["remedy"].split()[-1].rstrip(".")
    assert reference in caplog.text
    assert "RuntimeError: /home/ada/secret" in caplog.text


def test_a_stream_ends_with_its_last_value_and_says_that_it_is_over():
    def count(n: int):
        yield from range(n)

    told = said(count, n=1000, call=5)
    assert told[0] == {"call": 5, "value": 0}
    assert told[-2:] == [{"call": 5, "value": 999}, {"call": 5, "done": True}]
    assert len(told) < 100  # what comes faster than a page can draw is passed over


def test_a_stream_that_fails_says_why():
    def fail():
        yield 1
        raise StudioError("The uploaded file is gone.")

    assert said(fail)[-1] == {"call": 0, "error": {"problem": "上传的文件已不存在。", "remedy": "", "fields": {}}}


def test_a_stream_that_is_stopped_closes_its_handler():
    closed = []

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    stream = as_event_stream(endless)(gr.EventData(None, {}), chinese(), None)
    next(stream)
    stream.close()
    assert closed == [True]


def test_a_handler_may_have_the_name_of_a_gradio_event():
    def delete(id: int) -> int:
        return id

    def load():
        yield 1

    async def build():  # inside a loop: outside of one Gradio makes its own and never closes it
        with gr.Blocks():
            return view("shelf", delete, streams=[load], skeleton="table")

    box = asyncio.run(build())
    assert [function.__name__ for function in box.server_fns] == ["do_delete"]
    assert 'mount("shelf"' in box.js_on_load
    assert SKELETONS["table"] in box.html_template


@pytest.mark.parametrize("id", [2**63, -(2**64), "9" * 40, 1e30])
def test_a_number_that_nothing_can_count_is_said_to_be_too_large(id):
    assert "too large" in answer(rename, {"id": id, "name": "tone"})["error"]["problem"] or isinstance(id, float)
    assert "Something went wrong" not in answer(rename, {"id": id, "name": "tone"})["error"]["problem"]


def test_digits_that_are_text_are_text():
    assert answer(rename, {"id": 1, "name": "9" * 40})["name"] == "9" * 40


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    def look(name: str):
        return (tmp_path / name).read_text()

    told = answer(look, {"name": "rows.arrow"})["error"]
    assert str(tmp_path / "rows.arrow") in told["problem"]
    assert told["remedy"].startswith("Restore an intact copy")
