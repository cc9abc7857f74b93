"""Adapters over one base: each answers as it would alone, and the base stays what it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.worker.decoding.generate import generate
from studio.worker.decoding.sequence import AdapterSet, Delta, GeneratedSequence
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.serving.adapter_manager import AdapterManager
from tests.support.tiny_models import random_adapter, tiny_model

PROMPT = [11, 22, 33, 44, 55]
TOKENS = 12

# Kinds of adapters beside plain LoRA, and the beginning of what is said where one cannot share a batch.
KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "plain": ({}, ""),
    "another rank and strength": ({"r": 7, "lora_alpha": 3, "use_rslora": True}, ""),
    "other layers": ({"target_modules": ["q_proj", "down_proj"]}, ""),
    "dropout": ({"lora_dropout": 0.5}, ""),
    "dora": ({"use_dora": True}, "DoRA adapters"),
    "bias": ({"bias": "all"}, "It has trained bias terms"),
    "whole layers": ({"modules_to_save": ["norm"]}, "It replaces whole layers"),
    "new words": ({"trainable_token_indices": [33, 44]}, "It replaces whole layers"),
}


@pytest.fixture(scope="module")
def model(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Qwen2's layers have biases."""
    return tiny_model(tmp_path_factory.mktemp("base") / "tiny", starter, "qwen2")


