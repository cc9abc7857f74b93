"""Sweeps: several values of some settings, and the runs that their combinations make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.naming import slug
from studio.domain.spec.knob import kind_of
from studio.domain.spec.run_spec import CHOSEN_BY, SECTIONS, RunSpec, Values, read_spec

MAX_RUNS = 64

_SHORT = {"lora_alpha": "alpha", "learning_rate": "lr", "num_train_epochs": "epochs", "lora_dropout": "dropout"}


@dataclass(frozen=True)
class Combination:
    """One run of a sweep. `suffix` tells it from the others in its name: "r8-lr1e-4"."""

    suffix: str
    spec: RunSpec


def can_vary(place: str) -> bool:
    """Whether a knob ("lora.r") can have several values: all but lists."""
    section, _, field = place.partition(".")
    info = SECTIONS[section].model_fields.get(field) if section in SECTIONS else None
    return info is not None and kind_of(info) not in ("list", "lines")


def read_axes(texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The values of each knob from text such as "8, 16", each once.

    Raises:
        InvalidInput: `fields` names the knobs that cannot have several values, or have none.
    """
    axes = {place: list(dict.fromkeys(filter(None, map(str.strip, text.split(","))))) for place, text in texts.items()}
    faults: dict[str, StudioError] = {}
    for place, values in axes.items():
        if not can_vary(place):
            faults[place] = StudioError("This setting cannot have several values.", "Remove it from the sweep.")
        elif not values:
            faults[place] = StudioError("Enter at least one value.", "Separate values with commas, such as 8, 16.")
    if faults:
        raise _refusal(faults)
    return axes


def combine(values: Values, axes: Mapping[str, Sequence[str]]) -> list[Combination]:
    """Every combination of the axes' values, the last axis the quickest, over what `values` says otherwise.

    Raises:
        InvalidInput: there are more than MAX_RUNS, or `fields` names the knobs with a value that cannot be used.
    """
    count = prod(len(each) for each in axes.values())
    if count > MAX_RUNS:
        raise InvalidInput(
            "That makes {count} runs.", "Use fewer values: at most {most} runs.", count=count, most=MAX_RUNS
        )
    faults: dict[str, StudioError] = {}
    combinations = []
    for point in product(*axes.values()):
        settings = dict(zip(axes, point, strict=True))
        try:
            spec = read_spec(_with(values, settings))
            combinations.append(Combination(_suffix(settings), spec))
            faults |= _missing(spec, settings)
        except InvalidInput as refused:
            for place, fault in refused.fields.items():
                if place in settings:
                    fault = StudioError("“{value}”: {fault}", value=settings[place], fault=str(fault))
                faults.setdefault(place, fault)
    if faults:
        raise _refusal(faults)
    return combinations


def _missing(spec: RunSpec, places: Iterable[str]) -> dict[str, StudioError]:
    """What is wrong with places that are settings of another method or objective than the run's: all the runs along
    such values would be the same."""
    sections = spec.model_dump()
    return {
        place: StudioError(
            "A run with the {choice} {chosen} does not have this setting.",
            "Remove it from the sweep, or choose {section}.",
            choice=CHOSEN_BY[section], chosen=sections[CHOSEN_BY[section]]["kind"], section=section,
        )
        for place in places
        if (section := place.partition(".")[0]) in CHOSEN_BY and section not in sections
    }  # fmt: skip


def _with(values: Values, settings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    sections = {section: dict(fields) for section, fields in values.items()}
    for place, value in settings.items():
        section, _, field = place.partition(".")
        sections.setdefault(section, {})[field] = value
    return sections


def _suffix(settings: Mapping[str, str]) -> str:
    parts = []
    for place, value in settings.items():
        field = place.partition(".")[2]
        parts.append(slug(f"{'' if field in ('name', 'kind') else _SHORT.get(field, field.replace('_', '-'))}{value}"))
    return "-".join(parts)


def _refusal(faults: Mapping[str, StudioError]) -> InvalidInput:
    first = next(iter(faults))
    return InvalidInput("{place}: {first}", fields=dict(faults), place=first, first=str(faults[first]))
