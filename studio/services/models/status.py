"""Whether a base model can be used, and why not."""

from __future__ import annotations

from pathlib import Path

from studio.domain.errors import InvalidInput, StudioError
from studio.store.catalogue import Catalogue
from studio.store.tables.models import Model


def check_ready(model: Model) -> None:
    """Raises InvalidInput where the model cannot be used, or not yet."""
    match model.status:
        case "ready":
            if not model.path or not Path(model.path).is_dir():
                raise folder_gone(model, Path(model.path))
        case "failed":
            fault = fault_of(model)
            raise InvalidInput(
                fault.template,
                "Try again, or remove the model: both under Base models on the Settings page.",
                **fault.values,
            )
        case "removed":
            raise InvalidInput(
                "The base model “{name}” was removed.", "Add it again: {reference}.",
                name=model.name, reference=model.reference,
            )  # fmt: skip
        case _:
            raise InvalidInput("The base model “{name}” is not ready yet.", "Wait until it is ready.", name=model.name)


def fault_of(model: Model) -> StudioError:
    """Why it could not be fetched, in the worker's own words; with its values apart, so that it can be translated."""
    payload = next(iter(model.report.problems), None)
    if payload and StudioError.from_dict(payload).problem == model.problem:
        return StudioError.from_dict(payload)
    return StudioError(model.problem, model.remedy)


def folder_gone(model: Model, path: Path) -> InvalidInput:
    return InvalidInput(
        "The folder of the base model “{name}” is missing: {path}.",
        "Restore it, or remove the model and add it again.", name=model.name, path=path,
    )  # fmt: skip


def ready_model(catalogue: Catalogue, name: str) -> Model:
    """Raises NotFound, or InvalidInput where it is not ready."""
    model = catalogue.model(name)
    check_ready(model)
    return model
