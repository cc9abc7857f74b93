"""HiRA: field names are those of `peft.HiraConfig`."""

from __future__ import annotations

from typing import ClassVar

from studio.domain.spec.knob import knob
from studio.domain.spec.peft_methods.base import MethodSpec
from studio.domain.translation import N_


class HiraSpec(MethodSpec):
    """HiRA adapter"""

    # Source: https://openreview.net/forum?id=TwJrTz9cRS.
    kind = "hira"
    peft_type = "HIRA"
    label = "HiRA"
    about = N_("Multiplies each weight by a low-rank factor, which gives an update of high rank; slower than LoRA.")
    presets: ClassVar = {
        "Quick": {"r": 8, "hira_dropout": 0.0},
        "Balanced": {"r": 16, "hira_dropout": 0.0},
        "Thorough": {"r": 32, "hira_dropout": 0.05},
    }

    r: int = knob(16, "Rank", "Width of the adapter matrices: a higher rank learns more and costs more.", ge=1, le=1024)
    hira_dropout: float = knob(
        0.0,
        "Dropout",
        "Fraction of the adapter's inputs dropped at random to reduce overfitting.",
        ge=0,
        lt=1,
        advanced=True,
    )

    @property
    def summary(self) -> str:
        return f"{self.name} r{self.r}"

    def parameters(self, inputs: int, outputs: int) -> int:
        """A is [r, inputs] and B is [outputs, r]."""
        return self.r * (inputs + outputs)
