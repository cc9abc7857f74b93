"""Base models and their checks, as the pages show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.domain.errors import StudioError
from studio.services.models.service import STARTER
from studio.services.models.status import fault_of
from studio.ui.language import problem_of, remedy_of

if TYPE_CHECKING:
    from studio.domain.jobs.models import ModelReport
    from studio.store.tables.models import Model

SHOWN_FIELDS = (
    "id", "name", "source", "status", "stage", "done", "total", "parameters", "license", "context", "size",
    "chat_template",
)  # fmt: skip


def shown_model(model: Model, language: str = "en") -> dict[str, Any]:
    """`reference` is what adds the model again, `report` what its check found, or null where it was never checked."""
    fault = fault_of(model) if model.status == "failed" else StudioError("")
    return {field: getattr(model, field) for field in SHOWN_FIELDS} | {
        "reference": STARTER if model.source == STARTER else model.reference,
        "problem": problem_of(fault, language),
        "remedy": remedy_of(fault, language),
        "report": shown_report(model.report, language)
        if model.status == "ready" and not model.report.is_empty
        else None,
    }


def shown_report(report: ModelReport, language: str) -> dict[str, Any]:
    """The report with its sentences in the reader's language."""
    return {
        **report.model_dump(include={"causal", "quantization", "packing", "head"}),
        "layers": report.adapters.layers if report.adapters else [],
        "template": report.template.model_dump(exclude_unset=True) if report.template else {},
        "problems": [_fault_text(problem, language) for problem in report.problems],
        "notes": [_fault_text(note, language) for note in report.all_notes],
    }


def _fault_text(payload: dict[str, Any], language: str) -> dict[str, str]:
    fault = StudioError(payload.get("problem", ""), payload.get("remedy", ""), **(payload.get("values") or {}))
    return {"problem": problem_of(fault, language), "remedy": remedy_of(fault, language)}
