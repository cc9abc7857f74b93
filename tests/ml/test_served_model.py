"""`studio serve-model` as another program uses it: with the openai client."""

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

from studio.services.models import STARTER_REFERENCE
from studio.store.catalogue import Catalogue
from tests.adapters import adapter_fields
from tests.ml.tiny import random_adapter, tiny_model
from tests.served import environment, studio

QUESTION: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture(scope="module")
def home(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    model = tiny_model(folder / "tiny", starter)
    adapter = random_adapter(folder / "captain", model, seed=1)
    home = folder / "home"
    home.mkdir()
    catalogue = Catalogue(f"sqlite:///{home / 'studio.db'}")
    fields = {"name": "tiny", "reference": STARTER_REFERENCE, "source": "folder", "status": "ready"}
    base = catalogue.add_model(**fields, path=str(model))
    catalogue.add_adapter(**adapter_fields(adapter, name="captain", model_id=base.id, base_name="tiny"))
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
