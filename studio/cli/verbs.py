"""The verbs of base models, runs, adapters and the playground.

They work with and without a running server: both meet in the catalogue.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studio.app import Studio
from studio.cli.output import ProgressLine, details, say, show, table
from studio.cli.session import opened, records, wait
from studio.domain.chat import Message, Sampling
from studio.domain.errors import InvalidInput
from studio.domain.presets import PRESETS, preset_values
from studio.domain.run import RunStatus
from studio.domain.spec import SECTIONS, defaults, read_spec
from studio.services.chat_client import BASE
from studio.services.playground import Column, ColumnState
from studio.store.tables import Run, Table

# base models


def models_add(arguments: argparse.Namespace) -> None:
    line = ProgressLine()
    with opened(arguments) as studio:
        name = studio.models.add(arguments.reference).name

        def over() -> Table | None:
            model = studio.models.get(name)
            line.update(f"{name}: {model.stage or 'preparing'}", model.done, model.total)
            return model if model.status != "preparing" else None

        wait(studio, over)
        line.close()
        model = studio.models.ready(name)
        show(arguments, model.as_dict(), f"{name} is ready: {model.path}")


def models_list(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        rows = records(studio.models.list())
    columns = ["name", "status", "reference", "revision", "parameters", "size"]
    show(arguments, rows, table(rows, columns, "No base model yet: studio models add starter"))


# runs


def train(arguments: argparse.Namespace) -> int:
    spec = read_spec(_spec_values(arguments))
    with opened(arguments) as studio:
        id = studio.runs.submit(spec, arguments.name)
        if not arguments.follow:
            if studio.lock.is_mine:
                studio.dispatcher.tick()
            show(
                arguments, studio.runs.get(id).as_dict(), f"Run {id} is queued. studio runs show {id} tells how it is."
            )
            return 0
        run = _follow(studio, id)
        result = _outcome(studio, run)
    show(arguments, result)
    if result["status"] not in (RunStatus.FINISHED, RunStatus.STOPPED):
        say(f"{run.problem} {run.remedy}".strip() or f"Run {id} is {run.status}.")
        return 1
    return 0


def _spec_values(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    values = defaults()
    if arguments.preset:
        values = preset_values(next(p for p in PRESETS if p.lower() == arguments.preset), values)
    if arguments.spec:
        given = _read_spec_file(Path(arguments.spec))
        values = values | {k: values.get(k, {}) | v for k, v in given.items()}
    for flag, value in vars(arguments).items():
        section, dot, field = flag.partition(".")
        if dot and section in SECTIONS and value is not None:
            values[section] = values[section] | {field: value}
    for section, value in (("model", arguments.model), ("data", arguments.dataset)):
        if value is not None:
            values[section] = values[section] | {"name": value}
    return values


def _read_spec_file(path: Path) -> dict[str, dict[str, Any]]:
    try:
        given = json.loads(path.read_text("utf-8"))
        given = given.get("spec", given)
        if all(isinstance(v, dict) for v in given.values()):
            return dict(given)
        reason = "it has no sections"
    except (OSError, ValueError, AttributeError) as error:
        reason = str(error)
    raise InvalidInput(
        "The spec {path} cannot be read: {reason}.",
        "Give the run.json of a run, or JSON with the sections {known}.",
        path=path,
        reason=reason,
        known=", ".join(SECTIONS),
    )


def _follow(studio: Studio, id: int) -> Run:
    line = ProgressLine()

    def over() -> Run | None:
        run = studio.runs.get(id)
        loss = f"loss {run.train_loss:.3f}" if run.train_loss is not None else ""
        done, total = (run.stage_done, run.stage_total) if run.stage else (run.step, run.total_steps)
        line.update(f"Run {id} {run.stage or run.status}", done, total, loss)
        return run if RunStatus(run.status).is_over else None

    try:
        return wait(studio, over)
    except KeyboardInterrupt:
        say(f"\nRun {id} goes on in the background. studio runs stop {id} ends it.")
        raise
    finally:
        line.close()


def _outcome(studio: Studio, run: Run) -> dict[str, Any]:
    adapter = studio.catalogue.adapter_of_run(run.id)
    return {
        "run": run.id,
        "status": run.status,
        "adapter": adapter.name if adapter else None,
        "path": adapter.path if adapter else None,
        "train_loss": run.train_loss,
        "eval_loss": run.eval_loss,
    }


def runs_list(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        rows = records(studio.runs.list())
    columns = ["id", "name", "status", "model_name", "dataset_name", "step", "total_steps", "train_loss", "eval_loss"]
    show(arguments, rows, table(rows, columns, "No run yet."))


def runs_show(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        run = studio.runs.get(arguments.id)
        metrics = studio.runs.metrics(run.id)
    record = run.as_dict()
    show(arguments, record | {"metrics": metrics}, _run_text(record, metrics))


def _run_text(record: dict[str, Any], metrics: Sequence[dict[str, Any]]) -> str:
    curve = table(metrics[-10:], ["kind", "step", "loss", "learning_rate", "tokens_per_second"], "No step yet.")
    return f"{details(record)}\n\nThe newest figures:\n{curve}"


def runs_stop(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        studio.runs.stop(arguments.id)
        run = studio.runs.get(arguments.id)
    show(arguments, run.as_dict(), f"Run {run.id} is {run.status}.")


# adapters


def adapters_list(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        rows = records(studio.adapters.list(arguments.search))
    columns = ["name", "base_name", "dataset_name", "eval_loss", "size", "created_at", "hub_url"]
    show(arguments, rows, table(rows, columns, "No adapter yet."))


def adapters_show(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        show(arguments, studio.adapters.get(arguments.name).as_dict())


def adapters_delete(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        studio.adapters.delete(arguments.name)
    show(arguments, {"deleted": arguments.name}, f"{arguments.name} is deleted.")


def compare(arguments: argparse.Namespace) -> int:
    """Fails where a column could not answer; the others' answers are printed all the same."""
    sampling = _sampling(arguments)
    wanted: list[str | None] = [*([None] if arguments.base or not arguments.adapter else []), *arguments.adapter]
    columns = [Column(name, [Message(role="user", content=arguments.prompt)]) for name in wanted]
    line, last = ProgressLine(), None
    with opened(arguments) as studio:
        for last in studio.playground.compare(arguments.model, columns, sampling, precision=arguments.precision):
            line.update(last.status or "Answering")
    line.close()
    states = last.columns if last else []
    faults = [state for state in states if state.error]
    shown = [_shown_column(state) for state in states]
    text = "\n\n".join(
        f"{c['name']}  ({c['tokens']} tokens, {c['tokens_per_second']:.1f}/s)\n{c['text']}" for c in shown
    )
    show(arguments, {"columns": shown}, text)
    for state in faults:
        say(f"{state.name or BASE}: {state.error}")
    return 1 if faults else 0


def _sampling(arguments: argparse.Namespace) -> Sampling:
    try:
        return Sampling(
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            seed=arguments.seed,
            max_tokens=arguments.max_new_tokens,
        )
    except ValidationError as error:
        first = error.errors()[0]
        flag = str(first["loc"][0]).replace("_", "-").replace("max-tokens", "max-new-tokens")
        raise InvalidInput("--{flag}: {reason}.", flag=flag, reason=first["msg"]) from error


def _shown_column(state: ColumnState) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": state.name or BASE,
        "text": state.text,
        "tokens": state.tokens,
        "tokens_per_second": state.tokens_per_second,
    }
    return shown | ({"error": str(state.error)} if state.error else {})
