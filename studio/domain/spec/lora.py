"""LoRA: field names are those of `peft.LoraConfig`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from studio.domain.spec.knob import Section, knob
from studio.domain.translation import N_


class LoraSpec(Section):
    """LoRA adapter"""

    r: int = knob(16, "Rank", "Width of the adapter matrices: a higher rank learns more and costs more.", ge=1, le=1024)
    lora_alpha: int = knob(32, "Alpha", "Strength of the adapter: its update is scaled by alpha / rank.", ge=1, le=4096)
    lora_dropout: float = knob(
        0.0,
        "Dropout",
        "Fraction of the adapter's inputs dropped at random to reduce overfitting.",
        ge=0,
        lt=1,
        advanced=True,
    )
    target_modules: Literal["all-linear"] | list[str] = knob(
        "all-linear",
        "Target modules",
        "Layers that get an adapter: all-linear, or names such as q_proj, v_proj.",
        advanced=True,
        suggestions=("all-linear", "q_proj, v_proj", "q_proj, k_proj, v_proj, o_proj"),
    )
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

    @field_validator("target_modules", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        names = [n.strip() for n in value.split(",")] if isinstance(value, str) else value
        if isinstance(names, list):
            names = [n for n in names if n != ""]
            if names == ["all-linear"]:
                return "all-linear"
            if not names:
                raise ValueError(N_("Name at least one layer, or all-linear."))
            if not all(isinstance(n, str) and all(c.isalnum() or c in "_.-" for c in n) for n in names):
                raise ValueError(N_("Separate layer names with commas, such as q_proj, v_proj."))
        return names
