"""HiRA: field names are those of `peft.HiraConfig`."""

from __future__ import annotations

from typing import ClassVar

from studio.domain.spec.peft_methods.base import RankedMethodSpec, dropout_knob
from studio.domain.translation import N_


class HiraSpec(RankedMethodSpec):
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

    hira_dropout: float = dropout_knob()

    def parameters(self, inputs: int, outputs: int) -> int:
        """A is [r, inputs] and B is [outputs, r]."""
        return self.r * (inputs + outputs)
