"""What one does with adapters by hand works on ours: transformers' own verbs, each on a real model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments

from tests.support.tiny_models import random_adapter, tiny_model

IDS = torch.tensor([[11, 22, 33, 44, 55, 66, 77, 88]])
ROWS = [{"input_ids": ids, "labels": ids} for ids in torch.arange(80).reshape(10, 8).unbind()]


@pytest.fixture(scope="module")
def model(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base") / "tiny", starter, hidden_size=64, intermediate_size=128)


@pytest.fixture(scope="module")
def adapter(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_adapter(tmp_path_factory.mktemp("adapters") / "one", model, seed=1)


@pytest.fixture(scope="module")
def other(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_adapter(tmp_path_factory.mktemp("adapters") / "other", model, seed=2)


@pytest.fixture
def base(model: Path) -> Iterator[Any]:
    yield AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(input_ids=IDS.to(model.device)).logits.float().cpu()


def by_peft(model: Path, adapter: Path) -> torch.Tensor:
    return logits(PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), adapter))


def test_an_adapters_folder_loads_with_its_base(model: Path, adapter: Path):
    loaded = AutoModelForCausalLM.from_pretrained(adapter, dtype=torch.float32)
    torch.testing.assert_close(logits(loaded), by_peft(model, adapter))


def test_an_adapter_loads_into_a_base(model: Path, base: Any, adapter: Path):
    untouched = logits(base)
    base.load_adapter(str(adapter))
    torch.testing.assert_close(logits(base), by_peft(model, adapter))
    assert not torch.allclose(logits(base), untouched, atol=1e-2)


@pytest.mark.parametrize(
    ("settings", "layer", "share"),
    [
        (BitsAndBytesConfig(load_in_8bit=True), "Linear8bitLt", 0.10),
        (BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4"), "Linear4bit", 0.35),
    ],
    ids=["8-bit", "4-bit"],
)
def test_a_base_loads_in_few_bits_on_this_machine_and_bears_an_adapter(
    model: Path, base: Any, adapter: Path, settings: BitsAndBytesConfig, layer: str, share: float
):
    few = AutoModelForCausalLM.from_pretrained(model, quantization_config=settings, device_map="auto")
    assert type(few.model.layers[0].self_attn.q_proj).__name__ == layer
    assert few.get_memory_footprint() < base.get_memory_footprint()
    assert distance(logits(few), logits(base)) < share
    before = logits(few)
    few.load_adapter(str(adapter))
    assert distance(logits(few), by_peft(model, adapter)) < share
    assert not torch.allclose(logits(few), before, atol=1e-2)


def distance(some: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((some - wanted).norm() / wanted.norm())


def test_several_adapters_on_one_base_are_switched(model: Path, base: Any, adapter: Path, other: Path):
    base.load_adapter(str(adapter), adapter_name="one")
    base.load_adapter(str(other), adapter_name="other")
    for name, folder in (("one", adapter), ("other", other), ("one", adapter)):
        base.set_adapter(name)
        assert base.active_adapters() == [name]
        torch.testing.assert_close(logits(base), by_peft(model, folder))


def test_fresh_adapters_change_nothing_until_they_are_trained(base: Any):
    untouched = logits(base)
    base.add_adapter(LoraConfig(r=4, target_modules=["q_proj"]), adapter_name="first")
    base.add_adapter(LoraConfig(r=8, target_modules=["v_proj"]), adapter_name="second")
    assert set(base.peft_config) == {"first", "second"}
    for name in ("first", "second"):
        base.set_adapter(name)
        assert torch.equal(logits(base), untouched)


def test_disabled_adapters_leave_exactly_the_base_and_enabled_ones_come_back(base: Any, adapter: Path):
    untouched = logits(base)
    base.load_adapter(str(adapter))
    adapted = logits(base)
    for _ in range(3):
        base.disable_adapters()
        assert torch.equal(logits(base), untouched)
        base.enable_adapters()
        assert torch.equal(logits(base), adapted)
    assert not torch.equal(adapted, untouched)


def test_a_trained_adapter_is_saved_and_comes_back_the_same(model: Path, base: Any, tmp_path: Path):
    untouched = logits(base)
    base.add_adapter(LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    frozen = {n: p.detach().clone() for n, p in base.named_parameters() if not p.requires_grad}
    settings = TrainingArguments(
        str(tmp_path / "run"), max_steps=5, learning_rate=1e-2, per_device_train_batch_size=5, logging_steps=1,
        report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(model=base, args=settings, train_dataset=ROWS)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < losses[0]
    for name, parameter in base.named_parameters():
        assert name not in frozen or torch.equal(parameter, frozen[name]), f"{name} is the base's"
    trained = logits(base)
    assert not torch.allclose(trained, untouched, atol=1e-3)
    base.save_pretrained(tmp_path / "adapter")
    assert {f.name for f in (tmp_path / "adapter").iterdir()} >= {"adapter_config.json", "adapter_model.safetensors"}
    assert not (tmp_path / "adapter" / "model.safetensors").exists(), "the base stays where it is"
    again = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    again.load_adapter(str(tmp_path / "adapter"))
    torch.testing.assert_close(logits(again), trained)
