"""Turns a worker's events into its run's metrics, samples, history and fields."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.domain.events import (
    Evaluated,
    Failed,
    Finished,
    Halved,
    Progress,
    Resumed,
    RunEvent,
    Sampled,
    Saved,
    Started,
    Step,
)
from studio.domain.translation import N_
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.tables.runs import Run

_NO_FIGURES = {"learning_rate": None, "grad_norm": None, "tokens_per_second": None, "memory": None}
NOTES = {
    "resumed": N_("Continues from step {step}."),
    "anew": N_("Starts over: there was no intact checkpoint."),
    "skipped": N_("Skipped a damaged checkpoint: {damage}"),
    "halved": N_("Memory ran out at step {step}: continuing with batches of {batch}, {accumulation} per step."),
}
LOSSES = ("train_loss", "eval_loss", "best_eval_loss", "best_step")  # of a run, as its curve has them
_FIGURES = ("step", "at", "loss", *_NO_FIGURES)


@dataclass
class Summary:
    """`forget_after`: figures of later steps that were recorded before are no longer true, for the run went back.
    `notes` are lines for its history: time, sentence, and the values of its placeholders."""

    metrics: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    notes: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    forget_after: int | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def summarise(events: Sequence[RunEvent], seq: int) -> Summary:
    """These events in their order; `seq` is what their figures are recorded under."""
    summary = Summary()
    fields = summary.fields
    for event in events:
        match event:
            case Progress():
                fields.update(stage=event.stage, stage_done=event.done, stage_total=event.total)
            case Started():
                fields.update(started=event, total_steps=event.total_steps, stage="")
            case Resumed():
                _go_back(summary, event)
            case Halved():
                fields.update(halvings=event.halvings)
                values = {"step": event.step + 1, "batch": event.batch, "accumulation": event.accumulation}
                summary.notes.append((event.at, NOTES["halved"], values))
            case Step():
                fields.update(step=event.step, stage="")
                fields.update(train_loss=event.loss if event.recent_loss is None else event.recent_loss)
                values = {k: getattr(event, k) for k in _FIGURES}
                summary.metrics.append({"kind": "step", "seq": seq, **values, "figures": _numbers(event.figures)})
            case Evaluated():
                fields.update(eval_loss=event.loss, stage="")
                if event.best:
                    fields.update(best_eval_loss=event.loss, best_step=event.step)
                values = {k: getattr(event, k) for k in ("step", "at", "loss")} | _NO_FIGURES
                summary.metrics.append({"kind": "eval", "seq": seq, **values, "figures": _numbers(event.figures)})
            case Sampled():
                answer = {k: getattr(event, k) for k in ("step", "place", "prompt", "text")}
                summary.samples.append({"seq": seq, **answer})
            case Saved():
                fields.update(checkpoint_step=event.step, stage="")
            case Finished():
                fields.update(stage="")
                if event.path:  # from now on the run's figures are those of the weights that it leaves
                    fields.update({k: getattr(event, k) for k in ("train_loss", "eval_loss", "best_eval_loss")})
            case Failed():
                pass  # the end of the run says it
    return summary


def _numbers(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Not every database has JSON that is no JSON, such as NaN."""
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _go_back(summary: Summary, event: Resumed) -> None:
    step = event.step
    summary.metrics = [m for m in summary.metrics if m["step"] <= step]
    summary.samples = [s for s in summary.samples if s["step"] <= step]
    summary.forget_after = step if summary.forget_after is None else min(step, summary.forget_after)
    for name in LOSSES:
        summary.fields.pop(name, None)
    summary.fields.update(step=step)
    summary.notes.append((event.at, NOTES["resumed" if step else "anew"], {"step": step}))
    summary.notes += [(event.at, NOTES["skipped"], {"damage": damage}) for damage in event.skipped]


def record_events(catalogue: Catalogue, run: Run) -> RunEvent | None:
    """Lets the catalogue keep all that is new in the run's folder; returns the newest word."""
    last: RunEvent | None = None
    offset, folder = run.offset, JobFolder(run.folder)
    while True:
        events, end = folder.read(offset)
        if end == offset:
            return last
        summary = summarise(events, seq=end)
        catalogue.record_progress(
            run.id,
            summary.metrics,
            samples=summary.samples,
            notes=summary.notes,
            forget_after=summary.forget_after,
            offset=end,
            **summary.fields,
        )
        offset, last = end, events[-1] if events else last
