"""What every PEFT method says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from studio.domain.errors import StudioError
from studio.domain.spec.knob import Variant, knob
from studio.domain.translation import N_

ALL_LINEAR = "all-linear"


class MethodSpec(Variant):
    """The settings of a method are fields with the names that its peft config has, and are passed on as they are.

    `presets` are values by preset. `fits_conv1d`: peft puts it on the Conv1D layers of GPT-2, too.
    """

    peft_type: ClassVar[str]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    fits_conv1d: ClassVar[bool] = True

    target_modules: Literal["all-linear"] | list[str] = knob(
        ALL_LINEAR,
        "Target modules",
        "Layers that get an adapter: all-linear, or names such as q_proj, v_proj.",
        advanced=True,
        suggestions=(ALL_LINEAR, "q_proj, v_proj", "q_proj, k_proj, v_proj, o_proj"),
    )

    @property
    def name(self) -> str:
        """What the adapter is called, as on its card."""
        return self.label

    @property
    def summary(self) -> str:
        """The method and its size in a few characters, such as “LoRA r16”."""
        return self.name

    @property
    def tags(self) -> list[str]:
        """Of an adapter on the Hub."""
        return [self.kind]

    @property
    def trained_biases(self) -> Literal["none", "adapted", "all"]:
        """Which of the base model's bias terms are trained, too."""
        return "none"

    @property
    def is_one_operation(self) -> bool:
        """Whether a layer with its adapter can be computed as one operation (worker.training.fused_lora)."""
        return False

    def parameters(self, inputs: int, outputs: int) -> int:
        """How many the adapter of one layer has, without biases."""
        raise NotImplementedError

    def size_faults(self, sizes: Iterable[tuple[int, int]]) -> dict[str, StudioError]:
        """What does not go with target layers of these (inputs, outputs), by field."""
        return {}

    @field_validator("target_modules", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        names = [n.strip() for n in value.split(",")] if isinstance(value, str) else value
        if isinstance(names, list):
            names = [n for n in names if n != ""]
            if names == [ALL_LINEAR]:
                return ALL_LINEAR
            if not names:
                raise ValueError(N_("Name at least one layer, or all-linear."))
            if not all(isinstance(n, str) and all(c.isalnum() or c in "_.-" for c in n) for n in names):
                raise ValueError(N_("Separate layer names with commas, such as q_proj, v_proj."))
        return names


def dropout_knob() -> Any:
    return knob(
        0.0,
        "Dropout",
        "Fraction of the adapter's inputs dropped at random to reduce overfitting.",
        ge=0,
        lt=1,
        advanced=True,
    )


class RankedMethodSpec(MethodSpec):
    """A method whose matrices have a rank."""

    r: int = knob(16, "Rank", "Width of the adapter matrices: a higher rank learns more and costs more.", ge=1, le=1024)

    @property
    def summary(self) -> str:
        return f"{self.name} r{self.r}"
