"""How far two computations of the same thing may be apart: no further than rounding takes them."""

from __future__ import annotations

from typing import Any

import torch

_ROUNDING = {torch.float64: 1e-6, torch.float32: 3e-5, torch.float16: 2e-2}
_COARSE = 6e-2  # bfloat16, and numbers of 8 bits
_SLOPES = 5  # rounding of 16 bits goes further in gradients, through which it passes twice
_TIMES, _MOST = 10, 30


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The difference as a share of what there is to differ: 0 where both are equal, about 1 where nothing is alike."""
    size = torch.maximum(one.norm(), other.norm())
    return float((one - other).norm() / size) if size > 0 else 0.0


def rounding(model: Any) -> float:
    """What `apart` is at most, in all but unusual models, between logits computed in another order."""
    if getattr(model, "is_loaded_in_8bit", False):  # it rounds activations by what else is in the batch
        return _COARSE
    return _ROUNDING.get(model.dtype, _COARSE)


def rounding_of_gradients(model: Any) -> float:
    """The same for all gradients of a model taken together."""
    return rounding(model) * (_SLOPES if rounding(model) > _ROUNDING[torch.float32] else 1)


def amplified(usual: float, one: torch.Tensor, again: torch.Tensor) -> float:
    """The bound `usual`, or a larger one in a model that multiplies what rounding does. `one` and `again` are such a
    pair that surely is equal, computed in another order; another order may be somewhat unluckier."""
    return min(max(_TIMES * apart(one, again), usual), _MOST * usual)
