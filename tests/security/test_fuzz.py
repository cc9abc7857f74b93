"""Every handler of every page, and every address, is given what no page sends: the server answers, and stays sound."""

from __future__ import annotations

import http.client
import inspect
import json
import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from studio.domain.spec.run_spec import defaults
from studio.ui.web import page_modules
from tests.support.hostile_input import BODIES, VALUES
from tests.support.idle_server import IdleServer
from tests.support.populated_home import inhabit

SEED = 11
CALLS, MANY_CALLS = 400, 20_000
INSIDE = "Something went wrong inside the studio"
LAST = ("delete", "remove", "rename", "steer", "ask", "discard", "forget", "push", "save")

# What makes a call reach its handler, by the parameter's name: JSON.
GOOD: dict[str, tuple[Any, ...]] = {
    "name": ("rows", "captain", "tiny", "rows@1", "flawed"), "dataset": ("rows",),
    "model": ("tiny",), "id": (1, 2), "run": (1,),
    "ids": ([1], [1, 2]), "runs": ([1],), "values": (defaults(),), "validation": ("", "rows"), "number": (0, 3),
    "step": (8,), "comparison": (1,), "place": (0,), "key": ("k",),
    "content": ({"columns": [{"messages": [{"role": "user", "content": "x"}]}]},), "repo": ("a/b",),
    "layout": ({"format": "messages", "columns": {"messages": "messages"}},), "sampling": ({}, {"temperature": "0.5"}),
    "columns": ([{"column": {"model": "tiny"}, "messages": [{"role": "user", "content": "x"}]}], [{"model": "tiny"}]),
    "axes": (None, {"lora.r": "4, 8"}), "choice": ("best", "auto"), "wish": ("hold", "stop"), "format": ("csv",),
    "text": ("one\ntwo",), "paths": (["/nowhere"],), "names": (["x.jsonl"],), "reference": ("/nowhere",),
    "repository": ("a/b",), "new_name": ("captain",), "url": ("http://127.0.0.1:9/v1",), "path": ("/nowhere",),
    "blind": (False,), "language": ("en",), "epochs": (None, 3.0), "steps": (None, 20),
}  # fmt: skip
SKIPPED = {"test_token", "save_token", "push", "push_form", "test_server", "add_from_hub"}  # ask another machine first


def handlers() -> dict[str, tuple[list[Callable[..., Any]], list[Callable[..., Any]]]]:
    """View → its handlers and its streams, as the pages declare them."""
    found: dict[str, Any] = {}
    for module in page_modules().values():
        real = module.view
        module.view = lambda name, *functions, streams=(), **_: found.update({name: (functions, streams)})
        try:
            module.build(None)
        finally:
            module.view = real
    return found


def parameters(handler: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    every = inspect.signature(handler).parameters
    return {name: parameter for name, parameter in every.items() if name not in ("request", "token")}


def name_of(handler: Callable[..., Any]) -> str:
    return handler.func.__name__ if isinstance(handler, partial) else handler.__name__


class House:
    """The server, and how it is asked."""

    def __init__(self, home: Path) -> None:
        inhabit(home)
        self.faults: dict[str, list[str]] = {}
        self.server = IdleServer(home)
        self.place = urlsplit(self.server.url)
        self.fresh()
        config = json.loads(self.ask("GET", "/config")[1])
        self.views = {}
        for component in config["components"]:
            if mounted := re.search(r'\bmount\("(\w+)"', component["props"].get("js_on_load") or ""):
                self.views[mounted[1]] = component["id"]
        self.streams = {tuple(t): d["id"] for d in config["dependencies"] for t in d["targets"] if d["backend_fn"]}

    def fresh(self) -> None:
        self.connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=60)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        for last in (False, True):
            try:
                self.connection.request(method, path, body, headers or {})
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.fresh()
                if last:
                    raise
        raise AssertionError

    def call(self, view: str, handler: str, payload: str) -> bytes:
        """`payload` is JSON. What was said is to be an answer or a fault in words, whatever it is."""
        asked = f'{{"session_hash": "fuzz", "component_id": {self.views[view]}, "fn_name": "do_{handler}"'
        body = f'{asked}, "data": {payload}}}'.encode("utf-8", "surrogatepass")
        status, said = self.ask("POST", "/gradio_api/component_server/", body, {"Content-Type": "application/json"})
        if status not in (200, 400) or INSIDE.encode() in said:
            self.faults.setdefault(f"{view}.{handler}", []).append(f"{status} {payload[:600]} → {said[:200]!r}")
        return said

    def log(self) -> str:
        return self.server.log.read_text("utf-8", "replace")

    def is_sound(self) -> None:
        assert self.ask("GET", "/healthz")[0] == 200
        assert not self.faults, "\n".join(f"{name} {len(said)} ×: {said[0]}" for name, said in self.faults.items())
        log = self.log()
        assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:4000]
        assert psutil.Process(self.server.process.pid).memory_info().rss < 1 << 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("fuzz") / "home")
    try:
        yield house
    finally:
        house.connection.close()
        house.server.stop()


