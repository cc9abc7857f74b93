"""The home page: what is done, what runs, and what to do next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from studio.domain.translation import N_
from studio.services.runs.service import seconds_left, stage_of
from studio.ui.language import language_of
from studio.ui.page import Page
from studio.ui.presenters.colours import colour_of
from studio.ui.presenters.model import shown_model
from studio.ui.view import view

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.store.tables.adapters import Adapter
    from studio.store.tables.runs import Run

PAGE = Page("home", N_("Home"), order=0, icon="M3 10.5 12 3l9 7.5V20a1 1 0 0 1-1 1h-5v-6H9v6H4a1 1 0 0 1-1-1z")
TITLE = "Adapter Studio"
LEAD = N_("Teach a small open model your own style in four steps. Everything stays on this machine until you push it.")

MAX_ADAPTERS = 4  # adapters that are listed
NEXT = 3  # runs of the queue that are shown


def build(studio: Studio) -> None:
    view(
        "home",
        partial(overview, studio),
        partial(add_sample, studio),
        partial(add_model, studio),
        partial(repair, studio),
        skeleton="cards",
    )


def overview(studio: Studio, request: gr.Request | None = None) -> dict[str, Any]:
    datasets, adapters, queue = studio.datasets.list(), studio.adapters.list(), studio.run_control.queue()
    waiting = [run for run in queue if not run.held]
    runs = [*reversed(studio.catalogue.runs_with_worker()), *waiting[:NEXT]]
    return {
        "datasets": len(datasets),
        "dataset": next((d.name for d in datasets if d.status == "ready" and not d.bad_rows), ""),
        "runs": [_shown_run(studio, run) for run in runs],
        "waiting": len(waiting),
        "on_hold": len(queue) - len(waiting),
        "adapters": len(adapters),
        "newest": [_shown_adapter(adapter) for adapter in adapters[:MAX_ADAPTERS]],
        "pushed": sum(bool(adapter.hub_url) for adapter in adapters),
        "unknown": sum(studio.doctor.unknown().values()),
        "models": [shown_model(model, language_of(request)) for model in studio.models.list()],
    }


def add_sample(studio: Studio) -> dict[str, str]:
    return {"name": studio.datasets.add_sample().name}


def add_model(studio: Studio, reference: str) -> None:
    """Adds the model again after a failure."""
    studio.models.add(reference)


def repair(studio: Studio) -> dict[str, int]:
    """Takes what the catalogue does not know into it again."""
    findings = [finding for finding in studio.doctor.repair() if finding.fault == "unknown"]
    return {
        "rebuilt": sum(finding.rebuilt for finding in findings),
        "left": sum(not finding.rebuilt for finding in findings),
    }


def _shown_run(studio: Studio, run: Run) -> dict[str, Any]:
    remaining = seconds_left(run, studio.runs.newest_steps(run.id))
    names = (
        "id", "name", "status", "held", "model_name", "dataset_name", "dataset_version", "mixture", "step",
        "total_steps", "train_loss",
    )  # fmt: skip
    return {field: getattr(run, field) for field in names} | {"stage": stage_of(run), "seconds_left": remaining}


def _shown_adapter(adapter: Adapter) -> dict[str, Any]:
    names = (
        "id", "name", "base_name", "dataset_name", "dataset_version", "mixture", "eval_loss", "size", "created_at",
        "hub_url",
    )  # fmt: skip
    return {field: getattr(adapter, field) for field in names} | {"colour": colour_of(adapter)}
