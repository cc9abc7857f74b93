"""An adapter's folder: what it holds, whether it fits a base model, and in what company it can answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from peft import PeftConfig, PeftType
from safetensors import SafetensorError, safe_open
from torch import nn

from studio.domain.errors import InvalidInput, StudioError

WEIGHTS = "adapter_model.safetensors"
Shapes = Mapping[str, tuple[int, int]]  # layer → width of its input and of its output

PREFIX = "base_model.model."  # of the layers' names in an adapter's file
_MAKES_OWN_BASE = ("pissa", "corda", "olora", "loftq", "lora_ga")


def read_config(path: Path, name: str) -> PeftConfig:
    """Raises InvalidInput where the folder holds no adapter, or one of a kind that cannot answer here."""
    if not (path / WEIGHTS).is_file():
        raise InvalidInput(
            "The adapter “{name}” has no {file} in {path}.",
            "Put its files back, or train it again.",
            name=name, file=WEIGHTS, path=path,
        )  # fmt: skip
    try:
        config = PeftConfig.from_pretrained(str(path))
    except Exception as error:  # peft says it in many ways
        raise InvalidInput(
            "The adapter_config.json of “{name}” in {path} cannot be read.",
            "Put its files back, or train it again.",
            name=name,
            path=path,
        ) from error
    if special := _needs_own_base(config):
        raise InvalidInput(
            "The adapter “{name}” needs a base model that was changed for it ({special}).",
            "Save it as a plain LoRA adapter: peft converts such adapters when it is told where they began.",
            name=name, special=special,
        )  # fmt: skip
    if config.is_prompt_learning or config.peft_type in (PeftType.ADAPTION_PROMPT, PeftType.XLORA, PeftType.POLY):
        raise InvalidInput(
            "Adapters of the kind {kind}, such as “{name}”, cannot be compared here.",
            "Choose a LoRA adapter.",
            name=name, kind=config.peft_type.value,
        )  # fmt: skip
    return config


def read_template(path: Path) -> str | None:
    """The chat template that is saved with the adapter; None where there is none, or none that can be read."""
    try:
        return (path / "chat_template.jinja").read_text("utf-8")
    except (OSError, ValueError):
        pass
    try:  # where transformers kept it before it was a file
        saved = json.loads((path / "tokenizer_config.json").read_text("utf-8")).get("chat_template")
    except (OSError, ValueError, AttributeError):
        return None
    return saved if isinstance(saved, str) else None


def _needs_own_base(config: PeftConfig) -> str:
    """What the adapter does to the base's own weights, by peft's name for it; empty for an ordinary one."""
    start = getattr(config, "init_lora_weights", True)
    if isinstance(start, str) and start.startswith(_MAKES_OWN_BASE):
        return start
    return next((option for option in ("layer_replication", "kasa_config") if getattr(config, option, None)), "")


def why_by_itself(config: PeftConfig) -> str:
    """Why no other adapter may be on the model beside it: it is of another kind, or changes the base meanwhile."""
    if config.peft_type != PeftType.LORA:
        return "Adapters of this kind share no batch."
    if getattr(config, "bias", "none") != "none":
        return "It has trained bias terms of the base model."
    if getattr(config, "modules_to_save", None) or getattr(config, "trainable_token_indices", None):
        return "It has whole layers of its own."
    if getattr(config, "target_parameters", None):
        return "It changes single parameters of the base model."
    return ""


def why_alone(config: PeftConfig) -> str:
    """Why it shares no batch, though others may be on the model beside it."""
    if getattr(config, "use_dora", False):
        return "DoRA adapters share no batch."
    variants = [f.name for f in fields(config) if f.metadata.get("is_lora_variant")]
    if any(getattr(config, v) for v in variants) or getattr(config, "lora_bias", False):
        return "This variant of LoRA shares no batch."
    return ""


def is_plain(path: Path, name: str) -> bool:
    """Whether the file holds nothing but pairs of LoRA matrices. Raises StudioError where it is damaged."""
    with _opened(path, name) as file:
        return all(key.endswith((".lora_A.weight", ".lora_B.weight")) for key in file.keys())  # noqa: SIM118


def layer_shapes(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Of all linear layers of a base model, quantised or not."""
    return {
        name: (module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(getattr(module, "in_features", None), int)
    } | {name: (module.nx, module.nf) for name, module in model.named_modules() if type(module).__name__ == "Conv1D"}


def check_fit(path: Path, layers: Shapes, name: str) -> set[str]:
    """Compares the shapes in the adapter's file with the base's layers; reads no weight. The layers that it changes.

    Raises:
        InvalidInput: the adapter was made for another base model.
        StudioError: its weights are damaged.
    """
    changed = set()
    for module, matrix, shape in _matrices(path, name):
        if module not in layers:
            raise _misfit(name, f"{module} ?")
        changed.add(module)
        (width_in, width_out), a = layers[module], matrix == "lora_A"
        if shape[1 if a else 0] != (width_in if a else width_out):
            expected = f"{width_in} → {width_out}"
            raise _misfit(name, f"{module} {expected} ≠ {' × '.join(map(str, shape))}")
    return changed


def _matrices(path: Path, name: str) -> list[tuple[str, str, list[int]]]:
    with _opened(path, name) as file:
        found = []
        for key in file.keys():  # noqa: SIM118 - no dictionary
            module, _, rest = key.removeprefix(PREFIX).rpartition(".lora_")
            if rest in ("A.weight", "B.weight"):
                found.append((module, f"lora_{rest[0]}", file.get_slice(key).get_shape()))
        return found


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Any]:
    try:
        with safe_open(path / WEIGHTS, "pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise StudioError(
            "The weights of “{name}” in {path} are damaged.", "Train it again, or fetch it again.", name=name, path=path
        ) from error


def _misfit(name: str, where: str) -> InvalidInput:
    return InvalidInput(
        "The adapter “{name}” was made for another base model ({where}).",
        "Choose the base model that it was trained on.",
        name=name, where=where,
    )  # fmt: skip
