"""The playground's answers are those of plain transformers and peft, whatever the adapter changes and the model's own
generation_config says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GenerationConfig

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import InvalidInput
from studio.worker.decoding.generate import generate
from studio.worker.decoding.sequence import Delta, GeneratedSequence, Token
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from tests.support.model_families import WORDS, greedy, plain, save_family, tokens

TOKENS = 8
ATTENTION = ["q_proj", "v_proj"]
ADAPTERS: dict[str, dict[str, Any]] = {
    "attention": {"target_modules": ATTENTION},
    "experts": {"target_modules": [], "target_parameters": []},
    "experts and attention": {"target_modules": ATTENTION, "target_parameters": []},
    "embeddings": {"target_modules": ["embed_tokens"]},
    "head": {"target_modules": ["lm_head", *ATTENTION]},
    "own embeddings": {"target_modules": ATTENTION, "modules_to_save": ["embed_tokens"]},
    "single tokens": {"target_modules": ATTENTION, "trainable_token_indices": [5, 9]},
    "patterns": {
        "target_modules": ATTENTION, "rank_pattern": {"q_proj": 3}, "alpha_pattern": {"v_proj": 5},
        "layers_to_transform": [0],
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=["qwen3_moe", "granitemoe"])
def experts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(tmp_path_factory.mktemp("experts") / request.param, request.param)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_family(tmp_path_factory.mktemp("llama") / "llama", "llama")


def adapter_of(folder: Path, model: Path, *, words: int | None = None, **lora: Any) -> Path:
    """As plain peft saves it, on a base whose embeddings were resized to `words`."""
    base = plain(model)
    if words:
        base.resize_token_embeddings(words)
    adapted = get_peft_model(base, LoraConfig(**{"task_type": "CAUSAL_LM", "r": 2, "lora_alpha": 8} | lora))
    draw = torch.Generator().manual_seed(len(str(lora)))
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.1)
    adapted.save_pretrained(folder)
    return folder


def experts_of(model: Path) -> list[str]:
    """The weights of its experts, one matrix for each expert."""
    found = {name for name, parameter in plain(model).named_parameters() if parameter.dim() == 3}
    return sorted({".".join(name.split(".")[-2:]) for name in found})


def written(base: LoadedModel, manager: AdapterManager, rows: list[tuple[str, list[int]]], most: int = TOKENS) -> Any:
    """The tokens of each (adapter, prompt), in one batch."""
    found: list[list[Token]] = [[] for _ in rows]
    ends = base.model.generation_config.eos_token_id
    answers = [
        GeneratedSequence(
            ((name, 1.0),) if name else (), prompt, Sampling(temperature=0, max_tokens=most),
            tokenizer=base.tokenizer, ends=frozenset(ends if isinstance(ends, list) else [ends]), device=base.device,
            deliver=lambda piece, row=row: found[row].extend(piece.tokens),
        )
        for row, (name, prompt) in enumerate(rows)
    ]  # fmt: skip
    with manager.active([answer.adapter_set for answer in answers]) as model:
        generate(model, answers, pad=0, device=base.device)
    return found


def ids_of(found: list[list[Token]]) -> list[list[int]]:
    return [[token.id for token in row] for row in found]


@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers` to `True`")
@pytest.mark.filterwarnings("ignore:.*tie_word_embeddings")
def test_whatever_an_adapter_changes_it_plays_as_in_peft_and_leaves_the_base_to_the_bit(experts: Path, tmp_path: Path):
    base = load_base(experts, "fp32")
    manager = AdapterManager(base)
    prompt = tokens(6)
    ids = torch.tensor([prompt])
    expected = {}
    with torch.inference_mode():
        untouched = plain(experts)(input_ids=ids).logits
        for name, settings in ADAPTERS.items():
            own = {"target_parameters": experts_of(experts)} if "target_parameters" in settings else {}
            path = adapter_of(tmp_path / name.replace(" ", "-"), experts, **settings | own)
            theirs = PeftModel.from_pretrained(plain(experts), path).eval()
            expected[name] = theirs(input_ids=ids).logits, greedy(theirs, prompt)
            assert not torch.equal(expected[name][0], untouched)
            manager.add(name, path)
        for name in [*ADAPTERS, *reversed(ADAPTERS)]:
            with manager.active([((name, 1.0),)]) as model:
                assert torch.allclose(model(input_ids=ids).logits, expected[name][0], rtol=1e-5, atol=1e-5), name
            assert ids_of(written(base, manager, [(name, prompt)])) == [expected[name][1]], name
            with manager.active([()]) as model:
                assert torch.equal(model(input_ids=ids).logits, untouched), name


@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers` to `True`")
@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ATTENTION, "modules_to_save": ["embed_tokens", "lm_head"]},
        {"target_modules": ["embed_tokens"]},
        {"target_modules": ATTENTION, "trainable_token_indices": [WORDS + 7]},
    ],
    ids=["whole embeddings", "LoRA on embeddings", "single tokens"],
)
def test_an_adapter_of_another_vocabulary_says_both_sizes_and_what_to_do(
    llama: Path, tmp_path: Path, settings: dict[str, Any]
):
    manager = AdapterManager(load_base(llama, "fp32"))
    path = adapter_of(tmp_path / "wider", llama, words=WORDS + 8, **settings)
    with pytest.raises(InvalidInput) as fault:
        manager.add("wider", path)
    assert f"a vocabulary of {WORDS + 8} tokens; this base model has {WORDS}" in fault.value.problem
    assert f"resized to {WORDS + 8} tokens" in fault.value.remedy
    assert manager.names == []


@pytest.mark.parametrize(
    "own",
    [
        {"repetition_penalty": 1.7},
        {"no_repeat_ngram_size": 2},
        {"min_length": 20, "eos_token_id": [2, 77, 139]},
        {"suppress_tokens": list(range(100, 250))},
        {"forced_bos_token_id": 9, "forced_eos_token_id": 2},
        {"num_beams": 4, "num_return_sequences": 2},
        {"do_sample": True, "temperature": 3.0, "top_k": 2},
        {"max_length": 9},
    ],
    ids=lambda own: " ".join(own),
)
def test_score_rules_of_a_generation_config_hold_for_each_row_by_itself(llama: Path, own: dict[str, Any]):
    base, theirs = load_base(llama, "fp32"), AutoModelForCausalLM.from_pretrained(llama).eval()
    config = GenerationConfig(**{"eos_token_id": 2, "pad_token_id": 0} | own)
    base.model.generation_config = theirs.generation_config = config
    prompts = [tokens(6, 1), tokens(30, 2), [1], [5, 6, 5, 6, 5]]
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    expected = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        given = {"max_new_tokens": TOKENS, "do_sample": False, "num_beams": 1, "num_return_sequences": 1}
        found = theirs.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **given)[0, len(prompt) :].tolist()
        expected.append(found[: min((found.index(end) for end in ends if end in found), default=len(found))])
    manager = AdapterManager(base)
    rows = [("", prompt) for prompt in prompts]
    assert [ids_of(written(base, manager, [row]))[0] for row in rows] == expected
    assert ids_of(written(base, manager, rows)) == expected
    assert base.model.generation_config is config


def test_the_probability_of_a_token_is_the_models_own_before_any_penalty(llama: Path):
    base = load_base(llama, "fp32")
    base.model.generation_config.repetition_penalty = 1.7
    prompts = [tokens(6, 1), tokens(30, 2)]
    found = written(base, AdapterManager(base), [("", prompt) for prompt in prompts])
    for prompt, answer in zip(prompts, found, strict=True):
        ids = [token.id for token in answer]
        with torch.inference_mode():
            logits = plain(llama)(input_ids=torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        own = logits.log_softmax(-1)[torch.arange(len(ids)), ids]
        assert torch.allclose(torch.tensor([token.log_probability for token in answer]), own, atol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "4-bit", "8-bit"])
@pytest.mark.parametrize("settings", [{}, {"use_dora": True}], ids=["LoRA", "DoRA"])
def test_in_fewer_bits_an_adapter_is_computed_in_fp32_to_the_bit_as_peft_does(
    llama: Path, tmp_path: Path, precision: str, settings: dict[str, Any]
):
    path = adapter_of(tmp_path / "adapter", llama, target_modules="all-linear", r=16, lora_alpha=32, **settings)
    base = load_base(llama, precision)
    manager = AdapterManager(base)
    theirs = PeftModel.from_pretrained(load_base(llama, precision).model, path).eval()
    ids = [torch.tensor([tokens(length, length)]) for length in (1, 6, 30)]
    with torch.inference_mode():
        with manager.active([()]) as model:  # the base has answered once: what bitsandbytes keeps lies elsewhere then
            untouched = [model(input_ids=each).logits for each in ids]
        manager.add("adapter", path)
        for each, bare in zip(ids, untouched, strict=True):
            with manager.active([(("adapter", 1.0),)]) as model:
                assert torch.equal(model(input_ids=each).logits, theirs(input_ids=each).logits)
            with manager.active([()]) as model:
                assert torch.equal(model(input_ids=each).logits, bare)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_adapter_whose_numbers_are_none_fails_alone_beside_a_base_that_answers(
    llama: Path, tmp_path: Path, temperature: float
):
    path = adapter_of(tmp_path / "lost", llama, target_modules=ATTENTION)
    weights = load_file(path / "adapter_model.safetensors")
    save_file({key: value * float("nan") for key, value in weights.items()}, path / "adapter_model.safetensors")
    base = load_base(llama, "fp32")
    manager = AdapterManager(base)
    manager.add("lost", path)
    said: list[list[Delta]] = [[], []]
    answers = [
        GeneratedSequence(
            adapter_set, tokens(6), Sampling(temperature=temperature, max_tokens=TOKENS, seed=1),
            tokenizer=base.tokenizer, ends=frozenset(), device=base.device, deliver=said[row].append,
        )
        for row, adapter_set in enumerate([(), (("lost", 1.0),)])
    ]  # fmt: skip
    with manager.active([answer.adapter_set for answer in answers]) as model:
        generate(model, answers, pad=0, device=base.device)
    assert [len(piece.tokens) for piece in said[0]] == [1] * TOKENS
    assert [str(piece.error) for piece in said[1]] == [str(said[1][0].error)]
    assert "not numbers" in str(said[1][0].error)
