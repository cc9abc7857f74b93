"""Errors with a problem and a remedy, so that the reader knows where it is and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any, Self

from studio.domain.secrecy import mask_secrets, mask_words


class StudioError(Exception):
    """A problem with a remedy.

    `problem` and `remedy` are templates ("Row {row} has no “{field}”."); the values stay apart so that a page
    can translate the template first and fill it in afterwards.
    """

    def __init__(self, problem: str, remedy: str = "", **values: Any) -> None:
        self.template = problem
        self.remedy_template = remedy
        self.values = values
        super().__init__(str(self))

    @property
    def problem(self) -> str:
        return fill(self.template, self.values)

    @property
    def remedy(self) -> str:
        return fill(self.remedy_template, self.values)

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """What `as_dict` gave."""
        return cls(payload["problem"], payload["remedy"], **payload["values"])

    def as_dict(self) -> dict[str, Any]:
        """As JSON can keep it, its values apart from the words: a page translates the words first."""
        values = {name: _without_secrets(value) for name, value in self.values.items()}
        return {"problem": mask_secrets(self.template), "remedy": mask_secrets(self.remedy_template), "values": values}

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class InvalidInput(StudioError):
    """What was asked is wrong, and no work was begun.

    `fields` names each place that is at fault ("lora.r") and what is wrong with it.
    """

    def __init__(
        self, problem: str, remedy: str = "", *, fields: Mapping[str, StudioError] | None = None, **values: Any
    ) -> None:
        self.fields = dict(fields or {})
        super().__init__(problem, remedy, **values)

    @classmethod
    def at(cls, field: str, fault: StudioError) -> Self:
        """`fault` as what is wrong at this one field."""
        return cls(fault.template, fault.remedy_template, fields={field: fault}, **fault.values)


class NotFound(InvalidInput):
    """Something was named that the catalogue does not have."""


def file_fault(error: OSError) -> StudioError:
    """What the system says of a file, with its name and what to do."""
    return StudioError(
        "The file {file} cannot be used: {reason}.",
        "Restore an intact copy, fix its permissions or free some space, then try again.",
        file=error.filename, reason=error.strerror or str(error),
    )  # fmt: skip


def fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with its values; text without values may hold braces as they are.

    "{n} {n:row|rows}" is "1 row" where n is 1, else "2 rows"; a translation may do without the second place.
    """
    if not values:
        return mask_secrets(template)
    masked_values = {name: _without_secrets(value) for name, value in values.items()}
    return mask_secrets(
        _PLURALS.vformat(template, (), masked_values) if "|" in template else template.format(**masked_values)
    )


def _without_secrets(value: Any) -> Any:
    """No secret that came with somebody's words is passed on."""
    return value if isinstance(value, int | float) else mask_words(str(value))


class _Plurals(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if not bar:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else many


_PLURALS = _Plurals()


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it was raised from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
