"""What a run optimises."""

from __future__ import annotations

from typing import ClassVar, Literal

from studio.domain.datasets.formats import Format, trained_part
from studio.domain.spec.knob import Choice, Variant, knob
from studio.domain.translation import N_


class ObjectiveSpec(Variant):
    """The settings of an objective, if it has any. `formats` are those of the datasets that it trains on; what it does
    is in worker.training.objectives."""

    formats: ClassVar[frozenset[Format]] = frozenset(Format)

    def trained_part(self, format: str | None) -> str:
        """What of rows in that format is trained on, in a sentence; empty where that is all of them."""
        return ""


class SftSpec(ObjectiveSpec):
    """Supervised fine-tuning"""

    kind = "sft"
    label = N_("Supervised fine-tuning")
    about = N_("Learns to write the answers in the dataset.")

    def trained_part(self, format: str | None) -> str:
        return trained_part(format)


OBJECTIVES: dict[str, type[ObjectiveSpec]] = {objective.kind: objective for objective in (SftSpec,)}


class ObjectiveChoice(Choice):
    """Objective"""

    kind: Literal[tuple(OBJECTIVES)] = knob(  # type: ignore[valid-type]  # the choices are the table's
        SftSpec.kind,
        "Objective",
        "What the run optimises.",
        choices={kind: objective.label for kind, objective in OBJECTIVES.items()},
    )