@pytest.fixture(scope="module")
def adapters(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("adapters")
    made = {
        name: random_adapter(folder / name.replace(" ", "-"), model, seed=i, **settings)
        for i, (name, (settings, _)) in enumerate(KINDS.items())
    }
    other = get_peft_model(plain(model), IA3Config(task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, parameter in other.named_parameters():
            if "ia3" in name:
                parameter.mul_(torch.rand_like(parameter) + 0.5)
    other.save_pretrained(folder / "ia3")
    return made | {"another kind": folder / "ia3"}


@pytest.fixture
def base(model: Path) -> LoadedModel:
    return load_base(model, "fp32")


@pytest.fixture
def manager(base: LoadedModel) -> AdapterManager:
    return AdapterManager(base)


def plain(model: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()


def alone(model: Path, adapter: Path | None, prompt: list[int] = PROMPT) -> list[int]:
    """The tokens that transformers and peft themselves generate, with nothing of ours in sight."""
    subject = plain(model) if adapter is None else PeftModel.from_pretrained(plain(model), adapter).eval()
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)
    written = subject.generate(input_ids=ids, attention_mask=mask, max_new_tokens=TOKENS, do_sample=False)
    return written[0, len(prompt) :].tolist()


def adapter_set_of(name: str | AdapterSet | None) -> AdapterSet:
    return name if isinstance(name, tuple) else () if name is None else ((name, 1.0),)


class Recorder:
    """A tokenizer that gives each token back as its number."""

    def decode(self, ids: Any, **_: Any) -> str:
        return "".join(f"{i} " for i in ids)


def together(
    base: LoadedModel,
    manager: AdapterManager,
    names: list[Any],
    sampling: Sampling | None = None,
    prompts: list[list[int]] | None = None,
) -> list[list[int]]:
    """The tokens of each row of one batch."""
    texts = [""] * len(names)

    def into(row: int) -> Any:
        def deliver(piece: Delta) -> None:
            texts[row] += piece.text

        return deliver

    answers = [
        GeneratedSequence(
            adapter_set_of(name), prompt, sampling or Sampling(temperature=0, max_tokens=TOKENS),
            tokenizer=Recorder(), ends=frozenset({2}), device=base.device, deliver=into(row),
        )
        for row, (name, prompt) in enumerate(zip(names, prompts or [PROMPT] * len(names), strict=True))
    ]  # fmt: skip
    with manager.active([a.adapter_set for a in answers]) as subject:
        generate(subject, answers, pad=2, device=base.device)
    return [[int(t) for t in text.split()] for text in texts]


def until_end(tokens: list[int]) -> list[int]:
    return tokens[: tokens.index(2)] if 2 in tokens else tokens


def base_logits(base: LoadedModel, manager: AdapterManager) -> torch.Tensor:
    with manager.active([()]) as subject, torch.inference_mode():
        return subject(input_ids=torch.tensor([PROMPT])).logits


def test_adapters_that_share_a_batch_answer_in_it_as_each_does_alone(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    names = [name for name, (_, reason) in KINDS.items() if not reason]
    for name in names:
        manager.add(name, adapters[name])
        assert manager.why_alone(adapter_set_of(name)) == ""
    rows: list[str | None] = [None, *names, None]
    expected = [until_end(alone(model, adapters[n] if n else None)) for n in rows]
    assert len({tuple(tokens) for tokens in expected}) == len(names) + 1, "they do differ"
    assert together(base, manager, rows) == expected


@pytest.mark.parametrize("name", [*(n for n, (_, reason) in KINDS.items() if reason), "another kind"])
def test_an_adapter_that_shares_no_batch_is_right_and_changes_no_other(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path], name: str
):
    untouched = plain(model)(input_ids=torch.tensor([PROMPT])).logits
    manager.add("plain", adapters["plain"])
    manager.add(name, adapters[name])
    assert manager.why_alone(adapter_set_of(name)).startswith(KINDS.get(name, ({}, "Adapters of this kind"))[1])
    for _ in range(2):
        assert together(base, manager, [name]) == [until_end(alone(model, adapters[name]))]
        assert torch.equal(base_logits(base, manager), untouched)
        assert together(base, manager, [None, "plain"]) == [
            until_end(alone(model, None)), until_end(alone(model, adapters["plain"])),
        ]  # fmt: skip
    assert together(base, manager, [name]) != together(base, manager, [None])


def test_switching_fifty_times_leaves_the_base_as_it_was_to_the_bit(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    untouched = plain(model)(input_ids=torch.tensor([PROMPT])).logits
    names = ["plain", "dora", "whole layers", "bias"]
    for name in names:
        manager.add(name, adapters[name])
    for turn in range(50):
        with manager.active([adapter_set_of(names[turn % len(names)])]):
            pass
    assert torch.equal(base_logits(base, manager), untouched)
    for name in names:
        manager.remove(name)
    assert torch.equal(base.model(input_ids=torch.tensor([PROMPT])).logits, untouched)
    assert type(base.model.model.layers[0].self_attn.q_proj) is torch.nn.Linear, "nothing of peft is left"


def test_shorter_prompts_beside_longer_ones_change_nothing(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    manager.add("plain", adapters["plain"])
    prompts = [[7, 8], list(range(100, 140)), PROMPT]
    expected = [
        until_end(alone(model, None, prompts[0])),
        until_end(alone(model, adapters["plain"], prompts[1])),
        until_end(alone(model, None, prompts[2])),
    ]
    assert together(base, manager, [None, "plain", None], prompts=prompts) == expected


def test_a_sampled_row_is_the_same_with_and_without_neighbours(
    base: LoadedModel, manager: AdapterManager, adapters: dict[str, Path]
):
    manager.add("plain", adapters["plain"])
    manager.add("dropout", adapters["dropout"])
    for settings in ({"top_p": 1.0}, {"top_p": 0.8}):
        sampling = Sampling(temperature=1.0, max_tokens=TOKENS, seed=7, **settings)
        rows = together(base, manager, [None, "plain", "dropout"], sampling)
        assert [together(base, manager, [n], sampling)[0] for n in (None, "plain", "dropout")] == rows
        assert together(base, manager, [None], sampling.model_copy(update={"seed": 8}))[0] != rows[0]


def test_what_fits_no_layer_of_this_base_is_refused_and_changes_nothing(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path], starter: Path, tmp_path: Path
):
    untouched = base_logits(base, manager).clone()
    wider = tiny_model(tmp_path / "wider", starter, "qwen2", hidden_size=64)
    deeper = tiny_model(tmp_path / "deeper", starter, "qwen2", num_hidden_layers=3)
    manager.add("plain", adapters["plain"])
    for other in (wider, deeper):
        misfit = random_adapter(tmp_path / f"of-{other.name}", other, seed=0)
        with pytest.raises(InvalidInput, match="was made for another base model"):
            manager.add("misfit", misfit)
    assert manager.names == ["plain"]
    assert torch.equal(base_logits(base, manager), untouched)


def test_missing_and_damaged_weights_are_refused(
    base: LoadedModel, manager: AdapterManager, adapters: dict[str, Path], tmp_path: Path
):
    untouched = base_logits(base, manager).clone()
    with pytest.raises(InvalidInput, match=r"has no adapter_model\.safetensors"):
        manager.add("nothing", tmp_path / "nothing")
    partial = tmp_path / "partial"
    shutil.copytree(adapters["dora"], partial)
    weights = load_file(partial / "adapter_model.safetensors")
    save_file({k: v for k, v in weights.items() if "magnitude" not in k}, partial / "adapter_model.safetensors")
    with pytest.raises(StudioError, match=r"does not fit this base model: .* weights have no counterpart"):
        manager.add("partial", partial)
    (partial / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(StudioError, match="are damaged"):
        manager.add("partial", partial)
    assert manager.names == []
    assert torch.equal(base_logits(base, manager), untouched)


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_an_adapter_that_needs_a_base_of_its_own_is_refused(
    manager: AdapterManager, adapters: dict[str, Path], tmp_path: Path, start: str
):
    folder = tmp_path / start
    shutil.copytree(adapters["plain"], folder)
    config = folder / "adapter_config.json"
    config.write_text(config.read_text().replace('"init_lora_weights": true', f'"init_lora_weights": "{start}"'))
    with pytest.raises(InvalidInput, match=f"a base model that was changed for it \\({start}\\)"):
        manager.add(start, folder)


def test_the_same_again_is_held_and_a_newer_one_of_that_name_replaces_it(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    manager.add("one", adapters["plain"])
    held = manager.find("one")
    manager.add("one", adapters["plain"])
    assert manager.find("one") is held
    manager.add("one", adapters["other layers"])
    assert together(base, manager, ["one"]) == [until_end(alone(model, adapters["other layers"]))]


def test_names_that_are_taken_or_unknown_are_said(manager: AdapterManager, adapters: dict[str, Path]):
    with pytest.raises(InvalidInput, match="is the name of the base model"):
        manager.add("base", adapters["plain"])
    with pytest.raises(NotFound, match="no adapter “ghost”"), manager.active([adapter_set_of("ghost")]):
        pass


def test_in_8_bit_every_row_answers_alone(model: Path, adapters: dict[str, Path]):
    manager = AdapterManager(load_base(model, "8-bit"))
    manager.add("plain", adapters["plain"])
    assert (
        manager.why_alone(())
        == manager.why_alone(adapter_set_of("plain"))
        == "In 8-bit, the rows of a batch affect each other."
    )


def test_rows_of_unequal_number_each_answer_as_alone(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    for name in ("plain", "other layers"):
        manager.add(name, adapters[name])
    rows = [None, None, None, "other layers", "plain", "plain"]
    prompts = [[7, 8], list(range(100, 120)), PROMPT, PROMPT, [9, 10, 11], PROMPT]
    expected = [until_end(alone(model, adapters[n] if n else None, p)) for n, p in zip(rows, prompts, strict=True)]
    assert together(base, manager, rows, prompts=prompts) == expected


def test_two_adapters_in_one_row_add_up_as_both_active_in_peft(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    pair = ("plain", "another rank and strength")
    both = PeftModel.from_pretrained(plain(model), adapters[pair[0]], adapter_name="a").eval()
    both.load_adapter(adapters[pair[1]], adapter_name="b")
    both.base_model.set_adapter(["a", "b"])
    for name in pair:
        manager.add(name, adapters[name])
    with manager.active([tuple((name, 1.0) for name in pair)]) as subject, torch.inference_mode():
        ours = subject(input_ids=torch.tensor([PROMPT])).logits
    with torch.inference_mode():
        assert torch.allclose(ours, both(input_ids=torch.tensor([PROMPT])).logits, atol=1e-4)
    assert not torch.allclose(ours, base_logits(base, manager), atol=1e-2)


def test_strength_scales_what_an_adapter_adds(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path]
):
    manager.add("plain", adapters["plain"])
    weakened = PeftModel.from_pretrained(plain(model), adapters["plain"]).eval()
    for module in weakened.modules():
        if isinstance(module, LoraLayer):
            module.scaling["default"] *= 0.5
    ids = torch.tensor([PROMPT])
    with torch.inference_mode():
        expected = weakened(input_ids=ids).logits
        with manager.active([(("plain", 0.5),)]) as subject:
            assert torch.allclose(subject(input_ids=ids).logits, expected, atol=1e-4)
        with manager.active([(("plain", 0.0),)]) as subject:
            assert torch.equal(subject(input_ids=ids).logits, plain(model)(input_ids=ids).logits)


def test_what_acts_only_alone_is_neither_mixed_nor_weakened_in_silence(
    manager: AdapterManager, adapters: dict[str, Path]
):
    for name in ("plain", "dora"):
        manager.add(name, adapters[name])
    manager.check((("dora", 1.0),))
    for adapter_set in ((("dora", 0.5),), (("dora", 1.0), ("plain", 1.0))):
        with pytest.raises(InvalidInput, match="works only alone and at full strength"):
            manager.check(adapter_set)


def test_short_of_memory_the_least_recently_used_is_dropped_and_comes_back(
    base: LoadedModel, manager: AdapterManager, model: Path, adapters: dict[str, Path], monkeypatch: pytest.MonkeyPatch
):
    for name in ("plain", "dropout"):
        manager.add(name, adapters[name])
    with manager.active([adapter_set_of("plain")]):
        pass
    monkeypatch.setattr("studio.worker.serving.adapter_manager.free_memory", lambda device: 0)
    manager.add("other layers", adapters["other layers"])
    assert manager.loaded_names == ["other layers"]
    rows = ["plain", "other layers"]
    assert together(base, manager, rows) == [until_end(alone(model, adapters[name])) for name in rows]
    assert set(manager.loaded_names) == set(rows)
