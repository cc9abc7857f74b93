"""The estimate's count of trainable parameters is peft's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from studio.domain.spec.peft_methods.lora import LoraSpec
from studio.services.models.layers import read_base_weights
from studio.services.runs.adapter_size import trainable_parameters

SMALL = {
    "vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip
GROUPED = SMALL | {"num_key_value_heads": 2}
GPT = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 1, "eos_token_id": 2}
FAMILIES = {
    "qwen2": GROUPED, "gemma3_text": GROUPED | {"head_dim": 8}, "phi3": GROUPED, "gpt2": GPT, "gpt_neox": SMALL,
    "opt": SMALL | {"ffn_dim": 64, "word_embed_proj_dim": 16}, "bloom": GPT, "falcon": SMALL,
}  # fmt: skip
ADAPTERS: list[dict[str, Any]] = [
    {},
    {"bias": "all"},
    {"bias": "lora_only", "use_rslora": True},
    {"use_dora": True},
    {"target_modules": ["lm_head"]},
]


def counted_by_peft(model: Any, lora: LoraSpec) -> int:
    adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **lora.model_dump()))
    return sum(p.numel() for p in adapted.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    "settings",
    [*ADAPTERS, {"target_modules": ["q_proj", "v_proj"]}, {"target_modules": ["down_proj"], "r": 3}],
    ids=str,
)
def test_the_starter_has_as_many_trainable_parameters_as_peft_says(starter: Path, settings: dict[str, Any]):
    import torch

    lora = LoraSpec(**settings)
    with torch.device("meta"):  # shapes are enough
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(starter))
    assert trainable_parameters(read_base_weights(starter), lora) == counted_by_peft(model, lora)


@pytest.mark.parametrize("settings", ADAPTERS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_models_of_other_families_are_counted_as_peft_counts_them(
    tmp_path: Path, family: str, settings: dict[str, Any]
):
    lora = LoraSpec(r=3, **settings)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **FAMILIES[family]))
    model.save_pretrained(tmp_path)
    base = read_base_weights(tmp_path)
    assert base.parameters == model.num_parameters()
    assert base.is_known
    assert trainable_parameters(base, lora) == counted_by_peft(model, lora)
