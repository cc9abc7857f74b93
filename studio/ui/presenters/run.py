"""Runs, as the pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.events import Started
from studio.domain.spec.objectives import ObjectiveSpec
from studio.domain.spec.run_spec import defaults, objective_of
from studio.services.runs.device_placement import NO_DEVICE
from studio.services.runs.progress import NOTES
from studio.services.runs.service import Runs, stage_of
from studio.store.tables.adapters import Adapter
from studio.store.tables.base import as_json
from studio.store.tables.runs import Run
from studio.ui.language import problem_of, remedy_of, sentence_of, translate

_IN_LISTS = (
    "id", "name", "status", "model_name", "dataset_name", "dataset_version", "mixture", "sweep_id", "held", "device",
    "placed_on", "ignore_memory", "step", "total_steps", "stage_done", "stage_total", "train_loss", "eval_loss",
    "best_eval_loss", "created_at", "started_at", "ended_at",
)  # fmt: skip
_MARKED = {NOTES["resumed"]: "resumed", NOTES["anew"]: "resumed", NOTES["halved"]: "halved"}
_IN_DETAIL = (
    *_IN_LISTS, "attempt", "resumes", "halvings", "parent_id", "best_step", "checkpoint_step", "ending", "stop_asked",
)  # fmt: skip


def listed_run(run: Run, adapter: Adapter | None, language: str) -> dict[str, Any]:
    fields = {field: getattr(run, field) for field in _IN_LISTS}
    return fields | {"stage": stage_of(run), "adapter": _adapter(adapter)} | _why_it_waits(run, language)


def shown_run(run: Run, adapter: Adapter | None, language: str) -> dict[str, Any]:
    problem, remedy = _fault(run, language)
    return {field: getattr(run, field) for field in _IN_DETAIL} | {
        "stage": stage_of(run),
        "adapter": _adapter(adapter),
        "problem": problem,
        "remedy": remedy,
        "started": as_json(run.started),
        "trained_part": trained_part(objective_of(run.spec), _formats(run.started) if run.started else [], language),
        **_why_it_waits(run, language),
    }


def trained_part(objective: ObjectiveSpec, formats: Sequence[tuple[str, str]], language: str) -> str:
    """What of the rows is trained on, in a sentence; of several datasets, (name, format) each, one for each of which it
    is not all."""
    sentences = [(name, objective.trained_part(format)) for name, format in formats]
    told = [(name, translate(sentence, language)) for name, sentence in sentences if sentence]
    return " ".join(f"{name}: {words}" if len(formats) > 1 else words for name, words in told)


def _formats(told: Started) -> list[tuple[str, str]]:
    return [(each.name, each.format) for each in told.datasets] or [("", told.format)]


def history_of(runs: Runs, id: int, language: str) -> list[dict[str, Any]]:
    """In the order it happened; the words are in the reader's language. `mark` says what a curve shows at `step`."""
    return [
        {
            "id": line.id,
            "at": line.at,
            "status": line.status,
            "reason": translate(line.reason, language, **line.values) if line.reason else "",
            "mark": _MARKED.get(line.reason, ""),
            "step": line.values.get("step"),
        }
        for line in runs.history(id)
    ]


def settings_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Every knob with its value, those that differ from the default first."""
    usual = defaults()
    rows = [
        {"name": f"{section}.{field}", "value": value, "changed": value != usual.get(section, {}).get(field)}
        for section, fields in spec.items()
        for field, value in fields.items()
        if field != "name"
    ]
    return sorted(rows, key=lambda row: not row["changed"])


def _adapter(adapter: Adapter | None) -> dict[str, Any] | None:
    return {"id": adapter.id, "name": adapter.name, "path": adapter.path} if adapter else None


def _why_it_waits(run: Run, language: str) -> dict[str, Any]:
    """Why it does not start although it would be its turn, empty where there is nothing to say; and whether a person
    may start it anyway, since it waits for memory alone."""
    if not run.waiting:
        return {"waiting": "", "may_start": False}
    may_start = run.waiting["problem"] != NO_DEVICE and not run.ignore_memory
    return {"waiting": sentence_of(StudioError.from_dict(run.waiting), language), "may_start": may_start}


def _fault(run: Run, language: str) -> tuple[str, str]:
    fault = StudioError.from_dict(run.fault) if run.fault else StudioError(run.problem, run.remedy)
    return problem_of(fault, language), remedy_of(fault, language)
