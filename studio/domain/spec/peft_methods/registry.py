"""The methods to choose from."""

from __future__ import annotations

from typing import Literal

from studio.domain.spec.knob import Choice, knob
from studio.domain.spec.peft_methods.base import MethodSpec
from studio.domain.spec.peft_methods.hira import HiraSpec
from studio.domain.spec.peft_methods.lora import LoraSpec
from studio.domain.spec.peft_methods.miss import MissSpec

METHODS: dict[str, type[MethodSpec]] = {method.kind: method for method in (LoraSpec, MissSpec, HiraSpec)}


class MethodChoice(Choice):
    """Method"""

    kind: Literal[tuple(METHODS)] = knob(  # type: ignore[valid-type]  # the choices are the table's
        LoraSpec.kind,
        "PEFT method",
        "How the adapter changes the base model.",
        choices={kind: method.label for kind, method in METHODS.items()},
    )