def payloads(handler: Callable[..., Any], chance: random.Random) -> Iterator[str]:
    """Without an end: what the handler can use, but for one or two of its arguments."""
    names = list(parameters(handler))
    while True:
        given = {name: json.dumps(chance.choice(GOOD[name])) for name in names if name in GOOD}
        for name in chance.sample(names, min(len(names), chance.choice((1, 1, 1, 2)))):
            given[name] = spoiled(json.loads(given[name]), chance) if name in given else chance.choice(VALUES)
        if chance.random() < 0.03:
            given[chance.choice(("request", "token", "studio", "self", "x"))] = "1"
        if chance.random() < 0.02:
            yield chance.choice(VALUES)
        else:
            yield "{" + ", ".join(f'"{name}": {value}' for name, value in given.items()) + "}"


def spoiled(value: Any, chance: random.Random) -> str:
    """JSON with one thing within the value changed, or the value itself."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.2:
        return chance.choice(VALUES)
    if isinstance(value, list):
        at = chance.randrange(len(value))
        return "[" + ", ".join(spoiled(v, chance) if i == at else json.dumps(v) for i, v in enumerate(value)) + "]"
    at = chance.choice(list(value))
    parts = [f"{json.dumps(k)}: {spoiled(v, chance) if k == at else json.dumps(v)}" for k, v in value.items()]
    if chance.random() < 0.1:
        parts.append(f"{json.dumps(at)}: {chance.choice(VALUES)}")
    return "{" + ", ".join(parts) + "}"


def fuzz(house: House, calls: int, seed: int) -> None:
    every = [(view, h) for view, (functions, _) in handlers().items() for h in functions if name_of(h) not in SKIPPED]
    every.sort(key=lambda one: name_of(one[1]).startswith(LAST))
    per_handler = max(1, calls // len(every))
    for view, handler in every:
        chance = random.Random(f"{seed} {view} {name_of(handler)}")
        source = payloads(handler, chance)
        for _ in range(per_handler if parameters(handler) else 2):
            house.call(view, name_of(handler), next(source))


def test_what_pages_may_send_is_answered_in_words(house: House) -> None:
    fuzz(house, CALLS, SEED)
    house.is_sound()


@pytest.mark.parametrize("number", [10**6, -1, 2**62, -(2**63)])
def test_a_row_beyond_the_end_is_not_found(house: House, number: int) -> None:
    said = house.call("datasets", "whole_row", json.dumps({"name": "rows", "number": number}))
    assert number < 0 or "has no such row" in said.decode()  # before the first one, the first ones are shown
    house.is_sound()


API = "/gradio_api/"
PLACES = ("component_server/", "queue/join", "cancel", "reset", "run/predict", "call/x", "vibe-edit", "x")
KINDS = ("application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "")
NO_IDS = ("0", "-1", "1.5", "99999999999999999999", "x", "%00", "%ff", "%ed%a0%80", "%C2%B2", "a" * 3000, "1%20")


def test_bodies_that_are_none_are_refused(house: House) -> None:
    for place in PLACES:
        for kind in KINDS:
            for body in BODIES if kind == KINDS[0] else BODIES[:3]:
                status, _ = house.ask("POST", API + place, body, {"Content-Type": kind} if kind else {})
                assert 400 <= status < 500, (place, kind, body[:40], status)
    house.is_sound()


def test_components_and_events_that_are_not_there_are_not_found(house: House) -> None:
    known, said = house.views["datasets"], {"Content-Type": "application/json"}
    for id, name in ((10**15, "do_look"), (-1, "do_look"), (known, "x"), (known, ""), ("2", "do_look"), (True, "x")):
        asked = {"session_hash": "a", "component_id": id, "fn_name": name, "data": {}}
        assert house.ask("POST", f"{API}component_server/", json.dumps(asked).encode(), said)[0] == 404
    for index in (1, -1, 99, 10**15, "0", None):
        asked = {"session_hash": "a", "fn_index": index, "data": [], "event_data": {}}
        assert house.ask("POST", f"{API}queue/join", json.dumps(asked).encode(), said)[0] == 404
    house.is_sound()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(house: House) -> None:
    body = b" " * 33_000_000
    try:
        status, _ = house.ask("POST", f"{API}component_server/", body, {"Content-Type": "application/json"})
    except OSError:  # the server has closed before all was sent
        house.fresh()
    else:
        assert status == 413
    house.is_sound()


@pytest.mark.parametrize("path", ["/download/datasets/{}/clean.jsonl", "/download/datasets/{}/problems.csv"])
def test_an_id_that_is_none_is_not_found(house: House, path: str) -> None:
    assert {id: house.ask("GET", path.format(id))[0] for id in NO_IDS} == dict.fromkeys(NO_IDS, 404)
    house.is_sound()


def test_addresses_with_anything_in_them_are_answered(house: House) -> None:
    problems = "/download/datasets/1/problems.csv"
    for path in ("/{}", "/text/{}.js", "/static/{}", f"{API}file={{}}", f"{problems}?max_length={{}}",
                 f"{problems}?model={{}}", f"{problems}?validation={{}}", "/?view={}", "/now?{}"):  # fmt: skip
        for id in NO_IDS:
            assert house.ask("GET", path.format(id))[0] < 500, (path, id)
    house.is_sound()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(3))
def test_twenty_thousand_calls_are_answered_in_words(house: House, seed: int) -> None:
    fuzz(house, MANY_CALLS, seed)
    house.is_sound()
