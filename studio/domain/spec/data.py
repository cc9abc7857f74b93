"""The datasets of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import floor
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator, model_serializer, model_validator

from studio.domain.errors import StudioError
from studio.domain.spec.knob import Refusal, Section, knob

MOST_WEIGHT = 100


class MixedDataset(BaseModel):
    """A dataset that is trained on beside the first one. It is written NAME=WEIGHT or NAME@VERSION=WEIGHT; without a
    weight, each row is trained on once per epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    weight: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, value: Any) -> Any:
        if isinstance(value, MixedDataset):
            return value
        if isinstance(value, Mapping):
            name, weight = str(value.get("name", "")), value.get("weight", 1.0)
        else:
            before, sign, after = str(value).rpartition("=")
            name, weight = (before, after) if sign else (after, 1.0)
        name = name.strip()
        if not name:
            raise Refusal(StudioError("One of the other datasets is not chosen.", "Choose it, or remove it."))
        return {"name": name, "weight": _weight(name, weight)}

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    @property
    def pinned(self) -> tuple[str, int]:
        """Name and version, where the version is named, as it is of a run that was submitted."""
        name, _, version = self.name.rpartition("@")
        return name, int(version)

    def __str__(self) -> str:
        return f"{self.name}={self.weight:.12g}"


def _weight(name: str, value: Any) -> float:
    try:
        weight = float(value)
    except (TypeError, ValueError):
        weight = 0.0
    if not 0 < weight <= MOST_WEIGHT:
        raise Refusal(
            StudioError(
                "“{value}” cannot be the weight of “{name}”.",
                "Enter a number above 0 and up to {most}, such as 0.5.",
                value=value,
                name=name,
                most=MOST_WEIGHT,
            )
        )
    return weight


class DataSpec(Section):
    """Dataset"""

    name: str = knob("", "Dataset", "The rows to train on.", min_length=1)
    weight: float = knob(
        1.0,
        "Weight",
        "How often each row of the dataset is trained on per epoch: 1 is once; 0.5 takes half of the rows, and the "
        "other half in the next epoch; 2 takes each row twice.",
        gt=0,
        le=MOST_WEIGHT,
    )
    mix: list[MixedDataset] = knob(
        [],
        "Other datasets",
        "More datasets to train on, each as NAME=WEIGHT or NAME@VERSION=WEIGHT; the weight means the same as that of "
        "the first, and is 1 if left out. The rows of all are shuffled together in each epoch.",
    )
    validation_split: float = knob(
        0.1,
        "Validation split",
        "Fraction of the rows held out to measure how well the adapter does on new ones.",
        ge=0,
        le=0.5,
    )
    validation_name: str = knob(
        "",
        "Validation set",
        "A separate dataset, used only for validation; replaces the split.",
        advanced=True,
    )
    answers_only: bool = knob(
        True,
        "Train on answers only",
        "On: only the assistant's words are trained on. Off: the user's words too.",
        advanced=True,
    )

    @field_validator("mix", mode="before")
    @classmethod
    def _lines(cls, value: Any) -> Any:
        return [line for line in value.splitlines() if line.strip()] if isinstance(value, str) else value

    @model_serializer(mode="wrap")
    def _without_mixture(self, write: Callable[[DataSpec], dict[str, Any]]) -> dict[str, Any]:
        """A run on one dataset is written as it was before there could be several."""
        usual = {"weight": 1.0, "mix": []}
        return {name: value for name, value in write(self).items() if name not in usual or value != usual[name]}

    @property
    def is_mixture(self) -> bool:
        """An epoch is anything else than each row of one dataset once."""
        return bool(self.mix) or self.weight != 1

    @property
    def names(self) -> list[str]:
        """Of all datasets that are trained on, the first one's first."""
        return [self.name, *(each.name for each in self.mix)]

    @property
    def weights(self) -> list[float]:
        """Those of the same."""
        return [self.weight, *(each.weight for each in self.mix)]

    def eval_rows(self, rows: int) -> int:
        """How many of so many rows are kept for validation: at least one where a share is asked, and none where there
        is a validation set."""
        is_split = self.validation_split > 0 and not self.validation_name
        return max(1, round(rows * self.validation_split)) if is_split else 0


def epoch_rows(rows: int, weight: float) -> int:
    """How many rows an epoch has of a dataset with so many to train on: to the nearest row, and at least one."""
    return max(1, floor(rows * weight + 0.5)) if rows else 0


def part_figure(name: str) -> str:
    """The figure (of a step or an evaluation) that is the loss over the rows of this dataset of a mixture alone."""
    return f"loss on {name}"
