"""`studio serve-model` as other programs use it: the openai client, and a studio in whose place it answers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from studio.domain.chat.sampling import Message, Sampling
from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput
from studio.engines.local import LocalEngine
from studio.services.inference.remote_server import RemoteServer
from studio.services.models.service import STARTER_REFERENCE
from studio.services.playground.columns import ColumnPrompt, ColumnState
from studio.services.playground.service import Playground
from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.sample_adapters import adapter_fields
from tests.support.studio_process import environment, studio
from tests.support.tiny_models import random_adapter, tiny_model

QUESTION: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def home(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    model = tiny_model(folder / "tiny", starter)
    home = folder / "home"
    home.mkdir()
    catalogue = Catalogue(f"sqlite:///{home / 'studio.db'}")
    fields = {"name": "tiny", "reference": STARTER_REFERENCE, "source": "folder", "status": "ready"}
    base = catalogue.add_model(**fields, path=str(model))
    for seed, name in enumerate(("captain", "mate"), start=1):
        adapter = random_adapter(folder / name, model, seed=seed)
        catalogue.add_adapter(**adapter_fields(adapter, name=name, model_id=base.id, base_name="tiny"))
    catalogue.close()
    return home


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "studio", "serve-model", "tiny", "--adapter", "captain", "--home", str(home)]
    process = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True, env=environment())
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line
    yield json.loads(line)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    process.stdout.close()


@pytest.fixture
def client(served: dict[str, Any]) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served["url"], api_key=Path(served["token_file"]).read_text()) as client:
        yield client


def test_the_openai_client_lists_asks_and_follows_base_and_adapter(client: openai.OpenAI):
    assert {"base", "captain"} <= {model.id for model in client.models.list()}
    answers = {}
    for model in ("base", "captain"):
        whole = client.chat.completions.create(model=model, messages=QUESTION, temperature=0, max_tokens=8)
        pieces = client.chat.completions.create(
            model=model, messages=QUESTION, temperature=0, max_completion_tokens=8, stream=True, logprobs=True
        )
        chunks = list(pieces)
        streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        answers[model] = whole.choices[0].message.content
        assert streamed == answers[model]
        told = [token for chunk in chunks if chunk.choices[0].logprobs for token in chunk.choices[0].logprobs.content]
        assert "".join(token.token for token in told) == streamed
        assert all(token.logprob <= 0 for token in told)
        assert whole.usage
        assert whole.usage.completion_tokens == len(told)
    assert answers["base"] != answers["captain"]


def test_what_the_client_gets_wrong_is_its_own_kind_of_error(client: openai.OpenAI, served: dict[str, Any]):
    with pytest.raises(openai.NotFoundError, match="There is no adapter “ghost”"):
        client.chat.completions.create(model="ghost", messages=QUESTION)
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.chat.completions.create(model="base", messages=QUESTION, temperature=9)
    with (
        openai.OpenAI(base_url=served["url"], api_key="wrong") as stranger,
        pytest.raises(openai.AuthenticationError, match="token is missing or wrong"),
    ):
        stranger.models.list()


def test_an_unknown_model_is_said_and_no_folder_is_left(home: Path):
    failed = studio(home, "serve-model", "nowhere")
    assert failed.returncode != 0
    assert "nowhere" in failed.stderr


@pytest.fixture
def stand_in(tmp_path: Path, served: dict[str, Any]) -> RemoteServer:
    stand_in = RemoteServer(read_settings({}, home=tmp_path))
    stand_in.save(served["url"].removesuffix("/v1"), Path(served["token_file"]).read_text())
    return stand_in


@pytest.fixture
def playground(home: Path, stand_in: RemoteServer, tmp_path: Path) -> Iterator[Playground]:
    """Of a studio that asks the served model."""
    catalogue = Catalogue(f"sqlite:///{home / 'studio.db'}")
    playground = Playground(catalogue, LocalEngine(), tmp_path / "workers", stand_in)
    yield playground
    assert not playground.workers(), "this machine has loaded a model"
    catalogue.close()


def compared(playground: Playground, *columns: Column) -> list[ColumnState]:
    messages = [Message.model_validate(message) for message in QUESTION]
    asked = [ColumnPrompt(column, messages) for column in columns]
    *_, last = playground.compare(asked, Sampling(temperature=0, max_tokens=8))
    return last.columns


def of(*names: str, strength: float = 1, **more: str) -> Column:
    return Column(model="tiny", shares=tuple(Share(adapter=name, strength=strength) for name in names), **more)


def test_another_server_answers_in_place_of_this_machine(
    playground: Playground, client: openai.OpenAI, served: dict[str, Any]
):
    columns = compared(playground, of(), of("captain"), of("mate"))
    for column, name in zip(columns, ("base", "captain", "mate"), strict=True):  # mate was loaded for this
        assert column.state == "done", column
        whole = client.chat.completions.create(model=name, messages=QUESTION, temperature=0, max_tokens=8)
        assert column.text == whole.choices[0].message.content
        assert whole.usage
        assert column.tokens == len(column.pieces) == whole.usage.completion_tokens
        assert column.label["server"] == served["url"]
        assert column.first_token_seconds > 0
        assert column.effect is None
    assert len({column.text for column in columns}) == 3


def test_what_the_other_server_cannot_do_is_said_in_that_column_alone(playground: Playground):
    columns = compared(
        playground, of("captain"), of("captain", strength=0.5), of("captain", "mate"), of(precision="8-bit")
    )
    assert columns[0].state == "done"
    assert [c.error.problem.partition("/v1 ")[2] for c in columns[1:] if c.error] == [
        "answers with one adapter at a time, as it was trained.",
        "answers with one adapter at a time, as it was trained.",
        "sets its own precision.",
    ]
    (likelihood,) = playground.likelihoods([ColumnPrompt(of(), [Message(role="user", content="Hello")])], ["Hi"])
    assert isinstance(likelihood, InvalidInput)


def test_a_wrong_key_and_an_absent_server_are_told_and_this_machine_can_answer(
    playground: Playground, stand_in: RemoteServer, served: dict[str, Any]
):
    stand_in.save(served["url"], "wrong")
    (column,) = compared(playground, of())
    assert "rejected the key" in str(column.error)
    stand_in.save("http://127.0.0.1:1", "")
    (column,) = compared(playground, of())
    assert "cannot be reached" in str(column.error)
    stand_in.forget()
    assert stand_in.server() is None
