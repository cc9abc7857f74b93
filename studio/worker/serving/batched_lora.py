"""Batched multi-LoRA: each row of a batch adds its own adapters' update to a layer's output.

The matrices of all rows are stacked once for each layer, so that any number of adapters costs two batched products a
layer, whatever their ranks are: as in Punica (https://arxiv.org/abs/2310.18547) and S-LoRA
(https://arxiv.org/abs/2311.03285), without their kernels. The base's modules stay as they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from peft.utils.other import get_pattern_key
from safetensors import safe_open
from torch import nn
from torch.nn.functional import linear

from studio.store.adapter_folder import WEIGHTS
from studio.worker.decoding.sequence import AdapterSet
from studio.worker.serving.adapter_folder import PREFIX


@dataclass(frozen=True)
class Pair:
    """LoRA at one layer: y += (x Aᵀ) Bᵀ · scaling, with A (r, in) and B (out, r) in fp32."""

    a: torch.Tensor
    b: torch.Tensor
    scaling: float


Matrices = Mapping[str, Pair]  # by layer


def read_matrices(path: Path, config: PeftConfig, device: torch.device) -> dict[str, Pair]:
    """The matrices of a plain LoRA adapter, by layer. In fp32 whatever the base's numbers are, as peft has them.

    Raises:
        OSError, SafetensorError: the file cannot be read.
    """
    halves: dict[str, dict[str, torch.Tensor]] = {}
    with safe_open(path / WEIGHTS, "pt", device=str(device)) as file:
        for key in file.keys():  # noqa: SIM118 - no dictionary
            layer, _, which = key.removeprefix(PREFIX).rpartition(".lora_")
            # A copy, because a product's last bits depend on where in memory its factors begin.
            halves.setdefault(layer, {})[which[0]] = file.get_tensor(key).to(torch.float32, copy=True)
    return {layer: Pair(half["A"], half["B"], _scaling(config, layer, half["A"])) for layer, half in halves.items()}


def _scaling(config: Any, layer: str, a: torch.Tensor) -> float:
    patterns = config.alpha_pattern or {}
    alpha = patterns.get(get_pattern_key(patterns.keys(), layer), config.lora_alpha)
    rank = a.shape[0]
    return float(alpha / (math.sqrt(rank) if config.use_rslora else rank))


class _OneAdapterSet:
    """What is added at one layer where all rows have the same adapters: the operations of peft, in its order."""

    def __init__(self, parts: Sequence[Pair]) -> None:
        self._parts = parts

    def add(self, x: torch.Tensor, out: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
        for part in self._parts:
            out = out + linear(linear(x, part.a), part.b) * part.scaling
        return out


@dataclass(frozen=True)
class _SeveralAdapterSets:
    """The matrices of all adapter sets at one layer: a (sets, in, rank), b (sets, rank, out) with the scaling."""

    a: torch.Tensor
    b: torch.Tensor

    def add(self, x: torch.Tensor, out: torch.Tensor, counts: Sequence[int]) -> torch.Tensor:
        """counts: how many rows each set has. As many for each: one batched product."""
        if len(set(counts)) == 1:
            low = torch.bmm(x.reshape(len(counts), -1, x.shape[-1]), self.a)
            return torch.baddbmm(out.reshape(len(counts), -1, out.shape[-1]), low, self.b).view(out.shape)
        updates = [
            rows @ self.a[adapter_set] @ self.b[adapter_set] for adapter_set, rows in enumerate(x.split(list(counts)))
        ]
        return out + torch.cat(updates)


_Layer = _OneAdapterSet | _SeveralAdapterSets


class BatchedLora:
    """Over the linear layers of a base model, by their names."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self._layers = layers
        self._stacked: tuple[tuple[AdapterSet, ...], dict[str, _Layer]] = ((), {})  # of the newest batch

    @contextmanager
    def open(self, rows: Sequence[AdapterSet], matrices: Mapping[str, Matrices]) -> Iterator[None]:
        """Inside, row i of what the model is given is answered by `rows[i]`. Equal rows stand side by side.

        `matrices` has those of every adapter that is named.
        """
        adapter_sets = tuple(adapter_set for adapter_set, _ in groupby(rows))
        counts = [len(list(same)) for _, same in groupby(rows)]
        if adapter_sets == ((),):
            yield
            return
        layers = self._stack(adapter_sets, matrices)
        hooks = [self._layers[name].register_forward_hook(_Update(counts, layer)) for name, layer in layers.items()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def forget(self, name: str | None = None) -> None:
        """Frees what was stacked, if the adapter is among it."""
        if name is None or any(name == part for adapter_set in self._stacked[0] for part, _ in adapter_set):
            self._stacked = ((), {})

    def _stack(self, adapter_sets: tuple[AdapterSet, ...], matrices: Mapping[str, Matrices]) -> dict[str, _Layer]:
        if self._stacked[0] != adapter_sets:
            self.forget()
            names = sorted(
                {layer for adapter_set in adapter_sets for part, _ in adapter_set for layer in matrices[part]}
            )
            self._stacked = (adapter_sets, {layer: _stacked(layer, adapter_sets, matrices) for layer in names})
        return self._stacked[1]


def _stacked(layer: str, adapter_sets: Sequence[AdapterSet], matrices: Mapping[str, Matrices]) -> _Layer:
    """Adapters of one set stand one after another in the rank: their updates add up. What is left is zero."""
    rows = [
        [_weaker(matrices[n][layer], strength) for n, strength in adapter_set if layer in matrices[n]]
        for adapter_set in adapter_sets
    ]
    if len(rows) == 1:
        return _OneAdapterSet(rows[0])
    some = next(parts[0] for parts in rows if parts)
    rank = max(sum(part.a.shape[0] for part in parts) for parts in rows)
    a = some.a.new_zeros(len(adapter_sets), some.a.shape[1], rank)
    b = some.b.new_zeros(len(adapter_sets), rank, some.b.shape[0])
    for row, parts in enumerate(rows):
        at = 0
        for part in parts:
            end = at + part.a.shape[0]
            a[row, :, at:end] = part.a.T
            b[row, at:end] = part.b.T * part.scaling
            at = end
    return _SeveralAdapterSets(a, b)


def _weaker(pair: Pair, strength: float) -> Pair:
    return pair if strength == 1 else Pair(pair.a, pair.b, pair.scaling * strength)


class _Update:
    """A forward hook. Inputs have the shape (rows, tokens, in); the layer was found to be such by `layers_by_row`.

    As in peft, LoRA is computed in fp32. Its update is rounded to the base's numbers together with what it is added
    to; at a quantised layer it is rounded before.
    """

    def __init__(self, counts: Sequence[int], layer: _Layer) -> None:
        self._counts = counts
        self._rows = sum(counts)
        self._layer = layer

    def __call__(self, module: nn.Module, inputs: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
        if inputs[0].shape[0] != self._rows:
            raise RuntimeError("the model mixes the rows of a batch in a layer that an adapter changes")
        x = inputs[0].float()
        if _is_quantised(module):
            nothing = torch.zeros_like(out, dtype=torch.float32)
            return out + self._layer.add(x, nothing, self._counts).to(out.dtype)
        return self._layer.add(x, out.float(), self._counts).to(out.dtype)


def _is_quantised(module: nn.Module) -> bool:
    return type(module).__name__ in ("Linear4bit", "Linear8bitLt")


def layers_by_row(model: nn.Module, layers: Mapping[str, nn.Module]) -> set[str]:
    """Those of the layers that see each row of a batch apart: whose input is (rows, tokens, in). Experts do not, nor
    do layers of models that flatten their input. A layer that the model has in two places is none of them: peft
    changes it in one.
    """
    rows, tokens = 3, 2
    by_row: set[str] = set()

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            if inputs and getattr(inputs[0], "shape", ())[:2] == (rows, tokens) and inputs[0].dim() == 3:
                by_row.add(name)
            else:
                others.add(name)

        return hook

    places = _places(model)
    others = {name for name, module in layers.items() if places[id(module)] > 1}
    hooks = [module.register_forward_pre_hook(note(name)) for name, module in layers.items()]
    try:
        with torch.inference_mode():
            model(input_ids=torch.zeros(rows, tokens, dtype=torch.long, device=model.device))
    finally:
        for hook in hooks:
            hook.remove()
    return by_row - others


def _places(model: nn.Module) -> Counter[int]:
    """In how many places each module is, by its id."""
    return Counter(id(child) for module in model.modules() for child in module._modules.values())
