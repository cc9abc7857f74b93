"""The runs page: all runs, and one run as it goes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from studio.domain.spec import defaults
from studio.services.runs import seconds_left
from studio.ui.view import view

if TYPE_CHECKING:
    from studio.app import Studio
    from studio.store.tables import Adapter, Run

LEAD = "Everything that trains, waits or has ended. Closing this page changes nothing for them."

PICTURED = 30  # newest runs with a picture of their loss
SHOWN = (
    "id", "name", "status", "model_name", "dataset_name", "dataset_version", "step", "total_steps", "stage",
    "stage_done", "stage_total",
    "train_loss", "eval_loss", "best_eval_loss", "problem", "remedy", "created_at", "started_at", "ended_at",
)  # fmt: skip


def build(studio: Studio) -> None:
    view(
        "runs",
        partial(listing, studio),
        partial(progress, studio),
        partial(log, studio),
        partial(stop, studio),
        skeleton="table",
    )


def listing(studio: Studio) -> dict[str, Any]:
    runs = studio.runs.list()
    made = studio.catalogue.adapters_by_run([run.id for run in runs])
    rows = [
        _shown(run, made.get(run.id)) | {"losses": studio.runs.outline(run) if place < PICTURED else []}
        for place, run in enumerate(runs)
    ]
    return {"rows": rows}


def progress(studio: Studio, id: int, after: int = -1) -> dict[str, Any]:
    """The run, and its figures with a larger `seq` than `after`. The spec comes with the first answer alone."""
    run = studio.runs.get(id)
    metrics = studio.runs.metrics(id, after=after)
    shown = _shown(run, studio.catalogue.adapter_of_run(id)) | {
        "seconds_left": seconds_left(run, studio.runs.newest_steps(id)) if run.status == "running" else None,
        "started": run.started,
    }
    if after < 0:
        shown["settings"] = settings_of(run.spec)
    return {"run": shown, "metrics": metrics}


def log(studio: Studio, id: int) -> dict[str, str]:
    return {"text": studio.runs.log_tail(id)}


def stop(studio: Studio, id: int) -> None:
    studio.run_control.stop(id)


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


def _shown(run: Run, adapter: Adapter | None) -> dict[str, Any]:
    return {field: getattr(run, field) for field in SHOWN} | {
        "adapter": {"id": adapter.id, "name": adapter.name, "path": adapter.path} if adapter else None
    }
