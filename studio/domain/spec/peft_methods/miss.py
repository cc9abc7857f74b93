"""MiSS: field names are those of `peft.MissConfig`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from studio.domain.errors import StudioError
from studio.domain.spec.knob import knob
from studio.domain.spec.peft_methods.base import RankedMethodSpec, dropout_knob
from studio.domain.translation import N_


class MissSpec(RankedMethodSpec):
    """MiSS adapter"""

    # Source: https://arxiv.org/abs/2409.15371.
    kind = "miss"
    peft_type = "MISS"
    label = "MiSS"
    about = N_("Shares one matrix among shards of each layer: half of LoRA's parameters at the same rank.")
    presets: ClassVar = {
        "Quick": {"r": 16, "miss_dropout": 0.0},
        "Balanced": {"r": 32, "miss_dropout": 0.0},
        "Thorough": {"r": 64, "miss_dropout": 0.05},
    }
    fits_conv1d = False

    r: int = knob(32, "Rank", "Rows of the shared matrix: a higher rank learns more and costs more.", ge=1, le=1024)
    miss_dropout: float = dropout_knob()

    def parameters(self, inputs: int, outputs: int) -> int:
        """The matrix is [r, outputs]."""
        return self.r * outputs

    def size_faults(self, sizes: Iterable[tuple[int, int]]) -> dict[str, StudioError]:
        """The rank divides a layer's inputs into shards, so it is at most their number."""
        narrowest = min((inputs for inputs, _ in sizes), default=self.r)
        if self.r <= narrowest:
            return {}
        return {
            "r": StudioError("A target layer has only {inputs} inputs.", "Enter {inputs} or less.", inputs=narrowest)
        }
