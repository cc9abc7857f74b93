"""Whether an adapter fits a base model, and what can share a batch with it, by its settings and the shapes in its file:
no weight is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from peft import PeftConfig, PeftType
from torch import nn

from studio.domain.errors import InvalidInput
from studio.domain.translation import N_
from studio.worker.serving.adapter_folder import PREFIX, opened_weights

Shape = tuple[int, ...]
_Sides = tuple[int | None, ...]  # None: the rank, which may be any


@dataclass(frozen=True)
class BaseShapes:
    """`linear`: width of the input and of the output of each linear layer, quantised or not. `parameters`: the shapes
    of all weights that are not quantised. `words`: the layers that have a row for each token of the vocabulary."""

    linear: Mapping[str, tuple[int, int]]
    parameters: Mapping[str, Shape]
    words: frozenset[str]
    vocabulary: int


def shapes_of(model: nn.Module) -> BaseShapes:
    """Of a base model without an adapter on it."""
    modules = dict(model.named_modules())
    linear = {
        name: (module.in_features, module.out_features)
        for name, module in modules.items()
        if isinstance(getattr(module, "in_features", None), int)
        and isinstance(getattr(module, "out_features", None), int)
    } | {name: (module.nx, module.nf) for name, module in modules.items() if type(module).__name__ == "Conv1D"}
    parameters = {
        name: tuple(parameter.shape)
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.is_floating_point()
    }
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    words = frozenset(name for name, module in modules.items() if any(module is end for end in ends))
    return BaseShapes(linear, parameters, words, ends[0].weight.shape[0])


@dataclass(frozen=True)
class Fit:
    """`linear`: the linear layers of the base that the adapter changes. `others`: it changes what is none of them, and
    only peft can judge that. `is_lora`: its file holds nothing but what LoRA adds; `is_plain`: nothing but pairs of
    matrices."""

    linear: frozenset[str]
    others: bool
    is_lora: bool
    is_plain: bool


def check_fit(path: Path, config: PeftConfig, base: BaseShapes, name: str) -> Fit:
    """Compares the shapes in the adapter's file with the base's.

    Raises:
        InvalidInput: the adapter was made for another base model, or for another vocabulary.
        StudioError: its weights are damaged.
    """
    linear: set[str] = set()
    others, is_lora, is_plain = False, True, True
    for key, shape in _shapes(path, name):
        layer, matrix, expected = _counterpart(key, base)
        if expected is not None:
            _compare(name, layer, shape, expected, base.vocabulary if layer in base.words else None)
        if layer in base.linear:
            linear.add(layer)
        else:
            others = True
        is_lora &= bool(matrix)
        is_plain &= matrix in ("A.weight", "B.weight")
    if (last := _last_word(config)) >= base.vocabulary:
        raise _other_vocabulary(name, last + 1, base.vocabulary)
    return Fit(frozenset(linear), others, is_lora, is_plain)


def _compare(name: str, layer: str, shape: Shape, expected: _Sides, vocabulary: int | None) -> None:
    sides = list(zip(shape, expected, strict=False))
    if len(shape) == len(expected) and all(ours in (theirs, None) for theirs, ours in sides):
        return
    for theirs, ours in sides:
        if ours is not None and ours == vocabulary != theirs:
            raise _other_vocabulary(name, theirs, ours)
    raise made_for_another_base(name, f"{layer} {_format_shape(expected)} ≠ {_format_shape(shape)}")


def why_by_itself(config: PeftConfig, fit: Fit) -> str:
    """Why no other adapter may be on the model beside it: it is of another kind, or changes the base meanwhile."""
    if config.peft_type != PeftType.LORA:
        return N_("Adapters of this kind cannot share a batch.")
    if getattr(config, "bias", "none") != "none":
        return N_("It has trained bias terms of the base model.")
    if getattr(config, "target_parameters", None):
        return N_("It changes individual parameters of the base model.")
    if getattr(config, "modules_to_save", None) or getattr(config, "trainable_token_indices", None) or not fit.is_lora:
        return N_("It replaces whole layers of the base model.")
    if fit.others:
        return N_("It changes layers that are not linear.")
    return ""


def why_alone(config: PeftConfig) -> str:
    """Why it shares no batch, though others may be on the model beside it."""
    if getattr(config, "use_dora", False):
        return N_("DoRA adapters cannot share a batch.")
    variants = [f.name for f in fields(config) if f.metadata.get("is_lora_variant")]
    if any(getattr(config, v) for v in variants) or getattr(config, "lora_bias", False):
        return N_("This variant of LoRA cannot share a batch.")
    return ""


def made_for_another_base(name: str, where: str) -> InvalidInput:
    return InvalidInput(
        "The adapter “{name}” was made for another base model ({where}).",
        "Choose the base model that it was trained on.",
        name=name, where=where,
    )  # fmt: skip


def _other_vocabulary(name: str, theirs: int, ours: int) -> InvalidInput:
    return InvalidInput(
        "The adapter “{name}” was trained with a vocabulary of {theirs} tokens; this base model has {ours}.",
        "Choose the base model that it was trained on, with its embeddings resized to {theirs} tokens.",
        name=name, theirs=theirs, ours=ours,
    )  # fmt: skip


def _counterpart(key: str, base: BaseShapes) -> tuple[str, str, _Sides | None]:
    """Of a weight in the file: the layer, which of LoRA's weights it is (or ""), and the shape that it must have here,
    where that is known."""
    key = key.removeprefix(PREFIX)
    layer, _, which = key.rpartition(".lora_")
    width_in, width_out = base.linear.get(layer, (None, None))
    match which:
        case "A.weight" if layer in base.linear:
            return layer, which, (None, width_in)
        case "B.weight" if layer in base.linear:
            return layer, which, (width_out, None)
        case "embedding_A" if layer in base.words:
            return layer, which, (None, base.vocabulary)
    if layer:
        return layer, which, None
    whole = key.replace(".base_layer", "")
    return whole.rpartition(".")[0], "", base.parameters.get(whole)


def _last_word(config: PeftConfig) -> int:
    """The last of the tokens that it trained one by one; -1 where there are none."""
    token_indices = getattr(config, "trainable_token_indices", None) or getattr(config, "token_indices", None) or []
    lists = token_indices.values() if isinstance(token_indices, dict) else [token_indices]
    return max((int(index) for some in lists for index in some), default=-1)


def _shapes(path: Path, name: str) -> list[tuple[str, Shape]]:
    with opened_weights(path, name) as file:
        return [(key, tuple(file.get_slice(key).get_shape())) for key in file.keys()]  # noqa: SIM118 - no dictionary


def _format_shape(shape: _Sides) -> str:
    return " × ".join("r" if side is None else str(side) for side in shape)
