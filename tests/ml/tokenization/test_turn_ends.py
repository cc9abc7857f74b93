"""An answer ends where the chat template ends it, whatever the tokenizer calls its end token, wherever one is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from peft import PeftModel
from starlette.testclient import TestClient
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from studio.worker.common.watchdog import Watchdog
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.openai_server import ChatService
from studio.worker.serving.scheduler import Scheduler
from studio.worker.tokenization.chat_template import describe_template, turn_end
from studio.worker.tokenization.encoder import Encoder
from studio.worker.tokenization.load import token_ids
from studio.worker.training import task as training
from studio.worker.training.sample_answers import Samples
from studio.worker.training.stop import StopRequest
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import conversation, training_run

FAMILIES = Path(trl.__file__).parent / "chat_templates"
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TITLES = (
    "{% for m in messages %}{{ '### ' + m.role + ':\n' + m.content + '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant:\n' }}{% endif %}"
)
STARRED = TITLES.replace("m.content + '\n\n'", "m.content + '\n*** over ***\n\n'")
QUESTION, ANSWER = "Where is the rope?", "Arr! Below deck."
ASK = {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 40}


@pytest.fixture(scope="module")
def polyglot(starter: Path) -> Any:
    """The starter's tokenizer, with the tokens that the templates of all families write."""
    tokenizer = AutoTokenizer.from_pretrained(starter)
    tags = re.compile(r"<[|｜][^<>]*[|｜]>|<(?:end|start)_of_turn>|<\|?turn\|?>|<\|tool_response>")
    found = {tag for file in FAMILIES.glob("*.jinja") for tag in tags.findall(file.read_text("utf-8"))}
    tokenizer.add_special_tokens({"additional_special_tokens": sorted(found)})
    return tokenizer


@pytest.fixture
def family(polyglot: Any) -> Iterator[Callable[[str], Any]]:
    """The tokenizer with the chat template of a family."""
    own = polyglot.chat_template

    def speaking(name: str) -> Any:
        polyglot.chat_template = (FAMILIES / f"{name}.jinja").read_text("utf-8")
        return polyglot

    yield speaking
    polyglot.chat_template = own


@pytest.mark.parametrize(
    ("name", "text", "tokens"),
    [
        ("cohere", "<|END_OF_TURN_TOKEN|>", ["<|END_OF_TURN_TOKEN|>"]),
        ("deepseek_r1_distill", "<｜end▁of▁sentence｜>", ["<｜end▁of▁sentence｜>"]),
        ("gemma", "<end_of_turn>", ["<end_of_turn>"]),
        ("gemma4", "<turn|>", ["<turn|>", "<|tool_response>"]),
        ("glm4moe", "", ["<|user|>"]),
        ("glm4moe_training", "<|user|>", ["<|observation|>", "<|user|>"]),
        ("gptoss", "<|return|>", ["<|call|>", "<|return|>"]),
        ("llama3", "<|eot_id|>", ["<|eot_id|>"]),
        ("llama3_1", "<|eot_id|>", ["<|eot_id|>"]),
        ("phi3", "<|end|>", ["<|end|>"]),
        ("qwen2_5", "<|im_end|>", ["<|im_end|>"]),
        ("qwen3", "<|im_end|>", ["<|im_end|>"]),
    ],
)
def test_the_end_of_a_turn_is_found_in_what_well_known_templates_write(
    family: Callable[[str], Any], name: str, text: str, tokens: list[str]
) -> None:
    tokenizer = family(name)
    end = turn_end(tokenizer)
    assert end.text == text
    assert sorted(tokenizer.convert_ids_to_tokens(list(end.tokens))) == sorted(tokens)
    assert end.strings == ()


@pytest.mark.parametrize("file", sorted(FAMILIES.glob("*.jinja")), ids=lambda file: file.stem)
def test_what_ends_an_answer_is_learned_under_every_template_that_takes_one(
    family: Callable[[str], Any], file: Path
) -> None:
    tokenizer = family(file.stem)
    end = turn_end(tokenizer)
    for rows in ([conversation(QUESTION, ANSWER)], [{"messages": [*conversation("a", "b")["messages"]] * 2}]):
        (found,) = Encoder(tokenizer, answers_only=True).encode(rows)
        if isinstance(found, Exception):  # a template for pictures takes content in parts only
            assert re.match("idefics|llava|smolvlm", file.stem)
            continue
        learned = found.ids[found.is_target].tolist()
        assert tuple(learned[-len(end.target_ids) :]) == end.target_ids
        assert {*end.tokens, tokenizer.eos_token_id} & {*end.target_ids}, "nothing would ever end an answer"


