"""The chat worker's protocol, batches and faults, on a tiny model in this process."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from studio.domain.chat.sampling import COMPARISON, Sampling
from studio.domain.errors import InvalidInput
from studio.worker.decoding.sequence import Delta, GeneratedSequence
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving import scheduler as scheduling
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.openai_protocol import ChatRequest, read_request
from studio.worker.serving.openai_server import ChatService
from studio.worker.serving.scheduler import Scheduler
from tests.support.tiny_models import random_adapter, tiny_model
from tests.support.waiting import wait_for

TOKEN = "only-for-this-test"
HELLO = {"model": "base", "messages": [{"role": "user", "content": "你好 😀"}], "temperature": 0, "max_tokens": 24}


@pytest.fixture(scope="module")
def base(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_base(tiny_model(tmp_path_factory.mktemp("base") / "tiny", starter), "fp32")


@pytest.fixture(scope="module")
def manager(base: LoadedModel) -> AdapterManager:
    return AdapterManager(base)


@pytest.fixture(scope="module")
def scheduler(base: LoadedModel, manager: AdapterManager) -> Scheduler:
    return Scheduler(base, manager)


@pytest.fixture(scope="module")
def client(base: LoadedModel, manager: AdapterManager, scheduler: Scheduler) -> Iterator[TestClient]:
    service = ChatService(base, manager, scheduler, name="tiny", token=TOKEN)
    with TestClient(service.app, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        yield client


def answer_of(client: TestClient, **changed: Any) -> dict[str, Any]:
    response = client.post("/v1/chat/completions", json=HELLO | changed)
    assert response.status_code == 200, response.text
    return response.json()  # type: ignore[no-any-return]


def refusal_of(client: TestClient, status: int, **changed: Any) -> str:
    response = client.post("/v1/chat/completions", json=HELLO | changed)
    assert response.status_code == status, response.text
    return str(response.json()["error"]["message"])


def test_a_streamed_answer_is_the_whole_one_in_whole_characters(client: TestClient):
    whole = answer_of(client)["choices"][0]["message"]["content"]
    response = client.post("/v1/chat/completions", json=HELLO | {"stream": True})
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    assert "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines[:-1]) == whole


def test_a_seed_repeats_an_answer_and_none_draws_a_new_one(client: TestClient):
    def drawn(**changed: Any) -> tuple[str, int]:
        given = answer_of(client, temperature=1.5, **changed)
        return given["choices"][0]["message"]["content"], given["seed"]

    assert drawn(seed=3) == drawn(seed=3)
    assert drawn(seed=3) != drawn(seed=4)
    text, seed = drawn()
    assert drawn(seed=seed) == (text, seed), "the seed that was drawn is said, so the answer can be had again"
    assert drawn()[1] != seed


def together(client: TestClient, scheduler: Scheduler, second: dict[str, Any]) -> list[Any]:
    """Two questions of a comparison, the second of which comes when the first has long been waiting."""

    def ask(changed: dict[str, Any]) -> Any:
        return client.post("/v1/chat/completions", json=HELLO | changed, headers={COMPARISON: "c1/2"})

    with ThreadPoolExecutor() as threads:
        first = threads.submit(ask, {})
        wait_for(lambda: scheduler.is_busy, seconds=60, what="the first question")
        reply = ask(second)
        return [first.result(), reply]


def test_questions_of_a_comparison_are_answered_together_however_slowly_they_come(
    client: TestClient, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
):
    for name, seconds in (("PAUSE", 0.0), ("MAX_PAUSE_SECONDS", 0.0), ("MAX_WAIT_SECONDS", 600.0)):
        monkeypatch.setattr(scheduling, name, seconds)
    assert [reply.json()["timings"]["rows"] for reply in together(client, scheduler, {})] == [2, 2]
    first, refused = together(client, scheduler, {"messages": []})
    assert refused.status_code == 400
    assert first.json()["timings"]["rows"] == 1, "it does not wait for one that is refused"


def test_a_stop_sequence_ends_the_answer_before_itself(client: TestClient):
    whole = answer_of(client)["choices"][0]["message"]["content"]
    stop = whole[5:8]
    cut = answer_of(client, stop=stop)["choices"][0]
    assert cut["message"]["content"] == whole[: whole.index(stop)]
    assert cut["finish_reason"] == "stop"


def test_an_answer_ends_where_the_context_does(client: TestClient):
    given = answer_of(client, max_tokens=100_000)
    assert given["usage"]["total_tokens"] <= 256
    long = [{"role": "user", "content": "word " * 400}]
    assert "tokens, and the model reads at most 256" in refusal_of(client, 400, messages=long)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"n": 2}, "n: "),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "content"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused_and_not_passed_over(client: TestClient, changed: dict[str, Any], says: str):
    assert says in refusal_of(client, 400, **changed)


def test_what_asks_for_nothing_is_accepted():
    asked = read_request(
        ChatRequest,
        HELLO | {"max_tokens": None, "max_completion_tokens": 5, "tools": [], "logprobs": False, "user": "someone",
                 "response_format": {"type": "text"}, "frequency_penalty": 0, "stop": "x",
                 "messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}]}
    )  # fmt: skip
    assert asked.max_tokens == 5
    assert asked.stop == ["x"]
    assert asked.messages[0].model_dump() == {"role": "system", "content": "Be brief."}
    with pytest.raises(InvalidInput, match="model"):
        read_request(ChatRequest, {"messages": HELLO["messages"]})


def test_adapters_come_and_go(client: TestClient, base: LoadedModel, tmp_path: Path):
    adapter = random_adapter(tmp_path / "adapter", Path(base.model.name_or_path), seed=1)
    name = "吟游诗人 / v1.0"
    assert "There is no adapter" in refusal_of(client, 404, model=name)
    for _ in range(2):
        attached = client.post("/v1/adapters", json={"name": name, "path": str(adapter)})
        assert attached.json() == {"name": name, "alone": ""}
    assert answer_of(client, model=name)["choices"] != answer_of(client)["choices"]
    assert name in [m["id"] for m in client.get("/v1/models").json()["data"]]
    assert client.delete(f"/v1/adapters/{name}").status_code == 204
    assert client.delete(f"/v1/adapters/{name}").status_code == 404
    assert client.post("/v1/adapters", json={"name": name}).status_code == 400
    nowhere = client.post("/v1/adapters", json={"name": name, "path": str(tmp_path / "nowhere")})
    assert nowhere.status_code == 400
    assert nowhere.json()["error"]["studio"]["remedy"] == "Restore its files, or train it again."


def test_messages_that_the_template_does_not_take_are_said(client: TestClient, base: LoadedModel):
    kept = base.tokenizer.chat_template
    base.tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    try:
        assert "does not accept these messages: System role not supported." in refusal_of(client, 400)
    finally:
        base.tokenizer.chat_template = kept


class Asked:
    """An answer that is asked of the scheduler directly."""

    def __init__(self, base: LoadedModel, *, seed: int = 1, tokens: int = 8) -> None:
        self.pieces: list[Delta] = []
        self.ended = threading.Event()
        self.answer = GeneratedSequence(
            (), [5, 6, 7], Sampling(temperature=1, max_tokens=tokens, seed=seed),
            tokenizer=base.tokenizer, ends=frozenset(), device=base.device, deliver=self._hear,
        )  # fmt: skip

    def _hear(self, piece: Delta) -> None:
        self.pieces.append(piece)
        if piece.finish or piece.error:
            self.ended.set()

    def error(self) -> str:
        assert self.ended.wait(60)
        return str(self.pieces[-1].error)


def test_requests_of_one_moment_share_a_batch(base: LoadedModel, scheduler: Scheduler):
    asked = [Asked(base, seed=i, tokens=4 + i) for i in range(5)]
    for each in asked:
        scheduler.submit(each.answer)
    for each in asked:
        assert each.ended.wait(60)
    assert [each.answer.timings.rows for each in asked] == [5] * 5
    assert [each.answer.timings.tokens for each in asked] == [4, 5, 6, 7, 8]


def test_a_cancelled_answer_ends_and_its_neighbours_do_not(base: LoadedModel, scheduler: Scheduler):
    gone, stays = Asked(base, tokens=200), Asked(base, tokens=6)
    gone.answer.cancel()
    scheduler.submit(gone.answer)
    scheduler.submit(stays.answer)
    assert gone.ended.wait(60)
    assert stays.ended.wait(60)
    assert (gone.pieces[-1].finish, gone.answer.timings.tokens) == ("cancelled", 0)
    assert (stays.pieces[-1].finish, stays.answer.timings.tokens) == ("length", 6)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "There was not enough memory for 2 answers at once."),
        (RuntimeError("shape mismatch\nand more"), "The model could not answer: shape mismatch."),
    ],
    ids=["memory", "anything"],
)
def test_a_batch_that_fails_is_told_to_each_and_the_next_one_works(
    base: LoadedModel, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, fault: Exception, says: str
):
    def fail(*_: Any, **__: Any) -> None:
        raise fault

    asked = [Asked(base), Asked(base)]
    with monkeypatch.context() as patch:
        patch.setattr(scheduling, "generate", fail)
        for each in asked:
            scheduler.submit(each.answer)
        assert all(each.error().startswith(says) for each in asked)
    after = Asked(base)
    scheduler.submit(after.answer)
    assert after.ended.wait(60)
    assert after.pieces[-1].finish == "length"
