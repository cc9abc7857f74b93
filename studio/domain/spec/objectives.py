"""What a run optimises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from studio.domain.datasets.formats import Format, trained_part
from studio.domain.datasets.row_parts import Row, pair_contents, trained_content
from studio.domain.spec.knob import Choice, Variant, knob
from studio.domain.translation import N_


@dataclass(frozen=True)
class Figure:
    """A mean over examples that an objective reports of each step and evaluation."""

    label: str
    help: str


class ObjectiveSpec(Variant):
    """The settings of an objective, if it has any. `formats` are those of the datasets that it trains on,
    `document_count` how many documents a row of them gives, `figures` what is measured beside the loss, by name. What
    it does is in worker.training.objectives."""

    formats: ClassVar[frozenset[Format]] = frozenset(Format)
    document_count: ClassVar[int] = 1
    figures: ClassVar[Mapping[str, Figure]] = {}

    def documents(self, row: Row) -> list[Row] | None:
        """What a model reads of a row, as `row_parts.trained_content` gives it: `document_count` of them; None
        where nothing of the row is trained on."""
        raise NotImplementedError

    def trained_part(self, format: str | None) -> str:
        """What of rows in that format is trained on, in a sentence; empty where that is all of them."""
        return ""


class SftSpec(ObjectiveSpec):
    """Supervised fine-tuning"""

    kind = "sft"
    label = N_("Supervised fine-tuning")
    about = N_("Learns to write the answers in the dataset.")

    def documents(self, row: Row) -> list[Row] | None:
        content = trained_content(row)
        return None if content is None else [content]

    def trained_part(self, format: str | None) -> str:
        return trained_part(format)


class OrpoSpec(ObjectiveSpec):
    """ORPO"""

    # Source: https://arxiv.org/abs/2403.07691. Field names are those of `trl.experimental.orpo.ORPOConfig`.
    kind = "orpo"
    label = "ORPO"
    about = N_("Learns the chosen answer of each pair, and to prefer it to the rejected one.")
    formats = frozenset({Format.PREFERENCE})
    document_count = 2
    figures: ClassVar = {
        "accuracy": Figure(N_("Preference accuracy"), N_("Share of pairs whose chosen answer is the likelier one.")),
        "margin": Figure(N_("Margin"), N_("Mean log-probability of a chosen token minus that of a rejected one.")),
        "chosen": Figure(N_("Chosen"), N_("Mean log-probability of a token in chosen answers.")),
        "rejected": Figure(N_("Rejected"), N_("Mean log-probability of a token in rejected answers.")),
    }

    beta: float = knob(
        0.1,
        "Beta",
        "Weight of the preference beside learning the chosen answer; higher separates the two more.",
        gt=0,
        le=10,
    )

    def documents(self, row: Row) -> list[Row] | None:
        return pair_contents(row)

    def trained_part(self, format: str | None) -> str:
        if format and format not in self.formats:
            return ""
        return N_("Of each pair, the chosen answer is learned and preferred to the rejected one.")


OBJECTIVES: dict[str, type[ObjectiveSpec]] = {objective.kind: objective for objective in (SftSpec, OrpoSpec)}


def usable_part(format: str | None) -> str:
    """What of rows in that format is trained on, in a sentence, where no objective is chosen yet."""
    if format == Format.PREFERENCE:
        return N_("Supervised fine-tuning learns the chosen answer of each pair; ORPO prefers it to the rejected one.")
    return trained_part(format)


class ObjectiveChoice(Choice):
    """Objective"""

    kind: Literal[tuple(OBJECTIVES)] = knob(  # type: ignore[valid-type]  # the choices are the table's
        SftSpec.kind,
        "Objective",
        "What is learned from the data: to write its answers, or to prefer one answer to another.",
        choices={kind: objective.label for kind, objective in OBJECTIVES.items()},
    )
