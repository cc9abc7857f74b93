"""The chat worker as the playground uses it: a process of its own, asked over HTTP, with the real starter model."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from studio.domain.chat.sampling import Message, Sampling
from studio.domain.columns import Column, Share
from studio.domain.jobs.serving import ServedModel, ServeRequest
from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import read_spec
from studio.engines.local import LocalEngine
from studio.platform.hardware import Device
from studio.services.inference.remote_server import RemoteServer
from studio.services.models.service import STARTER_REFERENCE
from studio.services.playground.columns import ColumnPrompt, ColumnState, Comparison
from studio.services.playground.routing import WAITING_FOR_TRAINING
from studio.services.playground.service import Playground
from studio.services.runs.service import Runs
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from tests.support.sample_adapters import adapter_fields
from tests.support.tiny_models import random_adapter, tiny_model
from tests.support.waiting import wait_for
from tests.support.workers import pid_of

QUESTION = [Message(role="user", content="Tell me a story about the sea.")]
GREEDY = Sampling(temperature=0, max_tokens=16)
ADAPTERS: dict[str, dict[str, Any]] = {
    "one": {"target_modules": ["q_proj", "v_proj"]},
    "two": {"target_modules": ["o_proj", "down_proj"], "r": 8},
    "dora": {"target_modules": ["q_proj", "v_proj"], "use_dora": True},
}


@pytest.fixture(scope="module")
def adapters(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    made = {
        name: random_adapter(folder / name, starter, seed=seed, strength=0.05, **settings)
        for seed, (name, settings) in enumerate(ADAPTERS.items())
    }
    other_base = tiny_model(folder / "other-base", starter)
    return made | {
        "of-another-base": random_adapter(folder / "of-another-base", other_base, seed=0),
        "of-another-shape": random_adapter(folder / "of-another-shape", other_base, seed=0),
    }


@pytest.fixture(scope="module")
def catalogue(
    starter: Path, adapters: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalogue]:
    home = tmp_path_factory.mktemp("home")
    catalogue = Catalogue(f"sqlite:///{home / 'studio.db'}")
    ready = {"source": "folder", "status": "ready"}
    model = catalogue.add_model(**ready | {"name": "starter", "reference": STARTER_REFERENCE, "path": str(starter)})
    tiny = str(adapters["one"].parent / "other-base")
    other = catalogue.add_model(**ready | {"name": "other", "reference": tiny, "path": tiny})
    gone = str(home / "gone")
    catalogue.add_model(**ready | {"name": "gone", "reference": gone, "path": gone})
    for name, path in adapters.items():
        belongs = other.id if name == "of-another-base" else model.id
        base = "other" if name == "of-another-base" else "starter"
        fields = {"name": name, "model_id": belongs, "base_name": base, "base_source": "folder", "base_reference": base}
        catalogue.add_adapter(**adapter_fields(path, **fields))
    yield catalogue
    catalogue.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("playground")


@pytest.fixture(scope="module")
def playground(catalogue: Catalogue, folder: Path) -> Iterator[Playground]:
    playground = Playground(catalogue, LocalEngine(), folder, RemoteServer(read_settings({}, home=folder)))
    yield playground
    playground.close()


@pytest.fixture(scope="module")
def alone(starter: Path, adapters: dict[str, Path]) -> Any:
    """What transformers and peft themselves answer, greedily, with nothing of ours in sight."""
    tokenizer = AutoTokenizer.from_pretrained(starter)

    @cache
    def answer(adapter: str | None) -> str:
        model = AutoModelForCausalLM.from_pretrained(starter, dtype=torch.float32)
        subject = model if adapter is None else PeftModel.from_pretrained(model, adapters[adapter]).eval()
        messages = [m.model_dump() for m in QUESTION]
        asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
        written = subject.generate(**asked, max_new_tokens=GREEDY.max_tokens, do_sample=False)
        return str(tokenizer.decode(written[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))

    return answer


def asked(name: str | None, messages: list[Message] = QUESTION, *, on: bool = True, **column: Any) -> ColumnPrompt:
    shares = (Share(adapter=name),) if name else ()
    return ColumnPrompt(Column(**{"model": "starter", "shares": shares} | column), messages, on)


def moments(playground: Playground, *names: str | None, sampling: Sampling = GREEDY) -> list[Comparison]:
    return list(playground.compare([asked(name) for name in names], sampling))


def compare(playground: Playground, *names: str | None, sampling: Sampling = GREEDY) -> list[ColumnState]:
    """The columns when all are done."""
    columns = moments(playground, *names, sampling=sampling)[-1].columns
    assert [c.name for c in columns] == [n or "" for n in names]
    return columns


def texts(columns: list[ColumnState]) -> list[str]:
    assert [c.state for c in columns] == ["done"] * len(columns), columns
    return [c.text for c in columns]


def ask_worker(folder: Path, **options: Any) -> httpx.Client:
    known = json.loads((folder / "1" / "endpoint.json").read_text())
    headers = {"Authorization": f"Bearer {known['token']}"} | options
    return httpx.Client(base_url=f"http://127.0.0.1:{known['port']}", headers=headers, trust_env=False, timeout=120)


def test_base_and_adapters_in_one_batch_answer_as_each_does_alone(playground: Playground, alone: Any):
    seen = moments(playground, None, "one", "two", "one")
    waits = [m.status for m in seen if m.status]
    assert "Loading the model" in waits, "what is waited for is said"
    columns = seen[-1].columns
    assert texts(columns) == [alone(None), alone("one"), alone("two"), alone("one")]
    assert len(set(texts(columns))) == 3
    assert any(all(c.text and c.state == "streaming" for c in m.columns) for m in seen), "all write at the same time"
    for column in columns:
        assert column.tokens == GREEDY.max_tokens
        assert column.finish == "length"
        assert column.tokens_per_second > 0
        assert column.first_token_seconds > 0
        assert column.note == ""


def test_another_column_changes_no_other_one(playground: Playground):
    drawn = Sampling(temperature=1.0, top_p=0.9, max_tokens=12, seed=5)
    base, one, two = texts(compare(playground, None, "one", "two", sampling=drawn))
    assert texts(compare(playground, None, sampling=drawn)) == [base]
    assert texts(compare(playground, "two", "one", sampling=drawn)) == [two, one]
    assert texts(compare(playground, None, sampling=drawn.model_copy(update={"seed": 6}))) != [base]


def test_a_column_that_is_off_is_not_asked_and_switching_loads_nothing_again(playground: Playground, folder: Path):
    before = playground.status()
    on_and_off = [
        asked(None), asked("one", on=False), asked("two", on=False),
    ]  # fmt: skip
    *_, last = playground.compare(on_and_off, GREEDY)
    assert [(c.state, bool(c.text)) for c in last.columns] == [("done", True), ("idle", False), ("idle", False)]
    compare(playground, "one")
    assert playground.status() == before
    assert (before.state, before.model, before.precision) == ("ready", "starter", "auto")
    stages = [getattr(e, "stage", "") for e in JobFolder(folder / "1").read()[0]]
    assert stages == ["Loading the model", "Ready"], "the base was loaded once"


def test_a_dora_column_answers_alone_but_right_and_says_so(playground: Playground, alone: Any):
    base, dora = compare(playground, None, "dora")
    assert texts([base, dora]) == [alone(None), alone("dora")]
    assert (base.note, dora.note) == ("", "DoRA adapters cannot share a batch.")


def test_what_is_wrong_with_a_column_stays_in_it(playground: Playground, alone: Any):
    columns = [
        asked(None),
        asked("of-another-base"),
        asked("of-another-shape"),
        asked("ghost"),
        asked("one", [Message(role="user", content="sea " * 9000)]),
        asked("one"),
    ]
    *_, last = playground.compare(columns, GREEDY)
    problems = [str(c.error) if c.error else "" for c in last.columns]
    assert [c.state for c in last.columns] == ["done", "error", "error", "error", "error", "done"]
    assert "was trained on other, not on starter. Choose the base model that it was trained on" in problems[1]
    assert "was made for another base model" in problems[2]
    assert "There is no adapter named “ghost”" in problems[3]
    assert "tokens, and the model reads at most 8192. Shorten it" in problems[4]
    assert [last.columns[0].text, last.columns[-1].text] == [alone(None), alone("one")]


def test_whoever_stops_listening_stops_the_answers(playground: Playground, folder: Path):
    endless = Sampling(temperature=0, max_tokens=8000)
    following = playground.compare([asked(None), asked("one")], endless)
    assert any(m.columns[0].tokens > 1 for m in following)
    following.close()
    with ask_worker(folder) as client:
        wait_for(lambda: not client.get("/health").json()["busy"], seconds=60, what="the end of both answers")


def test_any_client_of_the_openai_protocol_can_ask(playground: Playground, folder: Path, alone: Any):
    compare(playground, "one")
    body = {"model": "one", "messages": [m.model_dump() for m in QUESTION], "temperature": 0, "max_tokens": 16}
    with ask_worker(folder) as client:
        models = client.get("/v1/models").json()["data"]
        assert {"base", "one"} <= {m["id"] for m in models}
        whole = client.post("/v1/chat/completions", json=body).json()
        streamed = client.post("/v1/chat/completions", json=body | {"stream": True}).text
    assert whole["object"] == "chat.completion"
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": alone("one")}
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["completion_tokens"] == 16
    lines = [line.removeprefix("data: ") for line in streamed.splitlines() if line]
    assert lines[-1] == "[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == alone("one")
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["usage"] == whole["usage"]
    assert chunks[-1]["timings"]["tokens"] == 16


def test_nobody_asks_without_the_token(playground: Playground, folder: Path):
    playground.ensure("starter")
    if os.name == "posix":
        assert stat.S_IMODE((folder / "1" / "endpoint.json").stat().st_mode) == 0o600
    for wrong in ("", "Bearer wrong", "Basic abc"):
        with ask_worker(folder, Authorization=wrong) as client:
            refused = client.get("/v1/models")
        assert refused.status_code == 401
        assert "token is missing or wrong" in refused.json()["error"]["message"]


def test_a_later_server_finds_the_worker_and_leaves_it_to_the_one_that_uses_it(
    playground: Playground, catalogue: Catalogue, folder: Path
):
    playground.ensure("starter")
    running = playground.status()
    onlooker = Playground(catalogue, LocalEngine(), folder, RemoteServer(read_settings({}, home=folder)))
    assert onlooker.status() == running
    onlooker.close()
    assert playground.status() == running
    later = Playground(catalogue, LocalEngine(), folder, RemoteServer(read_settings({}, home=folder)))
    assert texts(compare(later, None)) == texts(compare(playground, None))
    assert later.status() == running


def test_a_killed_worker_is_told_and_the_next_question_starts_it_again(
    playground: Playground, folder: Path, alone: Any
):
    long = Sampling(temperature=0, max_tokens=4000)
    playground.ensure("starter")
    killed = playground.status().handle
    assert killed
    last = None
    for last in playground.compare([asked(None), asked("one")], long):
        if last.columns[0].tokens > 1 and psutil.pid_exists(pid_of(killed)):
            os.kill(pid_of(killed), signal.SIGKILL)
    assert last is not None
    for column in last.columns:
        assert column.state == "error"
        assert column.text, "what was said before stays"
        assert "SIGKILL" in str(column.error) and "Send the prompt again" in str(column.error)
        assert "it starts automatically" in str(column.error)
    assert texts(compare(playground, None, "one")) == [alone(None), alone("one")]
    assert playground.status().handle != killed


def test_another_model_takes_the_place_of_the_first(playground: Playground):
    playground.ensure("starter")
    first = playground.status().handle
    assert first
    *_, last = playground.compare([asked(None, model="other"), asked("of-another-base", model="other")], GREEDY)
    assert [c.state for c in last.columns] == ["done", "done"]
    assert playground.status().model == "other"
    assert not psutil.pid_exists(pid_of(first)), "one base is in memory at a time"


def test_a_model_that_cannot_be_loaded_is_explained(playground: Playground):
    *_, last = playground.compare([asked(None, model="gone"), asked(None, model="nowhere")], GREEDY)
    assert [c.state for c in last.columns] == ["error", "error"]
    assert "gone" in str(last.columns[0].error)
    assert "nowhere" in str(last.columns[1].error)
    assert playground.status().model == "other", "what is in memory stays there"


def test_an_idle_model_makes_room_and_comes_back_but_never_in_the_middle_of_an_answer(playground: Playground):
    answering = playground.compare([asked(None)], Sampling(temperature=0, max_tokens=400))
    assert any(moment.columns[0].state == "streaming" for moment in answering)
    first = playground.status().handle
    assert not playground.dismiss()
    answering.close()
    wait_for(playground.dismiss, seconds=20, what="the end of the answer")
    wait_for(lambda: playground.status().state == "stopped", seconds=20, what="the model to leave")
    assert playground.dismiss(), "there is nobody to leave"
    *_, last = playground.compare([asked(None)], GREEDY)
    assert last.columns[0].state == "done"
    assert playground.status().handle not in ("", first)


class Crowded(LocalEngine):
    """On a machine whose memory is full, for as long as it is said to be."""

    free = 0

    def devices(self) -> list[Device]:
        return [Device("cpu", "CPU", 16 << 30, self.free)]


def test_a_model_waits_for_memory_while_a_run_trains_and_is_refused_where_none_does(
    catalogue: Catalogue, tmp_path: Path
):
    engine = Crowded()
    playground = Playground(catalogue, engine, tmp_path, RemoteServer(read_settings({}, home=tmp_path)))
    question = [asked(None, model="other")]
    *_, last = playground.compare(question, GREEDY)
    assert "CPU has 0.0 GB free" in str(last.columns[0].error)

    catalogue.add_dataset(
        name="rows", format="chat", sha256="ab", file_name="rows.jsonl", path="", rows_path="", rows=20, size=1,
        details={}, status="ready",
    )  # fmt: skip
    spec = read_spec({"model": {"name": "other"}, "data": {"name": "rows"}})
    run = Runs(catalogue).submit(spec, "trains")
    catalogue.change_run(run, RunStatus.STARTING)
    moments = playground.compare(question, GREEDY)
    try:
        assert next(moments).status == WAITING_FOR_TRAINING
        engine.free = 8 << 30
        *_, last = moments
        assert last.columns[0].state == "done", last.columns
    finally:
        playground.close()
        catalogue.change_run(run, RunStatus.FAILED)


def test_a_worker_that_nobody_asks_ends_by_itself(adapters: dict[str, Path], tmp_path: Path):
    folder = JobFolder(tmp_path / "idle")
    model = ServedModel(name="other", path=str(adapters["one"].parent / "other-base"))
    folder.prepare(ServeRequest(model=model, precision="fp32", idle_exit=0.5))
    engine = LocalEngine()
    process = engine.start("serve", folder.path)
    wait_for(lambda: not engine.is_alive(process), seconds=120, what="the idle worker's end")
    assert [e.kind for e in folder.read()[0]] == ["progress", "progress", "finished"], folder.log_tail()
    assert not (folder.path / "endpoint.json").exists()
