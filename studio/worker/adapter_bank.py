"""Plain LoRA adapters beside the base, never in it: each row of a batch adds its own update to what a layer puts out.

The matrices of all rows are stacked once for each layer, so that any number of adapters costs two batched products a
layer, whatever their ranks are. The base's modules stay as they are; without a bank open over it, it is the base.
"""

from __future__ import annotations

import math
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

from studio.worker.adapter_files import PREFIX, WEIGHTS

Matrices = Mapping[str, tuple[torch.Tensor, torch.Tensor]]  # layer → A (in, r) and B (r, out), the scaling within B
# The adapters that act on a row, with their strengths; empty for the base.
Mix = tuple[tuple[str, float], ...]


def read_matrices(path: Path, config: PeftConfig, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """The matrices of a plain LoRA adapter, by layer: y += x A B. Source: peft's LoRA layer.

    Raises:
        OSError, SafetensorError: the file cannot be read.
    """
    halves: dict[str, dict[str, torch.Tensor]] = {}
    with safe_open(path / WEIGHTS, "pt", device=str(device)) as file:
        for key in file.keys():  # noqa: SIM118 - no dictionary
            layer, _, which = key.removeprefix(PREFIX).rpartition(".lora_")
            halves.setdefault(layer, {})[which[0]] = file.get_tensor(key)
    return {
        layer: ((half["A"].T).to(dtype).contiguous(), (half["B"].T * _scaling(config, layer, half["A"])).to(dtype))
        for layer, half in halves.items()
    }


def _scaling(config: Any, layer: str, a: torch.Tensor) -> float:
    patterns = config.alpha_pattern or {}
    alpha = patterns.get(get_pattern_key(patterns.keys(), layer), config.lora_alpha)
    rank = a.shape[0]
    return float(alpha / (math.sqrt(rank) if config.use_rslora else rank))


def size_of(matrices: Matrices) -> int:
    """Bytes."""
    return sum(t.nbytes for pair in matrices.values() for t in pair)


@dataclass(frozen=True)
class _Layer:
    """The matrices of all mixes at one layer: a (mixes, in, rank), b (mixes, rank, out)."""

    a: torch.Tensor
    b: torch.Tensor


class AdapterBank:
    """Over the linear layers of a base model, by their names."""

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self._layers = layers
        self._stacked: tuple[tuple[Mix, ...], dict[str, _Layer]] = ((), {})  # of the newest batch

    @contextmanager
    def open(self, rows: Sequence[Mix], matrices: Mapping[str, Matrices]) -> Iterator[None]:
        """Inside, row i of what the model is given is answered by `rows[i]`. Equal rows stand side by side.

        `matrices` has those of every adapter that is named.
        """
        mixes = tuple(mix for mix, _ in groupby(rows))
        counts = [len(list(same)) for _, same in groupby(rows)]
        if mixes == ((),):
            yield
            return
        layers = self._stack(mixes, matrices)
        add = _add_evenly if len(set(counts)) == 1 else _add_by_group(counts)
        hooks = [
            self._layers[name].register_forward_hook(_Update(len(rows), layer, add)) for name, layer in layers.items()
        ]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def forget(self, name: str | None = None) -> None:
        """Frees what was stacked, if the adapter is among it."""
        if name is None or any(name == part for mix in self._stacked[0] for part, _ in mix):
            self._stacked = ((), {})

    def _stack(self, mixes: tuple[Mix, ...], matrices: Mapping[str, Matrices]) -> dict[str, _Layer]:
        if self._stacked[0] != mixes:
            self.forget()
            names = sorted({layer for mix in mixes for part, _ in mix for layer in matrices[part]})
            self._stacked = (mixes, {layer: _stacked(layer, mixes, matrices) for layer in names})
        return self._stacked[1]


def _stacked(layer: str, mixes: Sequence[Mix], matrices: Mapping[str, Matrices]) -> _Layer:
    """Adapters of one mix stand one after another in the rank: their updates add up. What is left is zero."""
    rows = [[(*matrices[n][layer], strength) for n, strength in mix if layer in matrices[n]] for mix in mixes]
    some_a, some_b, _ = next(parts[0] for parts in rows if parts)
    rank = max(sum(a.shape[1] for a, _, _ in parts) for parts in rows)
    a = some_a.new_zeros(len(mixes), some_a.shape[0], rank)
    b = some_b.new_zeros(len(mixes), rank, some_b.shape[1])
    for row, parts in enumerate(rows):
        at = 0
        for one_a, one_b, strength in parts:
            end = at + one_a.shape[1]
            a[row, :, at:end] = one_a
            b[row, at:end] = one_b if strength == 1 else one_b * strength
            at = end
    return _Layer(a, b)


Add = Callable[[torch.Tensor, torch.Tensor, _Layer], torch.Tensor]


class _Update:
    """A forward hook. Inputs have the shape (rows, tokens, in); the layer was found to be such by `by_row`."""

    def __init__(self, rows: int, layer: _Layer, add: Add) -> None:
        self._rows = rows
        self._layer = layer
        self._add = add

    def __call__(self, module: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> torch.Tensor:
        if given[0].shape[0] != self._rows:
            raise RuntimeError("the model mixes the rows of a batch in a layer that an adapter changes")
        return self._add(given[0], out, self._layer)


def _add_evenly(x: torch.Tensor, out: torch.Tensor, layer: _Layer) -> torch.Tensor:
    """As many rows for each mix: one batched product."""
    mixes = layer.a.shape[0]
    low = torch.bmm(x.reshape(mixes, -1, x.shape[-1]).to(layer.a.dtype), layer.a)
    total = out.reshape(mixes, -1, out.shape[-1])
    if total.dtype != low.dtype:
        return (total + torch.bmm(low, layer.b).to(total.dtype)).view(out.shape)
    return torch.baddbmm(total, low, layer.b).view(out.shape)


def _add_by_group(counts: Sequence[int]) -> Add:
    def add(x: torch.Tensor, out: torch.Tensor, layer: _Layer) -> torch.Tensor:
        updates = [
            rows.to(layer.a.dtype) @ layer.a[mix] @ layer.b[mix] for mix, rows in enumerate(x.split(list(counts)))
        ]
        return out + torch.cat(updates).to(out.dtype)

    return add


def layers_by_row(model: nn.Module, layers: Mapping[str, nn.Module]) -> set[str]:
    """Those of the layers that see each row of a batch apart: whose input is (rows, tokens, in). Experts do not, nor
    do layers of models that flatten their input.
    """
    rows, tokens = 3, 2
    seen: set[str] = set()

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: tuple[Any, ...]) -> None:
            if given and getattr(given[0], "shape", ())[:2] == (rows, tokens) and given[0].dim() == 3:
                seen.add(name)

        return hook

    hooks = [module.register_forward_pre_hook(note(name)) for name, module in layers.items()]
    try:
        with torch.inference_mode():
            model(input_ids=torch.zeros(rows, tokens, dtype=torch.long, device=model.device))
    finally:
        for hook in hooks:
            hook.remove()
    return seen
