"""Loads a base model in the requested precision, with exactly the weights of its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, FineGrainedFP8Config, Mxfp4Config

from studio.domain.chat.templates import TemplateChoice
from studio.domain.errors import StudioError
from studio.domain.precision import AUTOMATIC, PRECISIONS
from studio.domain.quantization import StoredQuantization
from studio.worker.common.configuration import read_configuration
from studio.worker.common.device import bf16_is_quicker, pick_device, resolve_precision
from studio.worker.models.files import stored_in
from studio.worker.models.kind import check_kind
from studio.worker.tokenization.load import give_template, load_tokenizer


@dataclass(frozen=True)
class LoadedModel:
    """`precision` is what was used, never "auto", and tells where weights were unpacked from ("bf16 (from FP8)");
    `parameters` counts the base's weights, quantised or not; `passed_over` are weights in the folder that the model has
    no place for.

    The tokenizer has a chat template in any case; `has_own_template` says whether it came with the model.
    """

    model: Any
    tokenizer: Any
    has_own_template: bool
    device: torch.device
    precision: str
    parameters: int
    passed_over: tuple[str, ...] = ()

    @property
    def is_quantised(self) -> bool:
        return self.precision in PRECISIONS and PRECISIONS[self.precision].quantization is not None

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
    automatic: str = "auto",
) -> LoadedModel:
    """The model and tokenizer in the folder `path`, in evaluation mode. Only safetensors are opened, no code of the
    folder is run, and nothing is fetched. The tokenizer has the chat template that training uses under this choice, or
    without one that which the model answers with.

    Weights that are stored quantised are loaded as they are, or unpacked. `precision` may be one that a LoadedModel
    had; `automatic` is what "auto" stands for where the folder leaves that open.

    Raises:
        StudioError: the folder holds no causal language model, not all of its weights, or some that cannot be had in
            that precision; or it has no tokenizer that can be used.
        OSError, ValueError: what transformers says of a folder that it cannot load.
    """
    device = device or pick_device()
    quantization = stored_in(path)
    config = read_configuration(path)
    check_kind(config)
    precision = _choose_precision(precision.partition(" (")[0], automatic, quantization, device)
    tokenizer = load_tokenizer(path)
    own = tokenizer.chat_template
    give_template(tokenizer, chat_template)
    dtype = _stored_dtype(config) if quantization and quantization.precision else None
    dtype = dtype or _dtype(precision, device)
    model, passed_over = _load_whole(path, config, device, dtype=dtype, **_quantisation(precision, dtype, quantization))
    if quantization and quantization.is_unpacked:
        _unpack_evenly(model, dtype)
        precision = f"{precision} (from {quantization.name})"
    _keep_nf4_as_it_is(model)
    _keep_scales_of_int8(model)
    model.eval()
    return LoadedModel(model, tokenizer, bool(own), model.device, precision, model.num_parameters(), passed_over)


def _choose_precision(
    precision: str, automatic: str, quantization: StoredQuantization | None, device: torch.device
) -> str:
    """The precision that the model comes in, one of PRECISIONS."""
    if precision not in (AUTOMATIC, *PRECISIONS):
        raise StudioError(
            "There is no precision “{precision}”.",
            "Use one of {known}.",
            precision=precision,
            known=", ".join(PRECISIONS),
        )
    if quantization is not None:
        quantization.check_precision(precision)
        if quantization.precision:
            return quantization.precision
    return resolve_precision(automatic if precision == "auto" else precision, device)


def _load_whole(path: str | Path, config: Any, device: torch.device, **how: Any) -> tuple[Any, tuple[str, ...]]:
    """With the names of weights that it has no place for.

    Raises StudioError where a weight of the model is not in the folder, or has another shape there: transformers would
    draw it anew, and only warn.
    """
    text = config.get_text_config()
    pad, words = getattr(text, "pad_token_id", None), getattr(text, "vocab_size", None)
    # It names no row of the embedding, which then could not be made.
    if isinstance(pad, int) and isinstance(words, int) and pad >= words:
        text.pad_token_id = config.pad_token_id = None
        how["config"] = config
    try:
        model, loading_info = AutoModelForCausalLM.from_pretrained(
            path,
            device_map={"": device} if device.type == "mps" else "auto",
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **how,
        )
    except OSError as error:
        if "no file named" not in str(error):
            raise
        raise StudioError(
            "The folder {path} has neither a model.safetensors nor an index that says which files hold the weights.",
            "Put the missing file there, or add the whole model again.",
            path=path,
        ) from error
    except RuntimeError as error:
        if "conversion of the weights" not in str(error):
            raise
        raise StudioError(
            "The weights in {path} do not match this model's layout: transformers could not assemble them.",
            "Add the model again, or choose another version of it.",
            path=path,
        ) from error
    other = {key if isinstance(key, str) else key[0] for key in loading_info["mismatched_keys"]}
    if missing_weights := sorted(loading_info["missing_keys"] | other):
        raise StudioError(
            "{count} of the model's weights {count:is|are} missing from {path} or {count:has|have} a different shape "
            "there, such as {first}. The model would answer at random.",
            "Add the whole model again, or choose another version of it.",
            count=len(missing_weights),
            path=path,
            first=missing_weights[0],
        )
    return model, tuple(sorted(loading_info["unexpected_keys"]))


def _stored_dtype(config: Any) -> torch.dtype | None:
    """That of the weights beside the quantised ones, where training can go on in it."""
    dtype = getattr(torch, config.dtype) if isinstance(config.dtype, str) else config.dtype
    return dtype if dtype in (torch.float32, torch.bfloat16) else None


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    """Of the weights that are not quantised, and of activations."""
    if name := PRECISIONS[precision].dtype:
        dtype: torch.dtype = getattr(torch, name)
        return dtype
    return torch.bfloat16 if bf16_is_quicker(device) else torch.float32


def _quantisation(precision: str, dtype: torch.dtype, quantization: StoredQuantization | None) -> dict[str, Any]:
    """The keyword for transformers; none at all where there is nothing to say, for that would overrule the folder."""
    if quantization is not None and quantization.is_unpacked:
        unpack = Mxfp4Config if quantization.method == "mxfp4" else FineGrainedFP8Config
        return {"quantization_config": unpack(dequantize=True)}
    if quantization is not None:
        return {}
    if keywords := PRECISIONS[precision].quantization:
        in_4_bit = {"bnb_4bit_compute_dtype": dtype} if keywords.get("load_in_4bit") else {}
        return {"quantization_config": BitsAndBytesConfig(**keywords, **in_4_bit)}
    return {}


def _unpack_evenly(model: torch.nn.Module, dtype: torch.dtype) -> None:
    # transformers unpacks some weights to the format of their scales, fp32, whatever was asked for.
    fp32_modules = tuple(model._keep_in_fp32_modules or ())
    for name, parameter in model.named_parameters():
        if parameter.dtype != dtype and not any(part in name for part in fp32_modules):
            parameter.data = parameter.data.to(dtype)


def _keep_nf4_as_it_is(model: torch.nn.Module) -> None:
    # On CPUs with AVX512-BF16 bitsandbytes repacks a Linear4bit in place at its first forward without gradients.
    # Gradients, merging and saving are wrong from then on, and nothing says so.
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _keep_scales_of_int8(model: torch.nn.Module) -> None:
    # On CPUs peft puts a new weight into a Linear8bitLt whenever it unpacks one, as DoRA does at every step. Those that
    # have answered once keep their scales elsewhere: the new weight has none, and bitsandbytes then forgets the others.
    for module in model.modules():
        if type(module).__name__ == "Linear8bitLt":
            module.register_forward_pre_hook(_give_scales_back)


def _give_scales_back(module: Any, _: Any) -> None:
    if module.weight.CB is not None and module.weight.SCB is None:
        module.weight.SCB = module.state.SCB
