"""A linear layer and its plain LoRA as one autograd function: the frozen weight gets no gradient, and few activations
are kept for the backward pass."""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch.nn.functional import linear

_ADAPTER = "default"  # peft's name for the only adapter there is in training


def fuse_lora(model: torch.nn.Module) -> int:
    """Lets every layer of the model that allows it compute as one operation; returns how many there are.

    Layers with dropout, DoRA, trained biases or quantised weights, and those that accelerate moves between devices,
    stay as peft made them.
    """
    layers = [m for m in model.modules() if _is_plain(m)]
    for layer in layers:
        layer.forward = _Fused(layer)
    return len(layers)


def _is_plain(module: torch.nn.Module) -> bool:
    if type(module) is not LoraLinear:
        return False
    base = module.base_layer
    return (
        type(base) is torch.nn.Linear
        and not any(p.requires_grad for p in base.parameters())
        and not hasattr(base, "_hf_hook")
        and list(module.lora_A) == [_ADAPTER]
        and not module.lora_variant
        and not module.fan_in_fan_out
        and module.lora_B[_ADAPTER].bias is None
        and isinstance(module.lora_dropout[_ADAPTER], torch.nn.Identity)
    )


def unfuse_lora(model: torch.nn.Module) -> None:
    """Lets every layer compute as peft made it."""
    for layer in model.modules():
        if isinstance(layer.__dict__.get("forward"), _Fused):
            del layer.forward


class _Fused:
    """x W^T + bias + scaling · (x A^T) B^T, in the number format that autocast or else x has."""

    def __init__(self, layer: LoraLinear) -> None:
        self._base = layer.base_layer
        self._a = layer.lora_A[_ADAPTER].weight
        self._b = layer.lora_B[_ADAPTER].weight
        self._scaling = layer.scaling[_ADAPTER]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        device = x.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        weight, bias = self._base.weight.to(dtype), self._base.bias
        bias = None if bias is None else bias.to(dtype)
        return _FusedLinear.apply(x.to(dtype), weight, bias, self._a, self._b, self._scaling)


class _FusedLinear(torch.autograd.Function):
    """x: [..., in]; weight: [out, in]; a: [r, in]; b: [out, r]."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        a, b, rows = a.to(x.dtype), b.to(x.dtype), x.reshape(-1, x.shape[-1])
        low = linear(rows, a)
        # A tensor of its own and no view of one, for models change in place what a layer gives them.
        out = x.new_empty(*x.shape[:-1], len(weight))
        flat = out.view(-1, len(weight))
        if bias is None:
            torch.mm(rows, weight.t(), out=flat)
        else:
            torch.addmm(bias, rows, weight.t(), out=flat)
        flat.addmm_(low, b.t(), alpha=scaling)
        ctx.save_for_backward(rows, low, weight, a, b)
        ctx.scaling = scaling
        return out

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, low, weight, a, b = ctx.saved_tensors
        slope = outer[0].reshape(-1, outer[0].shape[-1])
        low_slope = (slope @ b).mul_(ctx.scaling)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = (slope @ weight).addmm_(low_slope, a).view(*outer[0].shape[:-1], -1)
        return grad_x, None, None, low_slope.t() @ rows, (slope.t() @ low).mul_(ctx.scaling), None
