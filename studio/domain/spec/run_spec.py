"""The training spec: the one declaration of every hyperparameter.

The form, the checks, the CLI flags, the JSON in the catalogue and the keywords that peft and trl receive are all
made from the fields below. Field names of a method are those of its peft config and those of `training` are
`trl.SFTConfig`'s, so the worker passes them on as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import new_class
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializationInfo, ValidationError, model_serializer, model_validator
from pydantic_core import PydanticUndefined

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.spec.data import DataSpec
from studio.domain.spec.knob import Choice, Refusal, Section, Variant, kind_of, limits_of
from studio.domain.spec.model import ModelSpec
from studio.domain.spec.objectives import OBJECTIVES, ObjectiveChoice, ObjectiveSpec, SftSpec
from studio.domain.spec.peft_methods.base import MethodSpec
from studio.domain.spec.peft_methods.lora import LoraSpec
from studio.domain.spec.peft_methods.registry import METHODS, MethodChoice
from studio.domain.spec.training import TrainingSpec
from studio.domain.spec.watch import WatchSpec


class RunSpec(BaseModel):
    """Everything that decides what a run does. Serialised, it is the spec part of `run.json`: sections of settings,
    {"method": {"kind": "lora"}, "lora": {"r": 16, …}, …}, where those of the method are in the section of its name, and
    so are those of the objective, if it has any. Older studios knew one of each, and named none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    model: ModelSpec = ModelSpec()
    data: DataSpec
    method: MethodSpec = LoraSpec()
    objective: ObjectiveSpec = SftSpec()
    training: TrainingSpec = TrainingSpec()
    watch: WatchSpec = WatchSpec()

    @model_validator(mode="before")
    @classmethod
    def _from_sections(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        sections = dict(value)
        for name, (choice, variants) in VARIANTS.items():
            if not isinstance(sections.get(name), Variant):
                kind = choice.model_validate(sections.get(name, {})).kind
                sections[name] = variants[kind].model_validate(sections.pop(kind, {}))
        return sections

    @model_serializer
    def _to_sections(self, info: SerializationInfo) -> dict[str, dict[str, Any]]:
        sections: dict[str, dict[str, Any]] = {}
        for name in type(self).model_fields:
            section: Section = getattr(self, name)
            settings = section.model_dump(mode=info.mode)
            if isinstance(section, Variant):
                sections[name] = {"kind": section.kind}
                if settings:
                    sections[section.kind] = settings
            else:
                sections[name] = settings
        return sections


VARIANTS: dict[str, tuple[type[Choice], Mapping[str, type[Variant]]]] = {
    "method": (MethodChoice, METHODS),
    "objective": (ObjectiveChoice, OBJECTIVES),
}
"""What a run has one of several of, each with settings of its own."""

SECTIONS: dict[str, type[Section]] = {
    "model": ModelSpec,
    "data": DataSpec,
    "objective": ObjectiveChoice,
    "method": MethodChoice,
    **{kind: objective for kind, objective in OBJECTIVES.items() if objective.model_fields},
    **METHODS,
    "training": TrainingSpec,
    "watch": WatchSpec,
}

CHOSEN_BY = {kind: name for name, (_, variants) in VARIANTS.items() for kind in variants}
"""By section that only some runs have, the one whose `kind` chooses it: {"lora": "method", …}."""

Values = Mapping[str, Mapping[str, Any]]


def defaults() -> dict[str, dict[str, Any]]:
    """Every knob at its default, by section."""
    return {name: {f: i.default for f, i in s.model_fields.items()} for name, s in SECTIONS.items()}


def form_values(sections: Values) -> dict[str, dict[str, Any]]:
    """A stored spec over the defaults, without settings that this studio does not have."""
    return {
        name: usual | {k: v for k, v in sections.get(name, {}).items() if k in usual}
        for name, usual in defaults().items()
    }


def method_of(sections: Values) -> MethodSpec:
    """The method of a stored spec, to be shown. One that this studio does not know has its name, and no settings."""
    method: MethodSpec = _stored_variant("method", MethodSpec, sections)
    return method


def objective_of(sections: Values) -> ObjectiveSpec:
    """The objective of a stored spec, to be shown. One that this studio does not know has its name, and no settings."""
    objective: ObjectiveSpec = _stored_variant("objective", ObjectiveSpec, sections)
    return objective


def _stored_variant(name: str, base: type[Variant], sections: Values) -> Any:
    choice, variants = VARIANTS[name]
    kind = sections.get(name, {}).get("kind", choice().kind)
    if kind in variants:
        return variants[kind].model_construct(**sections.get(kind, {}))  # whoever stored it has checked it
    words = {"__module__": __name__, "kind": kind, "label": kind, "about": ""}
    return new_class("Unknown", (base,), exec_body=lambda body: body.update(words))()


def read_stored(sections: Values) -> RunSpec:
    """The spec that a run is to be made of again.

    Raises:
        InvalidInput: it has something that this studio does not know; `fields` says what.
    """
    try:
        return read_spec(sections)
    except InvalidInput as fault:
        raise InvalidInput(
            "The settings were written by another version of the studio: {reason}",
            "Use that version, or train again with the settings that there are now.",
            fields=fault.fields,
            reason=str(fault),
        ) from fault


def whole_sections(sections: Values) -> dict[str, Mapping[str, Any]]:
    """A stored spec, with the choices that older studios did not write."""
    return {name: choice().model_dump() for name, (choice, _) in VARIANTS.items()} | dict(sections)


def read_spec(values: Values) -> RunSpec:
    """The spec from raw values by section and knob; text such as "2e-4" is read as the knob's type. Sections of a
    method or an objective that is not chosen are passed over.

    Raises:
        InvalidInput: with one entry in `fields` ("lora.r") for each value at fault.
    """
    faults: dict[str, StudioError] = {}
    sections: dict[str, Section] = {}
    kinds: dict[str, str] = {}  # by choice
    for name in values:
        if name not in SECTIONS:
            faults[name] = StudioError(
                "There is no section “{name}”.", "The sections are {known}.", name=name, known=", ".join(SECTIONS)
            )
    for name, section in SECTIONS.items():
        if name in CHOSEN_BY and kinds.get(CHOSEN_BY[name]) != name:
            continue
        fields = {k: v.strip() if isinstance(v, str) else v for k, v in values.get(name, {}).items()}
        try:
            sections[name] = read = section.model_validate(fields)
            if isinstance(read, Choice):
                kinds[name] = read.kind
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
    for name, kind in kinds.items():
        sections[name] = sections.pop(kind) if kind in sections else VARIANTS[name][1][kind]()
    return RunSpec.model_construct(**sections)  # type: ignore[arg-type]


def _faults(section: type[Section], error: ValidationError) -> Iterator[tuple[str, StudioError]]:
    fields = set()
    for item in error.errors(include_url=False):
        field = str(item["loc"][0]) if item["loc"] else ""
        if field not in fields:
            fields.add(field)
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
            error = context["error"]
            return error.fault if isinstance(error, Refusal) else StudioError(str(error))
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
    """Every section and knob as plain data, for the form, the command line and the documentation. Where `chosen_by`
    names a section, a run has this one only if the `kind` there is its name."""
    sections = []
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
        sections.append(
            {
                "name": name,
                "title": section.__doc__,
                "help": section.about if issubclass(section, Variant) else "",
                "chosen_by": CHOSEN_BY.get(name),
                "fields": fields,
            }
        )
    return sections
