"""LoRA: field names are those of `peft.LoraConfig`."""

from __future__ import annotations

from typing import ClassVar, Literal

from studio.domain.spec.knob import knob
from studio.domain.spec.peft_methods.base import RankedMethodSpec, dropout_knob
from studio.domain.translation import N_


class LoraSpec(RankedMethodSpec):
    """LoRA adapter"""

    # Source: https://arxiv.org/abs/2106.09685; rsLoRA: https://arxiv.org/abs/2312.03732; DoRA:
    # https://arxiv.org/abs/2402.09353.
    kind = "lora"
    peft_type = "LORA"
    label = "LoRA"
    about = N_("Adds two narrow matrices to each layer. Works everywhere and is the fastest here.")
    presets: ClassVar = {
        "Quick": {"r": 8, "lora_alpha": 16, "lora_dropout": 0.0},
        "Balanced": {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0},
        "Thorough": {"r": 32, "lora_alpha": 64, "lora_dropout": 0.05},
    }

    lora_alpha: int = knob(32, "Alpha", "Strength of the adapter: its update is scaled by alpha / rank.", ge=1, le=4096)
    lora_dropout: float = dropout_knob()
    bias: Literal["none", "all", "lora_only"] = knob(
        "none",
        "Bias",
        "Which bias terms are also trained. With any of them, switching the adapter off no longer restores the exact "
        "base model.",
        advanced=True,
        choices={"none": "None", "all": "All", "lora_only": "Adapted layers only"},
    )
    use_rslora: bool = knob(False, "rsLoRA", "Scales by alpha / √rank, which keeps high ranks stable.", advanced=True)
    use_dora: bool = knob(
        False, "DoRA", "Learns direction and magnitude separately: often better at low rank, but slower.", advanced=True
    )

    @property
    def name(self) -> str:
        return "DoRA" if self.use_dora else self.label

    @property
    def summary(self) -> str:
        return f"{super().summary}{', rsLoRA' if self.use_rslora else ''}"

    @property
    def tags(self) -> list[str]:
        return ["lora", "dora"] if self.use_dora else ["lora"]

    @property
    def trained_biases(self) -> Literal["none", "adapted", "all"]:
        return "adapted" if self.bias == "lora_only" else self.bias

    @property
    def is_one_operation(self) -> bool:
        return not (self.use_dora or self.lora_dropout or self.bias != "none")

    def parameters(self, inputs: int, outputs: int) -> int:
        """A is [r, inputs], B is [outputs, r], and DoRA has a length for each output."""
        return self.r * (inputs + outputs) + (outputs if self.use_dora else 0)
