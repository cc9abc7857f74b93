"""Real models, but tiny: random weights of the families that transformers knows, with the starter's tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

SHAPE = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "max_position_embeddings": 256, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2,
}  # fmt: skip


def tiny_model(folder: Path, starter: Path, family: str = "llama", *, seed: int = 0, **changed: Any) -> Path:
    """Writes config, weights and tokenizer as `save_pretrained` does."""
    tokenizer = AutoTokenizer.from_pretrained(starter)
    torch.manual_seed(seed)
    config = AutoConfig.for_model(family, **SHAPE | {"vocab_size": len(tokenizer)} | changed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for (
            parameter
        ) in model.parameters():  # larger than fresh weights are, so that no two tokens are nearly as likely
            parameter.normal_(std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def random_adapter(folder: Path, model: Path, *, seed: int, strength: float = 0.3, **lora: Any) -> Path:
    """An adapter as peft saves it, whose update is not zero."""
    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    torch.manual_seed(seed)
    config = LoraConfig(**{"task_type": "CAUSAL_LM", "r": 4, "target_modules": "all-linear", "lora_alpha": 8} | lora)
    adapted = get_peft_model(base, config)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad and "lora_A" not in name:
                parameter.add_(torch.randn_like(parameter) * strength)
    adapted.save_pretrained(folder)
    return folder
