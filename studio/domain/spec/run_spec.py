"""The training spec: the one declaration of every hyperparameter.

The form, the checks, the CLI flags, the JSON in the catalogue and the keywords that peft and trl receive are all
made from the fields below. Field names of `lora` are `peft.LoraConfig`'s and those of `training` are
`trl.SFTConfig`'s, so the worker passes them on as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticUndefined

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.spec.data import DataSpec
from studio.domain.spec.knob import Section, kind_of, limits_of
from studio.domain.spec.lora import LoraSpec
from studio.domain.spec.model import ModelSpec
from studio.domain.spec.training import TrainingSpec
from studio.domain.spec.watch import WatchSpec


class RunSpec(BaseModel):
    """Everything that decides what a run does. Serialised, it is the spec part of `run.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    model: ModelSpec = ModelSpec()
    data: DataSpec
    lora: LoraSpec = LoraSpec()
    training: TrainingSpec = TrainingSpec()
    watch: WatchSpec = WatchSpec()


SECTIONS: dict[str, type[Section]] = {
    "model": ModelSpec,
    "data": DataSpec,
    "lora": LoraSpec,
    "training": TrainingSpec,
    "watch": WatchSpec,
}

Values = Mapping[str, Mapping[str, Any]]


def defaults() -> dict[str, dict[str, Any]]:
    """Every knob at its default, by section."""
    return {name: {f: i.default for f, i in s.model_fields.items()} for name, s in SECTIONS.items()}


def read_spec(values: Values) -> RunSpec:
    """The spec from raw values by section and knob; text such as "2e-4" is read as the knob's type.

    Raises:
        InvalidInput: with one entry in `fields` ("lora.r") for each value at fault.
    """
    faults: dict[str, StudioError] = {}
    sections: dict[str, Section] = {}
    for name in values:
        if name not in SECTIONS:
            faults[name] = StudioError(
                "There is no section “{name}”.", "The sections are {known}.", name=name, known=", ".join(SECTIONS)
            )
    for name, section in SECTIONS.items():
        given = {k: v.strip() if isinstance(v, str) else v for k, v in values.get(name, {}).items()}
        try:
            sections[name] = section.model_validate(given)
        except ValidationError as error:
            faults.update({f"{name}.{field}": fault for field, fault in _faults(section, error)})
    if faults:
        first = next(iter(faults))
        raise InvalidInput(
            "{count} of the settings cannot be used. {place}: {first}" if len(faults) > 1 else "{place}: {first}",
            fields=faults,
            count=len(faults),
            place=first,
            first=str(faults[first]),
        )
    return RunSpec.model_construct(**sections)  # type: ignore[arg-type]


def _faults(section: type[Section], error: ValidationError) -> Iterator[tuple[str, StudioError]]:
    seen = set()
    for item in error.errors(include_url=False):
        field = str(item["loc"][0]) if item["loc"] else ""
        if field not in seen:
            seen.add(field)
            yield field, _fault(section, field, item)


def _fault(section: type[Section], field: str, item: Mapping[str, Any]) -> StudioError:
    context, kind = item.get("ctx", {}), item["type"]
    match kind:
        case "extra_forbidden":
            return StudioError(
                "There is no such setting.", "Available: {known}.", known=", ".join(section.model_fields)
            )
        case "missing" | "string_too_short":
            return StudioError("Choose one.")
        case "value_error":
            return StudioError(str(context["error"]))
        case "greater_than_equal":
            return StudioError("Must be {limit} or more.", limit=context["ge"])
        case "greater_than":
            return StudioError("Must be more than {limit}.", limit=context["gt"])
        case "less_than_equal":
            return StudioError("Must be {limit} or less.", limit=context["le"])
        case "less_than":
            return StudioError("Must be less than {limit}.", limit=context["lt"])
        case "finite_number":
            return StudioError("Must be a finite number.")
        case _ if kind.startswith("int"):
            return StudioError("Enter a whole number, such as {example}.", example=section.model_fields[field].default)
        case _ if kind.startswith("float"):
            return StudioError("Enter a number, such as {example}.", example=section.model_fields[field].default)
        case _ if kind.startswith("bool"):
            return StudioError("Must be true or false.")
        case "literal_error":
            return StudioError("Choose one of {choices}.", choices=context["expected"])
        case _:
            return StudioError("This cannot be used: {reason}.", reason=item["msg"])


def describe() -> list[dict[str, Any]]:
    """Every section and knob as plain data, for the form, the command line and the documentation."""
    described = []
    for name, section in SECTIONS.items():
        fields = []
        for field, info in section.model_fields.items():
            extra: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
            choices = extra.get("choices", {})
            fields.append(
                {
                    "name": field,
                    "label": info.title,
                    "help": info.description,
                    "kind": kind_of(info),
                    "default": None if info.default is PydanticUndefined else info.default,
                    "advanced": extra["advanced"],
                    "choices": [{"value": v, "label": label} for v, label in choices.items()],
                    "suggestions": extra.get("suggestions", []),
                    "limits": limits_of(info),
                }
            )
        described.append({"name": name, "title": section.__doc__, "fields": fields})
    return described
