"""Why a dataset cannot be used, or not yet."""

from __future__ import annotations

import shlex

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.ingest import UnclearFile
from studio.store.tables.datasets import Dataset


def check_ready(dataset: Dataset) -> None:
    """Raises InvalidInput where the dataset's rows cannot be looked at yet, or at all."""
    if dataset.status == "reading":
        raise still_reading(dataset)
    if dataset.status != "ready":
        raise InvalidInput("“{name}” has no rows yet.", "See the Datasets page for what it needs.", name=dataset.name)


def fault_of(dataset: Dataset) -> StudioError | None:
    """Why it could not be read, or what is unclear in it; with its values apart, so that it can be translated."""
    if dataset.status == "failed":
        payload = dataset.details.fault
        return StudioError.from_dict(payload) if payload else StudioError(dataset.problem, dataset.remedy)
    if dataset.status == "unclear" and dataset.details.unclear:
        return StudioError.from_dict(dataset.details.unclear.as_fault())
    return None


def fault_with_choices(fault: StudioError, unclear: UnclearFile | None) -> InvalidInput:
    """The fault for who cannot be asked: with every choice there is, and what would be read by it."""
    if unclear is None or unclear.question is None:
        return InvalidInput(fault.template, fault.remedy_template, **fault.values)
    flag = unclear.question.option
    shown = [
        "\n      ".join([f"  --{flag} {shlex.quote(each.value)}", *each.preview]) for each in unclear.question.choices
    ]
    return InvalidInput(fault.problem, "\n".join([fault.remedy, *shown]))


def still_reading(dataset: Dataset) -> InvalidInput:
    return InvalidInput("“{name}” is still being read.", "Wait until it is ready.", name=dataset.name)
