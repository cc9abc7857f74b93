"""A chat template that takes all that it can get takes neither the studio nor a worker: it is ended, in clear words."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from studio.domain.events import Failed, Finished
from studio.domain.jobs.models import CheckRequest
from studio.domain.jobs.serving import ServedModel, ServeRequest
from studio.engines.local import LocalEngine
from studio.rendering.process import MAX_PROCESSES
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.ui.access.guard import HEALTH
from tests.support.hostile_templates import GREEDY, HOSTILE, REFUSES, TAKES_TIME
from tests.support.studio_process import Server, serving, studio
from tests.support.training_jobs import all_events, captain_rows, training_run, write_rows
from tests.support.waiting import wait_for
from tests.support.workers import process_of

MOST_MEMORY = 1 << 30  # bytes of the web process
PATIENCE = 4.0  # seconds until it says that it is well, on a busy machine, too; a template may compute for longer
SHORT = ("wide number", "long text", "megabytes", "recursion")
TURNS = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"


def some(table: dict[str, str]) -> list[Any]:
    return [
        pytest.param(source, id=name, marks=[] if name in SHORT else pytest.mark.long) for name, source in table.items()
    ]


@contextmanager
def looked_after(process: psutil.Process, url: str, token: str = "") -> Iterator[None]:
    """Fails where, meanwhile, it does not say within PATIENCE that it is well, or takes more than MOST_MEMORY more."""
    slowest, most, over = [0.0], [0], threading.Event()
    before = process.memory_info().rss

    def look() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"} if token else {}, timeout=60) as client:
            while True:
                began = time.monotonic()
                client.get(url).raise_for_status()
                slowest[0] = max(slowest[0], time.monotonic() - began)
                most[0] = max(most[0], process.memory_info().rss)
                if over.wait(0.05):
                    return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert 0 < slowest[0] < PATIENCE
    assert most[0] < (before + MOST_MEMORY if token else MOST_MEMORY)


def rendering(server: Server) -> list[psutil.Process]:
    return [c for c in psutil.Process(server.process.pid).children() if "studio.rendering" in c.cmdline()]


@pytest.fixture(scope="module")
def home(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return furnished(tmp_path_factory.mktemp("hostile") / "home", starter)


def furnished(home: Path, starter: Path) -> Path:
    """With rows, and a base model (without weights) whose chat template is changed by each test."""
    model = home / "models" / "hostile"
    model.mkdir(parents=True)
    for file in (*starter.glob("*token*.json"), starter / "config.json"):
        shutil.copy(file, model)
    rows = write_rows(home / "rows.arrow", captain_rows(40))
    catalogue = Catalogue(read_settings({}, home=home).url)
    catalogue.add_model(
        name="hostile", reference="hostile", source="folder", status="ready", path=str(model), chat_template=True
    )
    catalogue.add_dataset(
        name="rows", format="chat", sha256="ab" * 32, file_name="rows.jsonl", path=str(rows), rows_path=str(rows),
        rows=40, size=rows.stat().st_size, details={}, status="ready",
    )  # fmt: skip
    catalogue.close()
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serving(home) as server:
        yield server


@pytest.fixture
def bring(home: Path) -> Callable[[str], None]:
    return (home / "models" / "hostile" / "chat_template.jinja").write_text


@pytest.mark.parametrize("source", some(HOSTILE))
def test_the_pages_say_what_is_wrong_with_a_template_and_live(
    server: Server, bring: Callable[[str], None], source: str
) -> None:
    bring(source)
    with looked_after(psutil.Process(server.process.pid), server.url + HEALTH):
        answer = server.call("sample", {"model": "hostile", "choice": "auto"}).decode()
        assert "hostile" in answer or "chat template refuses" in answer
        assert "Something went wrong" not in answer and len(answer) < 5_000
        page = server.call("rows", {"name": "rows", "model": "hostile"}).decode()
        assert "Something went wrong" not in page and len(page) < 500_000
        assert "template" in page
        if len(source) < 1_000_000:  # what is longer is not even read
            other = server.call("sample", {"model": "hostile", "choice": "zephyr"}).decode()
            assert "capital of France" in other


@pytest.mark.long
def test_pages_for_others_are_served_while_many_look_at_greedy_templates(
    server: Server, bring: Callable[[str], None]
) -> None:
    bring(TAKES_TIME["sums"] + "{# of many #}")
    with looked_after(psutil.Process(server.process.pid), server.url + HEALTH):
        asking = [
            threading.Thread(target=server.call, args=("sample", {"model": "hostile", "choice": "auto"}))
            for _ in range(30)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
    assert 1 < len(rendering(server)) <= MAX_PROCESSES


@pytest.mark.parametrize("source", some(GREEDY))
def test_an_examination_ends_in_words(home: Path, bring: Callable[[str], None], source: str) -> None:
    bring(source + "{# examined #}")
    file = home.with_name("rows.jsonl")
    file.write_text(json.dumps({"prompt": "Who?", "completion": "Me."}) + "\n")
    done = studio(home, "datasets", "check", str(file), "--model", "hostile")
    assert done.returncode
    assert "Choose another chat template, or another base model." in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_no_process_that_renders_outlives_a_server_that_is_killed(tmp_path: Path, starter: Path) -> None:
    server = Server(furnished(tmp_path / "home", starter))
    try:
        server.call("sample", {"model": "hostile", "choice": "auto"})
        (child,) = rendering(server)
    finally:
        server.kill()
    wait_for(lambda: not child.is_running(), seconds=20, what="the end of the process that renders")


@contextmanager
def chat_worker(path: Path, model: Path) -> Iterator[tuple[psutil.Process, str, str]]:
    """Its process, address and token."""
    folder = JobFolder(path)
    folder.prepare(ServeRequest(model=ServedModel(name="hostile", path=str(model)), precision="fp32"))
    engine = LocalEngine()
    started = engine.start("serve", folder.path)
    try:
        endpoint = folder.path / "endpoint.json"
        wait_for(lambda: endpoint.exists() or not engine.is_alive(started), seconds=120, what="the chat worker")
        assert endpoint.exists(), folder.log_tail()
        known = json.loads(endpoint.read_text())
        yield process_of(started), f"http://127.0.0.1:{known['port']}", known["token"]
    finally:
        engine.stop(started, force=True)


def ask(url: str, token: str, words: str) -> tuple[int, str]:
    asked = {"model": "base", "messages": [{"role": "user", "content": words}], "temperature": 0, "max_tokens": 3}
    answer = httpx.post(
        f"{url}/v1/chat/completions", json=asked, headers={"Authorization": f"Bearer {token}"}, timeout=120
    )
    return answer.status_code, answer.text


def test_a_chat_worker_says_what_is_wrong_with_a_template_and_answers_the_next(tmp_path: Path, starter: Path) -> None:
    """The template is harmless until somebody attacks, so that no check finds it."""
    from tests.support.tiny_models import tiny_model

    model = tiny_model(tmp_path / "hostile", starter)
    kinds = {"loops": "longer than", "doubling": "of memory"}
    attacks = "".join("{% elif messages[0].content == '" + name + "' %}" + GREEDY[name] for name in kinds)
    (model / "chat_template.jinja").write_text("{% if false %}" + attacks + "{% else %}" + TURNS + "{% endif %}")
    with chat_worker(tmp_path / "worker", model) as (process, url, token):
        for name, words in kinds.items():
            assert ask(url, token, "Hello")[0] == 200
            with looked_after(process, url + "/health", token):
                status, answer = ask(url, token, name)
            assert status == 400 and "template of hostile was stopped" in answer and words in answer


@pytest.mark.long
@pytest.mark.parametrize("source", [*GREEDY.values(), *REFUSES.values()], ids=[*GREEDY, *REFUSES])
def test_a_base_whose_own_template_is_hostile_is_chatted_with_in_words(
    tmp_path: Path, starter: Path, source: str
) -> None:
    from tests.support.tiny_models import tiny_model

    model = tiny_model(tmp_path / "hostile", starter)
    (model / "chat_template.jinja").write_text(source)
    with chat_worker(tmp_path / "worker", model) as (process, url, token):
        with looked_after(process, url + "/health", token):
            status, answer = ask(url, token, "Hello")
        assert status == 400 and "template" in answer


@pytest.mark.long
@pytest.mark.parametrize("source", GREEDY.values(), ids=GREEDY)
def test_training_and_checking_end_in_words(tmp_path: Path, starter: Path, source: str) -> None:
    from tests.support.tiny_models import tiny_model

    model = tiny_model(tmp_path / "hostile", starter)
    (model / "chat_template.jinja").write_text(source)
    engine = LocalEngine()
    check = JobFolder(tmp_path / "check")
    check.prepare(CheckRequest(path=str(model)))
    train = training_run(tmp_path / "train", model, captain_rows(8), training={"max_steps": 1, "max_length": 64})
    for task, folder in (("check", check), ("train", train)):
        started = engine.start(task, folder.path)
        wait_for(lambda started=started: not engine.is_alive(started), seconds=200, what=f"the end of {task}")
        last = all_events(folder)[-1]
        if task == "check":
            assert isinstance(last, Finished), folder.log_tail()
            assert "was stopped" in str(last.details["report"]["notes"])
        else:
            assert isinstance(last, Failed) and "Choose another chat template" in last.remedy
