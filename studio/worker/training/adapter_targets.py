"""Which layers get an adapter, which do not, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftConfig, PeftType
from peft.tuners.lora import ParamWrapper
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers.pytorch_utils import Conv1D

from studio.domain.adapter_layers import REFUSED
from studio.domain.errors import StudioError
from studio.domain.spec.peft_methods.base import ALL_LINEAR, MethodSpec

_TOKENS = 8
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")  # which layer it is


class Targets:
    """The layers of a base model that can get an adapter, and `left_out`: those that cannot, each with the reason.

    A layer is left out where peft refuses it, and where the model computes without calling it: state-space models
    multiply by some weights directly, and a part that reads pictures is never asked about text. An adapter there would
    learn nothing, and say nothing of that. Nor can peft add to a router of experts that gives several values. Found
    out by running the model, unless `probe` is false.
    """

    def __init__(self, model: Any, *, probe: bool = True) -> None:
        head = model.get_output_embeddings()  # trl leaves an adapter on it untrained
        layers = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Linear | Conv1D) and m is not head}
        refused_layers = [name for name in layers if _last(name) in REFUSED.get(model.config.model_type, ())]
        unused, routers = _probe_layers(model, layers) if probe else (set(), set())
        self.left_out: list[StudioError] = []
        if refused_layers:
            self.left_out.append(
                StudioError(
                    "No adapter on {layers}: in {family} models, kernels read these weights directly, bypassing the "
                    "layer, and peft refuses them.",
                    layers=_short_names(refused_layers),
                    family=model.config.model_type,
                )
            )
        if rest := [name for name in layers if name in unused and name not in refused_layers]:
            self.left_out.append(
                StudioError(
                    "No adapter on {layers}: the model does not use them for text, so one would learn nothing.",
                    layers=_short_names(rest),
                )
            )
        if own := [name for name in layers if name in routers and name not in refused_layers]:
            self.left_out.append(
                StudioError(
                    "No adapter on {layers}: they route to experts and return more than one value, which peft does not "
                    "support.",
                    layers=_short_names(own, parts=2),
                )
            )
        self._cannot = {*refused_layers, *rest, *own}
        self._modules = [name for name, _ in model.named_modules()]
        self._has_experts = any("expert" in name for name, _ in model.named_parameters())
        self._can = {name: layer for name, layer in layers.items() if name not in self._cannot}

    def check(self, method: MethodSpec) -> None:
        """Raises StudioError where a target module is no layer of the model that can get an adapter, or where the
        method cannot be put on one."""
        for target in () if method.target_modules == ALL_LINEAR else method.target_modules:
            if not any(_fits(layer, target) for layer in self._can):
                raise StudioError(
                    "The base model has no layer named “{name}” that can get an adapter.",
                    "Use all-linear or some of these: {known}.",
                    name=target,
                    known=", ".join(dict.fromkeys(map(_last, self._can))),
                )
        target_layers = [
            layer
            for name, layer in self._can.items()
            if method.target_modules == ALL_LINEAR or any(_fits(name, target) for target in method.target_modules)
        ]
        if not method.fits_conv1d and any(isinstance(layer, Conv1D) for layer in target_layers):
            raise StudioError(
                "{method} cannot be put on the layers of this base model.", "Choose LoRA.", method=method.label
            )
        sizes = [
            (layer.in_features, layer.out_features) for layer in target_layers if isinstance(layer, torch.nn.Linear)
        ]
        for fault in method.size_faults(sizes).values():
            raise fault

    def config(self, method: MethodSpec) -> PeftConfig:
        """What peft is told, and what it saves with the adapter."""
        config = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method.peft_type]]
        settings = method.model_dump() | {"task_type": "CAUSAL_LM"}
        if self._cannot and method.target_modules == ALL_LINEAR and not self._has_experts:
            return config(**settings | {"target_modules": _shortest(self._can, self._modules)})
        # Of experts, peft knows more names than there are layers, and finds them only where it is told all-linear.
        return config(**settings, exclude_modules=_shortest(self._cannot, self._modules) or None)

    def left_out_of(self, peft_model: Any, method: MethodSpec) -> list[StudioError]:
        """What to say of the layers that have no adapter in this PeftModel, though the spec means them."""
        if method.target_modules != ALL_LINEAR:
            return []
        fault = experts_without(peft_model)
        return [*self.left_out, *([fault] if fault else [])]


def reached(peft_model: Any) -> list[str]:
    """The names of what has an adapter in a PeftModel, each once: q_proj, …, experts.gate_up_proj."""
    names = []
    for name, module in peft_model.get_base_model().named_modules():
        if isinstance(module, ParamWrapper):
            names.append(f"{_last(name.replace('.base_layer', ''))}.{module.parameter_name}")
        elif isinstance(module, BaseTunerLayer):
            names.append(_last(name))
    return list(dict.fromkeys(names))


def experts_without(peft_model: Any) -> StudioError | None:
    """What to say of a mixture of experts some of whose weights have no adapter; None where there are none such."""
    model = peft_model.get_base_model()
    weights_with = {
        f"{name.replace('.base_layer', '')}.{module.parameter_name}"
        for name, module in model.named_modules()
        if isinstance(module, ParamWrapper)
    }
    weights_without, count = [], 0
    for name, module in model.named_modules():
        place = name.replace(".base_layer", "")
        if "expert" not in f"{place} {type(module).__name__}".lower() and "MoE" not in type(module).__name__:
            continue
        for key, parameter in module.named_parameters(recurse=False):
            if parameter.dim() == 3 and f"{place}.{key}" not in weights_with:
                weights_without.append(f"{place}.{key}")
                count = max(count, parameter.shape[0])
    if not weights_without:
        return None
    return StudioError(
        "No adapter on a layer's {count} experts ({layers}): only layers that every token passes through get one.",
        count=count,
        layers=_short_names(weights_without, parts=2),
    )


def _probe_layers(model: Any, layers: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Of these layers, those whose like in every layer of the model stayed uncalled when it read a few tokens as in
    training, and those that gave something else than a tensor; none where it cannot read them."""
    called_patterns: set[str] = set()
    gave_more: set[str] = set()

    def note(name: str) -> Any:
        def hook(_: Any, __: Any, output: Any) -> None:
            called_patterns.add(_pattern(name))
            if not isinstance(output, torch.Tensor):
                gave_more.add(_pattern(name))

        return hook

    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
    was_training = model.training
    ids = torch.arange(_TOKENS, device=model.device)[None] % model.get_input_embeddings().num_embeddings
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=_devices(model)):
            model.train()
            model(input_ids=ids, use_cache=False)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        return set(), set()
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return (
        {name for name in layers if _pattern(name) not in called_patterns},
        {name for name in layers if _pattern(name) in gave_more},
    )


def _devices(model: Any) -> list[int]:
    return [model.device.index or 0] if model.device.type == "cuda" else []


def _pattern(name: str) -> str:
    """The layer's name with a star for each number: some experts of many are called, and stand for all."""
    return _NUMBER.sub("*", name)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _fits(layer: str, target: str) -> bool:
    return layer == target or layer.endswith(f".{target}")


def _short_names(names: Iterable[str], parts: int = 1) -> str:
    return ", ".join(dict.fromkeys(".".join(name.split(".")[-parts:]) for name in names))


def _shortest(names: Iterable[str], modules: Iterable[str]) -> list[str]:
    """Names by which peft finds just these of all modules: the last one where nothing else is called so."""
    names = set(names)
    other_ends = {_last(name) for name in modules if name not in names}
    return sorted({_last(name) if _last(name) not in other_ends else name for name in names})
