"""A model without a chat template: the chosen one is trained with, saved with the adapter, and asked with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from peft import PeftModel
from starlette.testclient import TestClient
from transformers import AutoModelForCausalLM, AutoTokenizer

from studio.domain.chat.sampling import COMPARISON
from studio.domain.chat.templates import TEMPLATES
from studio.worker.common.watchdog import Watchdog
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.openai_server import ChatService
from studio.worker.serving.scheduler import Scheduler
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
from studio.worker.training import task as training
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import captain_rows, training_run

QUESTION = [{"role": "user", "content": "Where is rope 0?"}]  # one of those that are trained
TOKENS = 12
QUICK = {"max_steps": 2, "learning_rate": 5e-2, "warmup_steps": 0}
CHATML, ZEPHYR = (TEMPLATES[name].source_for(begins=False) for name in ("chatml", "zephyr"))


@pytest.fixture(scope="module")
def model(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_model(tmp_path_factory.mktemp("base") / "tiny", starter)
    (folder / "chat_template.jinja").unlink()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template is None
    return folder


@dataclass(frozen=True)
class Trained:
    adapter: Path
    examples: list[dict[str, Any]]  # input_ids and labels, as the trainer got them


@pytest.fixture(scope="module")
def trained(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """With Zephyr's template."""
    settings: Any = {"model": {"chat_template": "zephyr"}, "data": {"validation_split": 0}, "training": QUICK}
    folder = training_run(tmp_path_factory.mktemp("runs") / "run", model, captain_rows(10), **settings)
    examples: list[dict[str, Any]] = []

    def build(loaded: LoadedModel, train: TokenizedDataset, *more: Any, **named: Any) -> StudioTrainer:
        examples.extend(train.rows)
        return build_trainer(loaded, train, *more, **named)

    with patch.object(training, "build_trainer", build):
        finished = training.run(folder, StopRequest(folder), Watchdog(folder))
    return Trained(Path(finished.path), examples)


@pytest.fixture(scope="module")
def adapter(trained: Trained) -> Path:
    return trained.adapter


@pytest.fixture(scope="module")
def base(model: Path) -> LoadedModel:
    return load_base(model, "fp32")


def prompt_of(tokenizer: Any, template: str) -> list[int]:
    text = tokenizer.apply_chat_template(
        QUESTION, chat_template=template, add_generation_prompt=True, tokenize=False
    )  # fmt: skip
    return tokenizer(text, add_special_tokens=False)["input_ids"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def alone(model: Path, adapter: Path) -> Any:
    """What transformers and peft themselves answer to the question under a template."""
    tokenizer = AutoTokenizer.from_pretrained(model)

    @cache
    def answer(tuned: bool, template: str) -> str:
        subject = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
        if tuned:
            subject = PeftModel.from_pretrained(subject, adapter).eval()
        ids = torch.tensor([prompt_of(tokenizer, template)])
        written = subject.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False, pad_token_id=2
        )
        return str(tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True))

    return answer


def asked_together(base: LoadedModel, adapters: dict[str, Path]) -> dict[str, Any]:
    """The chat worker's replies of the base and the adapters to the question, in one batch."""
    service = ChatService(base, manager := AdapterManager(base), Scheduler(base, manager), name="tiny", token="t")
    names = ["base", *adapters]

    def ask(name: str) -> Any:
        body = {"messages": QUESTION, "temperature": 0, "max_tokens": TOKENS, "model": name}
        headers = {COMPARISON: f"all/{len(names)}"}
        return client.post("/v1/chat/completions", json=body, headers=headers).raise_for_status().json()

    with TestClient(service.app, headers={"Authorization": "Bearer t"}) as client, ThreadPoolExecutor() as threads:
        for name, path in adapters.items():
            client.post("/v1/adapters", json={"name": name, "path": str(path)}).raise_for_status()
        return dict(zip(names, threads.map(ask, names), strict=True))


def text_of(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def test_the_chosen_template_is_saved_with_the_adapter_for_any_tokenizer(adapter: Path):
    assert (adapter / "chat_template.jinja").read_text("utf-8") == ZEPHYR
    tokenizer = AutoTokenizer.from_pretrained(adapter)
    shown = tokenizer.apply_chat_template(QUESTION, add_generation_prompt=True, tokenize=False)
    assert shown == "<|user|>\nWhere is rope 0?<|im_end|>\n<|assistant|>\n"


def test_what_is_asked_is_the_beginning_of_what_was_trained(trained: Trained):
    tokenizer = AutoTokenizer.from_pretrained(trained.adapter)
    prompt = prompt_of(tokenizer, ZEPHYR)
    (example,) = [e for e in trained.examples if list(e["input_ids"][: len(prompt)]) == prompt]
    learned = example["labels"] != -100
    assert not learned[: len(prompt)].any()
    assert tokenizer.decode(example["input_ids"][learned]) == "Arr! rope 0 be below deck.<|im_end|>"


def test_each_column_is_asked_with_its_own_template_in_one_batch(base: LoadedModel, adapter: Path, alone: Any):
    replies = asked_together(base, {"captain": adapter})
    assert [reply["timings"]["rows"] for reply in replies.values()] == [2, 2]
    read = {name: reply["usage"]["prompt_tokens"] for name, reply in replies.items()}
    assert read == {"base": len(prompt_of(base.tokenizer, CHATML)), "captain": len(prompt_of(base.tokenizer, ZEPHYR))}
    assert read["base"] != read["captain"]
    assert text_of(replies["base"]) == alone(False, CHATML)
    assert text_of(replies["captain"]) == alone(True, ZEPHYR) != alone(True, CHATML)


def test_an_adapter_without_a_saved_template_is_asked_with_chatml(
    base: LoadedModel, adapter: Path, alone: Any, tmp_path: Path
):
    bare, older = tmp_path / "bare", tmp_path / "older"
    for folder in (bare, older):
        folder.mkdir()
        for file in ("adapter_config.json", "adapter_model.safetensors"):
            (folder / file).write_bytes((adapter / file).read_bytes())
    AutoTokenizer.from_pretrained(adapter).save_pretrained(older, save_jinja_files=False)
    assert not (older / "chat_template.jinja").exists()
    replies = asked_together(base, {"bare": bare, "older": older})
    assert text_of(replies["bare"]) == alone(True, CHATML)
    assert text_of(replies["older"]) == alone(True, ZEPHYR)


def test_an_adapter_is_asked_with_its_own_template_though_its_base_has_another(
    starter: Path, adapter: Path, tmp_path: Path
):
    base = load_base(tiny_model(tmp_path / "tiny", starter), "fp32")
    replies = asked_together(base, {"captain": adapter})
    own = prompt_of(base.tokenizer, base.tokenizer.chat_template)
    read = {name: reply["usage"]["prompt_tokens"] for name, reply in replies.items()}
    assert read == {"base": len(own), "captain": len(prompt_of(base.tokenizer, ZEPHYR))}
    assert load_base(tmp_path / "tiny", "fp32", chat_template="zephyr").tokenizer.chat_template == ZEPHYR
