"""The runs page: the queue, all runs, one run as it goes, and several side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from studio.domain.run import RunStatus
from studio.domain.spec.data import part_figure
from studio.domain.spec.run_spec import objective_of
from studio.domain.translation import N_
from studio.services.runs.control import RunControl
from studio.services.runs.service import seconds_left
from studio.services.runs.settings_diff import compare_settings
from studio.ui.language import language_of, translate
from studio.ui.page import Page
from studio.ui.presenters.run import history_of, listed_run, settings_of, shown_run
from studio.ui.view import view

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.store.tables.runs import Run

PAGE = Page("runs", N_("Runs"), order=3, icon="M3 12h4l3-8 4 16 3-8h4")
LEAD = N_("All runs: training, waiting and ended. Closing this page does not affect them.")

ON_A_PAGE = 50
PICTURED = 30  # newest runs with a picture of their loss
MAX_BYTES_BEHIND = 300_000  # bytes of events, some two thousand steps: who missed more is given the whole curve anew

Wish = Literal["stop", "end_now", "discard", "resume", "hold", "release", "run_next", "start_anyway"]
_WISHES: dict[Wish, Callable[[RunControl, int], object]] = {
    "stop": RunControl.stop,
    "end_now": RunControl.end_now,
    "discard": RunControl.discard,
    "resume": RunControl.resume,
    "hold": RunControl.hold,
    "release": RunControl.release,
    "run_next": RunControl.run_next,
    "start_anyway": RunControl.start_anyway,
}
Shown = Literal["", "open", "over", "faulty"]

_STATUSES: dict[str, list[RunStatus]] = {
    "open": [s for s in RunStatus if not s.is_over],
    "over": [s for s in RunStatus if s.is_over],
    "faulty": [RunStatus.FAILED, RunStatus.INTERRUPTED],
}


def build(studio: Studio) -> None:
    handlers = (listing, progress, checkpoints, log, ask, move, pin, continue_with, promote, compare)
    view("runs", *(partial(handler, studio) for handler in handlers), skeleton="table")


def listing(
    studio: Studio, page: int = 0, search: str = "", shown: Shown = "", request: gr.Request | None = None
) -> dict[str, Any]:
    """What trains, the queue in its order, one page of the table, and how many runs that has."""
    language = language_of(request)
    runs, total = studio.catalogue.runs_page(
        search=search, statuses=_STATUSES.get(shown, []), offset=page * ON_A_PAGE, limit=ON_A_PAGE
    )
    adapters = studio.catalogue.adapters_by_run([run.id for run in runs])
    rows = [
        listed_run(run, adapters.get(run.id), language)
        | {"losses": studio.runs.outline(run) if place < PICTURED else []}
        for place, run in enumerate(runs)
    ]
    return {
        "rows": rows,
        "total": total,
        "pages": -(-total // ON_A_PAGE),
        "training": [
            listed_run(run, None, language) | {"seconds_left": seconds_left(run, studio.runs.newest_steps(run.id))}
            for run in reversed(studio.catalogue.runs_with_worker())
        ],
        "queue": [listed_run(run, None, language) for run in studio.run_control.queue()],
        "devices": [{"name": d.name, "label": d.label} for d in studio.engine.devices()],
    }


def progress(
    studio: Studio, id: int, after: int = -1, attempt: int = -1, request: gr.Request | None = None
) -> dict[str, Any]:
    """The run and its history, and what was recorded of it since `after`.

    The first answer, and that of an `attempt` which the page does not know yet, has the whole curve in a thousand
    points, all sample answers and the settings; later ones only what is new.
    """
    language = language_of(request)
    run = studio.runs.get(id)
    newest = studio.runs.newest_seq(id)  # asked first: what is recorded meanwhile may come twice, never not
    begins = after < 0 or attempt != run.attempt or newest - after > MAX_BYTES_BEHIND
    metrics = studio.runs.curve(id)[0] if begins else studio.runs.metrics(id, after=after)
    samples = studio.runs.samples(id, after=-1 if begins else after)
    answer = {
        "run": shown_run(run, studio.catalogue.adapter_of_run(id), language)
        | {
            "seconds_left": seconds_left(run, studio.runs.newest_steps(id)),
            "last_beat": studio.runs.last_beat(run) if RunStatus(run.status).has_worker else None,
            "can_resume": studio.run_control.can_resume(run),
        },
        "begins": begins,
        "metrics": metrics,
        "seq": max(newest, after),
        "samples": [{"step": s.step, "place": s.place, "prompt": s.prompt, "text": s.text} for s in samples],
        "history": history_of(studio.runs, id, language),
    }
    if begins:
        answer["means"] = studio.runs.means(id)
        answer["settings"] = settings_of(run.spec)
        answer["figures"] = [
            {"name": name, "label": translate(figure.label, language), "help": translate(figure.help, language)}
            for name, figure in objective_of(run.spec).figures.items()
        ]
        answer["parts"] = _parts(run)
        answer["spec"] = run.spec["training"]
        answer["free_name"] = studio.runs.free_name(run.name)
    return answer


def _parts(run: Run) -> list[dict[str, str]]:
    """The datasets of a mixture: each with the figure that is the loss on it."""
    return [{"name": name, "figure": part_figure(name)} for name in run.dataset_names] if run.mixture else []


def checkpoints(studio: Studio, id: int) -> list[dict[str, Any]]:
    """Newest first."""
    return [asdict(checkpoint) for checkpoint in studio.checkpoints.list(id)]


def log(studio: Studio, id: int) -> dict[str, str]:
    return {"text": studio.runs.log_tail(id)}


def ask(studio: Studio, id: int, wish: Wish) -> None:
    """Raises InvalidInput: in its state the run cannot do that."""
    _WISHES[wish](studio.run_control, id)


def move(studio: Studio, id: int, before: int | None = None) -> None:
    """Raises InvalidInput: one of them does not wait any more."""
    studio.run_control.move(id, before)


def pin(studio: Studio, id: int, device: str = "") -> None:
    studio.run_control.pin(id, device)


def continue_with(
    studio: Studio, id: int, key: str, name: str, epochs: float | None = None, steps: int | None = None
) -> dict[str, int]:
    """Queues a run that goes on after this one, up to so many epochs or steps in all. The same `key` queues once."""
    return {"id": studio.run_control.continue_with(id, epochs=epochs, steps=steps, name=name, key=key)}


def promote(studio: Studio, id: int, step: int, name: str) -> dict[str, str]:
    """Keeps a checkpoint as an adapter."""
    return {"name": studio.checkpoints.promote(id, step, name).name}


def compare(
    studio: Studio, ids: list[int] | None = None, sweep: int | None = None, request: gr.Request | None = None
) -> dict[str, Any]:
    """Some runs side by side: their curves, and the settings in which they differ.

    Raises:
        NotFound: there is no such run or sweep.
    """
    language = language_of(request)
    title = ""
    if sweep is not None:
        title = studio.catalogue.sweep(sweep).name
        runs = studio.sweeps.runs(sweep)
    else:
        runs = [studio.runs.get(id) for id in dict.fromkeys(ids or [])]
    adapters = studio.catalogue.adapters_by_run([run.id for run in runs])
    comparison = compare_settings(runs)
    rows = []
    for run, settings in zip(runs, comparison.values_by_run, strict=True):
        newest = studio.runs.newest_steps(run.id)
        rows.append(
            listed_run(run, adapters.get(run.id), language)
            | {
                "settings": settings,
                "points": [{k: m[k] for k in ("kind", "step", "loss", "at")} for m in studio.runs.curve(run.id)[0]],
                "means": studio.runs.means(run.id),
                "tokens_per_second": newest[-1].tokens_per_second if newest else None,
                "memory": max((m.memory for m in newest if m.memory), default=None),
            }
        )
    same = [{"name": name, "value": value} for name, value in comparison.same.items()]
    return {"title": title, "rows": rows, "differing": comparison.names, "same": same}
