"""Which layers get an adapter, which are left out, and that plain peft reads what is saved then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from studio.domain.adapter_layers import REFUSED
from studio.domain.errors import StudioError
from studio.domain.spec.peft_methods.lora import LoraSpec
from studio.services.models.layers import read_base_weights
from studio.services.runs.adapter_size import trainable_parameters
from studio.worker.model_check.check import check_model
from studio.worker.training.adapter_targets import Targets, reached
from tests.support.model_families import FAMILIES, save_family

COUNTED = sorted(FAMILIES)
QUICK = ("biogpt", "ctrl", "falcon_h1", "falcon_mamba", "gemma3n_text", "gpt2", "llama", "mamba", "mamba2",
         "modernbert-decoder", "openai-gpt", "qwen2_moe", "rwkv")  # fmt: skip
LEFT_OUT: dict[str, tuple[set[str], str]] = {
    "mamba": ({"in_proj", "x_proj"}, "out_proj"),
    "mamba2": ({"in_proj"}, "out_proj"),
    "falcon_mamba": ({"in_proj", "x_proj"}, "out_proj"),
    "falcon_h1": ({"q_proj", "k_proj", "v_proj", "o_proj", "in_proj", "gate_proj", "up_proj", "down_proj"}, "out_proj"),
    "gpt_oss": ({"q_proj", "k_proj", "v_proj", "o_proj"}, "experts.gate_up_proj, experts.down_proj"),
}


def pytest_generate_tests(metafunc: Any) -> None:
    if "counted" in metafunc.fixturenames:
        metafunc.parametrize("counted", COUNTED if metafunc.config.getoption("--zoo") else QUICK)


def base(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.mark.parametrize("family", LEFT_OUT)
def test_what_is_left_out_is_said_and_peft_takes_the_rest(tmp_path: Path, family: str):
    folder = save_family(tmp_path / "model", family)
    model, lora = base(folder), LoraSpec(r=2)
    targets = Targets(model)
    adapted = get_peft_model(model, targets.config(lora))
    layers, missing = LEFT_OUT[family]
    assert set(reached(adapted)) == layers
    said = [str(one) for one in targets.left_out_of(adapted, lora)]
    assert any(missing in one for one in said)

    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.1)
    adapted.save_pretrained(tmp_path / "adapter")
    ids = torch.arange(5, 20)[None]
    expected = adapted.eval()(input_ids=ids).logits
    as_peft = PeftModel.from_pretrained(base(folder), tmp_path / "adapter").eval()
    as_mixin = base(folder).eval()
    as_mixin.load_adapter(str(tmp_path / "adapter"))
    assert torch.equal(as_peft(input_ids=ids).logits, expected)
    assert torch.equal(as_mixin(input_ids=ids).logits, expected)
    report = check_model(folder).report().adapters
    assert set(report.layers) == layers
    assert [one["problem"] for one in report.left_out] == [one.template for one in targets.left_out_of(adapted, lora)]


def test_every_adapter_of_all_linear_learns_something(tmp_path: Path):
    for family in ("mamba", "jamba", "gemma3n_text"):
        model = base(save_family(tmp_path / family, family))
        adapted = get_peft_model(model, Targets(model).config(LoraSpec(r=2)))
        ids = torch.arange(5, 35)[None]
        adapted.train()(input_ids=ids, labels=ids).loss.backward()
        idle = {n for n, p in adapted.named_parameters() if "lora_B" in n and "experts" not in n and p.grad is None}
        assert idle == set()


def test_experts_that_get_an_adapter_are_named(tmp_path: Path):
    report = check_model(save_family(tmp_path, "mixtral")).report().adapters
    assert {"experts.gate_up_proj", "experts.down_proj"} <= set(report.layers)
    assert report.left_out == []


def test_a_named_layer_that_cannot_bear_an_adapter_is_refused(tmp_path: Path):
    targets = Targets(base(save_family(tmp_path, "mamba")))
    targets.check(LoraSpec(target_modules=["in_proj"]))
    for name in ("out_proj", "dt_proj", "nothing"):
        with pytest.raises(StudioError, match=f"no layer named “{name}” that can get an adapter") as fault:
            targets.check(LoraSpec(target_modules=["in_proj", name]))
        assert "in_proj, x_proj" in fault.value.remedy


def test_a_trial_changes_neither_the_mode_nor_the_random_numbers(tmp_path: Path):
    model = base(save_family(tmp_path, "llama")).eval()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    Targets(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_the_layers_that_peft_refuses_are_those_that_are_left_out(tmp_path: Path):
    for family in set(REFUSED) & set(FAMILIES):
        model = base(save_family(tmp_path / family, family))
        with pytest.raises(ValueError, match="incompatible with Mamba"):
            get_peft_model(model, LoraConfig(target_modules=[REFUSED[family][0]], task_type="CAUSAL_LM"))


def test_the_estimate_counts_what_is_trained(tmp_path: Path, counted: str):
    folder = save_family(tmp_path, counted)
    weights, lora = read_base_weights(folder), LoraSpec(r=3)
    if not weights.is_known:
        assert any("expert" in name or "router" in name for name, _ in base(folder).named_parameters())
        return
    model = base(folder)
    adapted = get_peft_model(model, Targets(model).config(lora))
    assert trainable_parameters(weights, lora) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
