"""The verbs of training runs: the queue, their ends, and that they go on."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from studio.app import Studio
from studio.cli.output import ProgressLine, details, say, show, table
from studio.cli.session import opened, records, wait
from studio.domain.errors import InvalidInput, StudioError, fill
from studio.domain.run import RunStatus
from studio.domain.spec.spec import RunSpec
from studio.services.runs.service import stage_of, state_word
from studio.services.runs.settings_diff import compare_settings
from studio.store.tables.runs import Run

_COLUMNS = ["id", "name", "status", "model_name", "dataset_name", "step", "total_steps", "train_loss", "eval_loss"]


def listing(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        found = studio.runs.list()
        rows = records(found)
    told = [row | {"status": state_word(run)} for row, run in zip(rows, found, strict=True)]
    show(arguments, rows, table(told, _COLUMNS, "No run yet."))


def queue(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        rows = [run.as_dict() | {"why": why_it_waits(run)} for run in studio.run_control.queue()]
    show(arguments, rows, table(rows, ["id", "name", "held", "device", "why"], "Nothing waits."))


def why_it_waits(run: Run) -> str:
    """In words; empty where it is simply its turn later."""
    if run.held:
        return "On hold."
    return str(StudioError.from_dict(run.waiting)) if run.waiting else ""


def look(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        run = studio.runs.get(arguments.id)
        metrics = studio.runs.metrics(run.id)
        history = [
            {"at": line.at, "status": line.status, "reason": fill(line.reason, line.values)}
            for line in studio.runs.history(run.id)
        ]
        samples = records(studio.runs.samples(run.id))
        kept = [asdict(checkpoint) for checkpoint in studio.checkpoints.list(run.id)]
    record = run.as_dict()
    whole = record | {"history": history, "checkpoints": kept, "samples": samples, "metrics": metrics}
    show(arguments, whole, _text(record | {"status": state_word(run)}, history, kept, metrics))


def _text(
    record: dict[str, Any], history: Sequence[Any], kept: Sequence[Any], metrics: Sequence[dict[str, Any]]
) -> str:
    parts = [
        details(record),
        "What became of it:\n" + table(history, ["at", "status", "reason"], "Nothing yet."),
        "Checkpoints:\n" + table(kept, ["step", "eval_loss", "best", "size", "adapter"], "None yet."),
        "The newest figures:\n"
        + table(metrics[-10:], ["kind", "step", "loss", "learning_rate", "tokens_per_second"], "No step yet."),
    ]
    return "\n\n".join(parts)


def logs(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        text = studio.runs.log_tail(arguments.id)
    show(arguments, {"log": text}, text.rstrip("\n"))


def watch(arguments: argparse.Namespace) -> int:
    """Stays until the run is over."""
    with opened(arguments) as studio:
        run = follow(studio, arguments.id)
        result = outcome(studio, run)
    show(arguments, result)
    return end(run)


def follow(studio: Studio, id: int) -> Run:
    """The run once it is over; its progress is printed meanwhile, and Ctrl-C leaves it running."""
    line = ProgressLine()

    def over() -> Run | None:
        run = studio.runs.get(id)
        loss = f"training loss {run.train_loss:.3f}" if run.train_loss is not None else why_it_waits(run)
        done, total = (run.stage_done, run.stage_total) if run.stage else (run.step, run.total_steps)
        line.update(f"Run {id} {stage_of(run) or state_word(run)}", done, total, loss)
        return run if RunStatus(run.status).is_over else None

    try:
        return wait(studio, over)
    except KeyboardInterrupt:
        say(f"\nRun {id} goes on in the background. studio runs stop {id} ends it.")
        raise
    finally:
        line.close()


def outcome(studio: Studio, run: Run) -> dict[str, Any]:
    """How it ended, where its adapter is, and what of its rows was trained and measured on."""
    adapter = studio.catalogue.adapter_of_run(run.id)
    return {
        "run": run.id,
        "status": run.status,
        "adapter": adapter.name if adapter else None,
        "path": adapter.path if adapter else None,
        "train_loss": run.train_loss,
        "eval_loss": run.eval_loss,
        "train_rows": run.started.get("train_rows"),
        "eval_rows": run.started.get("eval_rows"),
        "dropped_rows": run.started.get("dropped_rows"),
    }


def end(run: Run) -> int:
    """The exit code; says why where the run has no adapter to show."""
    if run.status in (RunStatus.FINISHED, RunStatus.STOPPED):
        return 0
    say(f"{run.problem} {run.remedy}".strip() or f"Run {run.id} is {run.status}.")
    return 1


def ask(do: Callable[[Studio, int], None]) -> Callable[[argparse.Namespace], None]:
    """A verb that asks one thing of the run with the given id, and shows it afterwards."""

    def verb(arguments: argparse.Namespace) -> None:
        with opened(arguments) as studio:
            do(studio, arguments.id)
            run = studio.runs.get(arguments.id)
        show(arguments, run.as_dict(), f"Run {run.id} is {state_word(run)}.")

    return verb


stop = ask(lambda studio, id: studio.run_control.stop(id))
end_now = ask(lambda studio, id: studio.run_control.end_now(id))
discard = ask(lambda studio, id: studio.run_control.discard(id))
resume = ask(lambda studio, id: studio.run_control.resume(id))
hold = ask(lambda studio, id: studio.run_control.hold(id))
release = ask(lambda studio, id: studio.run_control.release(id))
start_anyway = ask(lambda studio, id: studio.run_control.start_anyway(id))


def reorder(arguments: argparse.Namespace) -> None:
    """The given runs first and in this order, or one of them before another."""
    with opened(arguments) as studio:
        if arguments.before is None:
            for id in reversed(arguments.id):
                studio.run_control.run_next(id)
        else:
            for id in arguments.id:
                studio.run_control.move(id, arguments.before)
    queue(arguments)


def pin(arguments: argparse.Namespace) -> None:
    device = "" if arguments.device == "any" else arguments.device
    ask(lambda studio, id: studio.run_control.pin(id, device))(arguments)


def continue_(arguments: argparse.Namespace) -> None:
    if arguments.epochs is None and arguments.steps is None:
        raise InvalidInput("How far should it go?", "Give --epochs or --steps: in all, not in addition.")
    with opened(arguments) as studio:
        id = studio.run_control.continue_with(
            arguments.id, epochs=arguments.epochs, steps=arguments.steps, name=arguments.name
        )
        run = studio.runs.get(id)
        for note in studio.runs.notes(RunSpec.model_validate(run.spec)):
            say(str(note))
    show(arguments, run.as_dict(), f"Run {id} is queued: it goes on where run {arguments.id} ended.")


def compare(arguments: argparse.Namespace) -> None:
    """Several runs, or those of a sweep: what differs in their settings, and how they ended."""
    with opened(arguments) as studio:
        runs = [studio.runs.get(id) for id in arguments.id] if arguments.id else studio.sweeps.runs(arguments.sweep)
    compared = compare_settings(runs)
    results = ["train_loss", "eval_loss", "best_eval_loss"]
    rows = [
        {"id": run.id, "name": run.name, "status": run.status, **settings} | {k: getattr(run, k) for k in results}
        for run, settings in zip(runs, compared.differing, strict=True)
    ]
    told = [row | {"status": state_word(run)} for row, run in zip(rows, runs, strict=True)]
    show(arguments, rows, table(told, ["id", "name", "status", *compared.names, *results], "No run to compare."))


def promote(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        adapter = studio.checkpoints.promote(arguments.id, arguments.step, arguments.name)
    show(arguments, adapter.as_dict(), f"{adapter.name} is in the catalogue: {adapter.path}")
