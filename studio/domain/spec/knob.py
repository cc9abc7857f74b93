"""One hyperparameter: default, limits, label and help."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from studio.domain.errors import StudioError


def knob(
    default: Any,
    label: str,
    help: str,
    *,
    advanced: bool = False,
    choices: Mapping[str, str] | None = None,
    suggestions: tuple[str, ...] = (),
    **limits: Any,
) -> Any:
    """A field with the words a person sees. `choices` gives a label for each value of a Literal."""
    extra: dict[str, Any] = {"advanced": advanced}
    if choices:
        extra["choices"] = dict(choices)
    if suggestions:
        extra["suggestions"] = list(suggestions)
    return Field(default, title=label, description=help, json_schema_extra=extra, **limits)


class Refusal(ValueError):
    """What a validator of a knob raises to say in words that can be translated what is wrong."""

    def __init__(self, fault: StudioError) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Section(BaseModel):
    """A group of knobs. Its docstring is the heading that people see."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class Variant(Section):
    """One of several things that a run can have, with the knobs of it alone. `label` is what the choice of one shows,
    and `about` explains it in a sentence."""

    kind: ClassVar[str]
    label: ClassVar[str]
    about: ClassVar[str]


class Choice(Section):
    """Which variant a run has."""

    kind: str = ""


def kind_of(info: FieldInfo) -> str:
    """How a knob is entered: integer, number, boolean, choice, list, lines or text."""
    annotation = info.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return "list" if any(get_origin(a) is list for a in get_args(annotation)) else "text"
    if get_origin(annotation) is list:
        return "lines"
    if get_origin(annotation) is Literal:
        return "choice"
    return {int: "integer", float: "number", bool: "boolean"}.get(annotation, "text")  # type: ignore[arg-type]


def limits_of(info: FieldInfo) -> dict[str, float]:
    """The knob's limits by pydantic's names: ge, gt, le, lt."""
    return {
        name: getattr(limit, name)
        for limit in info.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(limit, name, None) is not None
    }
