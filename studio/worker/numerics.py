"""How far two computations of the same thing may be apart: no further than rounding takes them."""

from __future__ import annotations

import torch

_ROUNDING = {torch.float64: 1e-6, torch.float32: 3e-5, torch.float16: 2e-2}
_OF_OTHERS = 6e-2  # bfloat16
_TIMES, _MOST = 10, 30


def rounding(dtype: torch.dtype) -> float:
    """What `apart` is at most, in all but unusual models, between computations in `dtype` in another order."""
    return _ROUNDING.get(dtype, _OF_OTHERS)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The difference as a share of what there is to differ: 0 where both are equal, about 1 where nothing is alike."""
    size = torch.maximum(one.norm(), other.norm())
    return float((one - other).norm() / size) if size > 0 else 0.0


def noise_bound(one: torch.Tensor, again: torch.Tensor, dtype: torch.dtype) -> float:
    """What `apart` may be at most between computations in `dtype` that should be equal, in a model that may multiply
    what rounding does. `one` and `again` are such a pair that surely is equal, computed in another order; another
    order may be somewhat unluckier."""
    usual = rounding(dtype)
    return min(max(_TIMES * apart(one, again), usual), _MOST * usual)
