"""`studio runs`: the queue, runs under way, how they end, and how they go on."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from studio.app import Studio
from studio.cli.commands import Commands, Verb
from studio.cli.output import ProgressLine, details, say, show, table
from studio.cli.session import open_studio, records, wait
from studio.domain.errors import InvalidInput, StudioError, fill
from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import read_stored
from studio.services.runs.service import stage_of, state_word
from studio.services.runs.settings_diff import compare_settings
from studio.store.tables.runs import Run

_ID = "run, by the id that `runs list` shows"
_COLUMNS = ["id", "name", "status", "model_name", "dataset_name", "step", "total_steps", "train_loss", "eval_loss"]


def add_parser(commands: Commands) -> None:
    verbs = commands.noun("runs", "training runs")
    verbs.verb("list", list_runs, "list the runs, newest first")
    verbs.verb("queue", show_queue, "list the waiting runs, next one first, and why they wait")
    for name, verb, help in _OF_ONE_RUN:
        verbs.verb(name, verb, help).add_argument("id", type=int, help=_ID)
    reorder = verbs.verb("reorder", reorder_runs, "put waiting runs first, in the order given")
    reorder.add_argument("id", type=int, nargs="+", help=_ID)
    reorder.add_argument("--before", type=int, metavar="ID", help="put them before this run instead")
    pin = verbs.verb("pin", pin_run, "let a waiting run start on one device only")
    pin.add_argument("id", type=int, help=_ID)
    pin.add_argument("device", help="cpu, cuda:0 …, or any")
    continuation = verbs.verb("continue", continue_run, "continue a finished run from its last step, as a new run")
    continuation.add_argument("id", type=int, help=_ID)
    continuation.add_argument("--epochs", type=float, help="total epochs")
    continuation.add_argument("--steps", type=int, help="total steps")
    continuation.add_argument("--name", default="", help="name of the new adapter (default: the next free one)")
    compare = verbs.verb("compare", compare_runs, "show which settings of runs differ, and how they ended")
    compare.add_argument("id", type=int, nargs="*", help=_ID)
    compare.add_argument("--sweep", type=int, help="compare the runs of this sweep instead")
    promote = verbs.verb("promote", promote_checkpoint, "keep a checkpoint as an adapter, even while the run continues")
    promote.add_argument("id", type=int, help=_ID)
    promote.add_argument("step", type=int, help="step of the checkpoint, as `runs show` lists it")
    promote.add_argument("name", help="name of the new adapter")


def list_runs(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        runs = studio.runs.list()
        rows = records(runs)
    table_rows = [
        row | {"status": state_word(run), "dataset_name": " + ".join(run.dataset_names)}
        for row, run in zip(rows, runs, strict=True)
    ]
    show(arguments, rows, table(table_rows, _COLUMNS, "No run yet."))


def show_queue(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        rows = [run.as_dict() | {"why": why_it_waits(run)} for run in studio.run_control.queue()]
    show(arguments, rows, table(rows, ["id", "name", "held", "device", "why"], "No run is waiting."))


def why_it_waits(run: Run) -> str:
    """In words; empty where it is simply its turn later."""
    if run.held:
        return "On hold."
    return str(StudioError.from_dict(run.waiting)) if run.waiting else ""


def show_run(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        run = studio.runs.get(arguments.id)
        metrics = studio.runs.metrics(run.id)
        history = [
            {"at": line.at, "status": line.status, "reason": fill(line.reason, line.values)}
            for line in studio.runs.history(run.id)
        ]
        samples = records(studio.runs.samples(run.id))
        checkpoints = [asdict(checkpoint) for checkpoint in studio.checkpoints.list(run.id)]
    record = run.as_dict()
    whole = record | {"history": history, "checkpoints": checkpoints, "samples": samples, "metrics": metrics}
    show(arguments, whole, _text(record | {"status": state_word(run)}, history, checkpoints, metrics))


def _text(
    record: dict[str, Any], history: Sequence[Any], checkpoints: Sequence[Any], metrics: Sequence[dict[str, Any]]
) -> str:
    latest = [metric | metric["figures"] for metric in metrics[-10:]]
    measured = list(dict.fromkeys(name for metric in latest for name in metric["figures"]))
    parts = [
        details(record),
        "Timeline:\n" + table(history, ["at", "status", "reason"], "Nothing yet."),
        "Checkpoints:\n" + table(checkpoints, ["step", "eval_loss", "best", "size", "adapter"], "None yet."),
        "Latest figures:\n"
        + table(latest, ["kind", "step", "loss", *measured, "learning_rate", "tokens_per_second"], "No step yet."),
    ]
    return "\n\n".join(parts)


def show_log(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        text = studio.runs.log_tail(arguments.id)
    show(arguments, {"log": text}, text.rstrip("\n"))


def watch_run(arguments: argparse.Namespace) -> int:
    """Stays until the run is over."""
    with open_studio(arguments) as studio:
        run = follow(studio, arguments.id)
        result = outcome(studio, run)
    show(arguments, result)
    return exit_code(run)


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
        say(f"\nRun {id} continues in the background. studio runs stop {id} stops it.")
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
        "train_rows": run.started.train_rows if run.started else None,
        "eval_rows": run.started.eval_rows if run.started else None,
        "dropped_rows": run.started.dropped_rows if run.started else None,
    }


def exit_code(run: Run) -> int:
    """The exit code; says why where the run has no adapter to show."""
    if run.status in (RunStatus.FINISHED, RunStatus.STOPPED):
        return 0
    say(f"{run.problem} {run.remedy}".strip() or f"Run {run.id} is {run.status}.")
    return 1


def ask(do: Callable[[Studio, int], None]) -> Callable[[argparse.Namespace], None]:
    """A verb that asks one thing of the run with the given id, and shows it afterwards."""

    def verb(arguments: argparse.Namespace) -> None:
        with open_studio(arguments) as studio:
            do(studio, arguments.id)
            run = studio.runs.get(arguments.id)
        show(arguments, run.as_dict(), f"Run {run.id} is {state_word(run)}.")

    return verb


stop_run = ask(lambda studio, id: studio.run_control.stop(id))
end_run = ask(lambda studio, id: studio.run_control.end_now(id))
discard_run = ask(lambda studio, id: studio.run_control.discard(id))
resume_run = ask(lambda studio, id: studio.run_control.resume(id))
hold_run = ask(lambda studio, id: studio.run_control.hold(id))
release_run = ask(lambda studio, id: studio.run_control.release(id))
start_run_anyway = ask(lambda studio, id: studio.run_control.start_anyway(id))


def reorder_runs(arguments: argparse.Namespace) -> None:
    """The given runs first and in this order, or one of them before another."""
    with open_studio(arguments) as studio:
        if arguments.before is None:
            for id in reversed(arguments.id):
                studio.run_control.run_next(id)
        else:
            for id in arguments.id:
                studio.run_control.move(id, arguments.before)
    show_queue(arguments)


def pin_run(arguments: argparse.Namespace) -> None:
    device = "" if arguments.device == "any" else arguments.device
    ask(lambda studio, id: studio.run_control.pin(id, device))(arguments)


def continue_run(arguments: argparse.Namespace) -> None:
    if arguments.epochs is None and arguments.steps is None:
        raise InvalidInput("How far should it train?", "Give --epochs or --steps: the total, not the increase.")
    with open_studio(arguments) as studio:
        id = studio.run_control.continue_with(
            arguments.id, epochs=arguments.epochs, steps=arguments.steps, name=arguments.name
        )
        run = studio.runs.get(id)
        for note in studio.runs.notes(read_stored(run.spec)):
            say(str(note))
    show(arguments, run.as_dict(), f"Run {id} is queued: it continues where run {arguments.id} ended.")


def compare_runs(arguments: argparse.Namespace) -> None:
    """Several runs, or those of a sweep: what differs in their settings, and how they ended."""
    with open_studio(arguments) as studio:
        runs = [studio.runs.get(id) for id in arguments.id] if arguments.id else studio.sweeps.runs(arguments.sweep)
    comparison = compare_settings(runs)
    results = ["train_loss", "eval_loss", "best_eval_loss"]
    rows = [
        {"id": run.id, "name": run.name, "status": run.status, **settings} | {k: getattr(run, k) for k in results}
        for run, settings in zip(runs, comparison.values_by_run, strict=True)
    ]
    table_rows = [row | {"status": state_word(run)} for row, run in zip(rows, runs, strict=True)]
    show(
        arguments, rows, table(table_rows, ["id", "name", "status", *comparison.names, *results], "No run to compare.")
    )


def promote_checkpoint(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        adapter = studio.checkpoints.promote(arguments.id, arguments.step, arguments.name)
    show(arguments, adapter.as_dict(), f"{adapter.name} is in the catalogue: {adapter.path}")


_OF_ONE_RUN: tuple[tuple[str, Verb, str], ...] = (
    ("show", show_run, "show a run, its timeline, its checkpoints and its curve"),
    ("watch", watch_run, "wait until a run ends; Ctrl-C leaves it running"),
    ("logs", show_log, "print the end of its worker's log"),
    (
        "stop",
        stop_run,
        "stop a run and keep what it has learned as an adapter; a waiting run is removed from the queue",
    ),
    ("end", end_run, "end a run now: no adapter, but its checkpoints are kept"),
    ("discard", discard_run, "end a run and delete its checkpoints"),
    ("resume", resume_run, "resume a run that ended early from its latest intact checkpoint"),
    ("hold", hold_run, "keep a run waiting while others go first"),
    ("release", release_run, "let a held run take its turn"),
    ("start-anyway", start_run_anyway, "start a run regardless of its expected memory"),
)
