"""Whether two computations of the same thing differ by more than rounding."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_ROUNDING = {torch.float64: 1e-6, torch.float32: 3e-5, torch.float16: 2e-2}
_COARSE_TOLERANCE = 6e-2  # bfloat16, and numbers of 8 bits
_GRADIENT_FACTOR = 5  # rounding of 16 bits goes further in gradients, through which it passes twice
_TIMES, _MOST = 5, 0.5


def relative_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    """The difference as a share of what there is to differ: 0 where both are equal, about 1 where nothing is alike."""
    size = torch.maximum(one.norm(), other.norm())
    return float((one - other).norm() / size) if size > 0 else 0.0


def rounding(model: Any) -> float:
    """What `relative_difference` is at most, in all but unusual models, between logits computed in another order."""
    if getattr(model, "is_loaded_in_8bit", False):  # it rounds activations by what else is in the batch
        return _COARSE_TOLERANCE
    return _ROUNDING.get(model.dtype, _COARSE_TOLERANCE)


def rounding_of_gradients(model: Any) -> float:
    """The same for all gradients of a model taken together."""
    return rounding(model) * (_GRADIENT_FACTOR if rounding(model) > _ROUNDING[torch.float32] else 1)


def rounding_bound(usual: float, one: torch.Tensor, again: torch.Tensor) -> float:
    """The bound `usual`, or a larger one in a model that multiplies what rounding does, as a choice of experts can.
    `one` and `again` are the same but for rounding; other rounding may be somewhat unluckier."""
    return max(usual, min(_TIMES * relative_difference(one, again), _MOST))


@contextmanager
def rounded_otherwise(model: Any) -> Iterator[None]:
    """Meanwhile the model's embeddings differ from themselves by as much as its numbers are rounded."""
    draw = torch.Generator().manual_seed(0)
    step = torch.finfo(model.dtype).eps

    def change(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        noise = torch.rand(output.shape, generator=draw).to(output.device) * 2 - 1
        return (output.float() * (1 + step * noise)).to(output.dtype)

    hook = model.get_input_embeddings().register_forward_hook(change)
    try:
        yield
    finally:
        hook.remove()
