"""Files in a home that are damaged: a real server says which one it is, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import hostile_input as hostile
from tests.support.hostile_input import damaged_models, whole_model
from tests.support.idle_server import IdleServer
from tests.support.populated_home import inhabit

INSIDE = "Something went wrong inside the studio"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("damaged") / "home"
    inhabit(home)
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[IdleServer]:
    server = IdleServer(home)
    try:
        yield server
    finally:
        server.stop()


def said(server: IdleServer, handler: str, **payload: object) -> str:
    """Its fault, or all that it answered; never one that nobody foresaw, and no traceback in the log."""
    answer = json.loads(server.call(handler, payload))
    fault = answer.get("error") if isinstance(answer, dict) else None
    words = f"{fault['problem']} {fault['remedy']}" if isinstance(fault, dict) else json.dumps(answer)
    assert INSIDE not in words, server.log.read_text()[-2000:]
    return words


def test_rows_that_are_cut_are_said_to_be(server: IdleServer, home: Path) -> None:
    (file,) = (home / "datasets").glob("1/*rows.arrow")
    whole = file.read_bytes()
    try:
        for content in (b"", whole[:8], whole[: len(whole) // 2], whole[:-1], b"\0" * len(whole)):
            file.write_bytes(content)
            assert "rows.arrow" in said(server, "whole_row", name="rows", number=0)
            assert "rows.arrow" in said(server, "rows", name="rows")
    finally:
        file.write_bytes(whole)


def test_a_model_that_is_damaged_is_refused_with_words_when_it_is_added(server: IdleServer, home: Path) -> None:
    for number, (what, (name, content)) in enumerate(damaged_models().items()):
        if name.startswith(("tokenizer", "generation")):  # read by the worker alone
            continue
        folder = whole_model(home / "brought" / f"damaged-{number}")
        (folder / name).write_bytes(content)
        words = said(server, "add_model", reference=str(folder))
        if name.endswith(".safetensors") or what.endswith(("outside", "absolute", "a missing shard", "a pickle")):
            assert "damaged" in words, what


def test_files_of_a_run_that_are_damaged_are_named(server: IdleServer, home: Path) -> None:
    run = home / "runs" / "1"
    for name in ("run.json", "worker.json", "held_out.json", "events.jsonl"):
        whole = (run / name).read_bytes() if (run / name).exists() else None
        for content in hostile.OBJECTS.values():
            (run / name).write_bytes(content)
            words = said(server, "add_run_rows", run=1)
            assert name != "run.json" or "run.json" in words
            said(server, "progress", id=1)
            said(server, "checkpoints", id=1)
        if whole is not None:
            (run / name).write_bytes(whole)


def test_an_adapter_whose_configuration_is_damaged_does_not_end_a_page(server: IdleServer, home: Path) -> None:
    config = home / "adapters" / "captain-1" / "adapter_config.json"
    whole = config.read_bytes()
    for content in hostile.OBJECTS.values():
        config.write_bytes(content)
        said(server, "detail", name="captain")
        assert "adapter_config.json" in said(server, "push", name="captain", repo="a/b", key="hf_" + "x" * 34)
    config.write_bytes(whole)


def test_the_log_has_no_tracebacks(server: IdleServer) -> None:
    assert "Traceback" not in server.log.read_text()