@pytest.mark.parametrize(
    ("template", "strings", "learned"),
    [(TITLES, ("\n### user:",), "<|endoftext|>"), (STARRED, ("\n*** over ***",), "\n*** over ***<|endoftext|>")],
)
def test_a_turn_that_ends_with_words_ends_before_them_and_has_the_end_token_behind_it(
    starter: Path, template: str, strings: tuple[str, ...], learned: str
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(starter)
    tokenizer.chat_template, tokenizer.eos_token = template, "<|endoftext|>"
    end = turn_end(tokenizer)
    assert (end.tokens, end.strings, tokenizer.decode(end.target_ids)) == (frozenset(), strings, learned)
    (found,) = Encoder(tokenizer, answers_only=True).encode([conversation(QUESTION, ANSWER)])
    assert tokenizer.decode(found.ids[found.is_target]) == ANSWER + learned
    assert found.ids[-1] == tokenizer.eos_token_id


def test_a_template_is_described_by_what_it_keeps(starter: Path, family: Callable[[str], Any]) -> None:
    kept = {"keeps_tools": True, "keeps_reasoning": True, "prefix_equals_prompt": True}
    assert describe_template(family("qwen2_5")) == {"end_of_turn": "<|im_end|>"} | kept
    assert describe_template(AutoTokenizer.from_pretrained(starter)) == {"end_of_turn": "<|im_end|>"} | kept | {
        "keeps_tools": False
    }
    thinks = describe_template(family("deepseek_r1_distill"))
    assert not thinks["keeps_reasoning"]
    assert not thinks["prefix_equals_prompt"], "an answer without reasoning does not begin as the prompt ends"
    bare = AutoTokenizer.from_pretrained(starter)
    bare.chat_template = None
    assert describe_template(bare) == dict.fromkeys(kept, False) | {"end_of_turn": ""}


@dataclass(frozen=True)
class Trained:
    base: Path
    adapter: Path


@pytest.fixture(scope="module", params=[CHATML, STARRED, TITLES], ids=["token", "words", "nothing"])
def trained(request: pytest.FixtureRequest, starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A base whose chat template closes a turn with something else than its end token, and an adapter that has learned
    one answer by heart."""
    folder = tmp_path_factory.mktemp("ends")
    base = tiny_model(folder / "base", starter, eos_token_id=0, pad_token_id=0, hidden_size=64)
    _made_sure(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.eos_token = tokenizer.pad_token = "<|endoftext|>"
    tokenizer.chat_template = request.param
    tokenizer.save_pretrained(base)
    rows = [conversation(QUESTION, ANSWER), conversation("Who?", "Me.")] * 4
    settings: Any = {
        "data": {"validation_split": 0},
        "lora": {"r": 16},
        "training": {"max_steps": 40, "learning_rate": 2e-2, "warmup_steps": 0, "per_device_train_batch_size": 8},
    }
    run = training_run(folder / "run", base, rows, **settings)
    finished = training.run(run, StopRequest(run), Watchdog(run))
    return Trained(base, Path(finished.path))


def _made_sure(folder: Path) -> None:
    """Random weights of the last norm would leave all tokens about as likely, whatever is learned."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        model.model.norm.weight.fill_(1.0)
    model.save_pretrained(folder)


@pytest.fixture(scope="module")
def loaded(trained: Trained) -> LoadedModel:
    return load_base(trained.base, "fp32")


@pytest.fixture(scope="module")
def client(trained: Trained, loaded: LoadedModel) -> Any:
    manager = AdapterManager(loaded)
    manager.add("captain", trained.adapter)
    service = ChatService(loaded, manager, Scheduler(loaded, manager), name="tiny", token="t")
    with TestClient(service.app, headers={"Authorization": "Bearer t"}) as client:
        yield client


def test_an_answer_in_the_playground_ends_with_the_turn(client: TestClient) -> None:
    reply = client.post("/v1/chat/completions", json=ASK | {"model": "captain"}).raise_for_status().json()
    assert reply["choices"][0]["message"]["content"].strip() == ANSWER
    assert reply["choices"][0]["finish_reason"] == "stop"


def test_plain_generation_with_what_is_saved_ends_there_too(trained: Trained) -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained.adapter)
    model = AutoModelForCausalLM.from_pretrained(trained.base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, trained.adapter).eval()
    model.generation_config = GenerationConfig.from_pretrained(trained.adapter)
    prompt = tokenizer.apply_chat_template(
        ASK["messages"], add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    written = model.generate(**prompt, max_new_tokens=40, do_sample=False)[0, prompt["input_ids"].shape[1] :]
    assert len(written) < 40
    text = tokenizer.decode(written, skip_special_tokens=True)
    assert text.removesuffix("\n*** over ***") == ANSWER


def test_a_sample_answer_ends_with_the_turn(trained: Trained, loaded: LoadedModel) -> None:
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(trained.base, dtype=torch.float32), trained.adapter
    )
    samples = Samples(loaded.tokenizer, [ASK["messages"]])
    assert list(samples.answers(model, lambda: False)) == [(QUESTION, ANSWER)]


def test_a_reference_answer_is_read_with_the_end_that_was_learned(client: TestClient, loaded: LoadedModel) -> None:
    reading = {"model": "captain", "messages": ASK["messages"], "answer": ANSWER}
    (result,) = client.post("/v1/studio/readings", json={"readings": [reading]}).raise_for_status().json()["readings"]
    learned = [*token_ids(loaded.tokenizer, ANSWER), *turn_end(loaded.tokenizer).target_ids]
    assert len(result["logprobs"]) == len(learned)
    assert min(result["logprobs"]) > -2, "all of it was learned by heart, its end too"
