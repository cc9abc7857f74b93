"""A base model from its folder, in the precision that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from studio.domain.chat_templates import TemplateChoice
from studio.domain.errors import StudioError
from studio.worker.device import PRECISIONS, bf16_is_quicker, pick_device, resolve_precision
from studio.worker.tokenizer import give_template, load_tokenizer


@dataclass(frozen=True)
class LoadedModel:
    """`precision` is what was used, never "auto"; `parameters` counts the base's weights, quantised or not.

    The tokenizer has a chat template in any case; `has_own_template` says whether it came with the model.
    """

    model: Any
    tokenizer: Any
    has_own_template: bool
    device: torch.device
    precision: str
    parameters: int

    @property
    def is_quantised(self) -> bool:
        return self.precision in ("8-bit", "4-bit")

    @property
    def compute_dtype(self) -> torch.dtype:
        """The number format of activations."""
        return self.model.dtype


def load_base(
    path: str | Path,
    precision: str = "auto",
    device: torch.device | None = None,
    *,
    chat_template: TemplateChoice | None = None,
) -> LoadedModel:
    """The model and tokenizer in the folder `path`, in evaluation mode. Only safetensors are opened, no code of the
    folder is run, and nothing is fetched. The tokenizer has the chat template that training uses under this choice, or
    without one that which the model answers with.

    Raises:
        StudioError: the folder has no tokenizer that can be used.
        OSError, ValueError: what transformers says of a folder that it cannot load.
    """
    device = device or pick_device()
    precision = resolve_precision(precision, device)
    if precision not in PRECISIONS:
        raise StudioError(
            "There is no precision “{precision}”.",
            "Use one of {known}.",
            precision=precision,
            known=", ".join(PRECISIONS),
        )
    tokenizer = load_tokenizer(path)
    own = tokenizer.chat_template
    give_template(tokenizer, chat_template)
    dtype = _dtype(precision, device)
    model = AutoModelForCausalLM.from_pretrained(
        path,
        dtype=dtype,
        quantization_config=_quantisation(precision, dtype),
        device_map={"": device} if device.type == "mps" else "auto",
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    _keep_nf4_as_it_is(model)
    model.eval()
    return LoadedModel(model, tokenizer, bool(own), model.device, precision, model.num_parameters())


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    """Of the weights that are not quantised, and of activations."""
    if precision in ("fp32", "bf16"):
        return torch.float32 if precision == "fp32" else torch.bfloat16
    return torch.bfloat16 if bf16_is_quicker(device) else torch.float32


def _quantisation(precision: str, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    if precision == "8-bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    if precision == "4-bit":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    return None


def _keep_nf4_as_it_is(model: torch.nn.Module) -> None:
    # On CPUs with AVX512-BF16 bitsandbytes repacks a Linear4bit in place at its first forward without gradients.
    # Gradients, merging and saving are wrong from then on, and nothing says so.
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
