"""The verbs of base models, training, adapters and the playground.

They work with and without a running server: both meet in the catalogue.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli import run_verbs
from studio.cli.output import ProgressLine, details, say, show, table
from studio.cli.sampling_flags import read_sampling
from studio.cli.session import opened, records, wait
from studio.domain.chat.sampling import Message
from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.spec.presets import PRESETS, preset_values
from studio.domain.spec.spec import SECTIONS, RunSpec, defaults, read_spec
from studio.services.inference.chat_client import BASE
from studio.services.models.status import fault_of
from studio.services.playground.columns import ColumnPrompt, ColumnState
from studio.store.bounded_json import read_object
from studio.store.tables.models import Model

# base models


def models_add(arguments: argparse.Namespace) -> None:
    line = ProgressLine()
    with opened(arguments) as studio:
        name = studio.models.add(arguments.reference).name

        def over() -> Model | None:
            model = studio.models.get(name)
            line.update(f"{name}: {model.stage or 'preparing'}", model.done, model.total)
            return model if model.status != "preparing" else None

        model = wait(studio, over)
        line.close()
        if model.status == "failed":
            raise fault_of(model)
        model = studio.models.ready(name)
        show(arguments, model.as_dict(), f"{name} is ready: {model.path}")


def models_list(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        rows = records(studio.models.list())
    columns = ["name", "status", "reference", "revision", "parameters", "size"]
    show(arguments, rows, table(rows, columns, "No base model yet: studio models add starter"))


def models_delete(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        model = studio.models.get(arguments.name)
        adapters = [adapter.name for adapter in studio.models.adapters(model)]
        if adapters and not arguments.yes:
            raise InvalidInput(
                "Adapters were trained on “{name}”: {adapters}. They stay, but cannot answer until it is added again.",
                "Give --yes to remove it all the same.", name=model.name, adapters=", ".join(adapters),
            )  # fmt: skip
        kept = model.path if studio.models.keeps_files(model) else ""
        studio.models.delete(model.name)
    words = f"{model.name} is removed." + (
        f" Its files stay, since the studio has not made them: {kept}" if kept else ""
    )
    show(arguments, {"deleted": model.name, "files_kept": kept or None}, words)


def models_check(arguments: argparse.Namespace) -> int:
    """Fails where the check found a problem."""
    with opened(arguments) as studio:
        name = studio.models.start_check(arguments.name).name
        report = wait(studio, lambda: studio.models.checked(name))
    show(arguments, report, _shown_report(name, report))
    return 1 if report["problems"] else 0


def _shown_report(name: str, report: dict[str, Any]) -> str:
    """As lines of a table, then sentences."""
    adapters = report["adapters"] or {}
    yes_no = {True: "yes", False: "no", None: None}
    template = {key.replace("_", " "): value for key, value in (report["template"] or {}).items()}
    told = {
        "model": name,
        "causal": yes_no[report["causal"]],
        "quantization": report["quantization"],
        "packing": report["packing"],
        "head": report["head"],
        "adapters on": ", ".join(adapters.get("layers", [])),
        **{key: yes_no[value] if isinstance(value, bool) else value for key, value in template.items()},
    }
    said = [("Problem", report["problems"]), ("Note", [*adapters.get("left_out", []), *report["notes"]])]
    lines = [f"{kind}: {StudioError.from_dict(one)}" for kind, found in said for one in found]
    return "\n".join([details(told), *([""] if lines else []), *lines])


# training


def train(arguments: argparse.Namespace) -> int:
    values = _spec_values(arguments)
    if arguments.sweep:
        return _sweep(arguments, values)
    spec = read_spec(values)
    with opened(arguments) as studio:
        id = studio.runs.submit(spec, arguments.name)
        _say_notes(studio, [spec])
        if not arguments.follow:
            if studio.lock.is_mine:
                studio.dispatcher.tick()
            show(
                arguments, studio.runs.get(id).as_dict(), f"Run {id} is queued. studio runs show {id} tells how it is."
            )
            return 0
        run = run_verbs.follow(studio, id)
        result = run_verbs.outcome(studio, run)
    show(arguments, result)
    return run_verbs.end(run)


def _sweep(arguments: argparse.Namespace, values: dict[str, dict[str, Any]]) -> int:
    axes = {}
    for given in arguments.sweep:
        place, sign, text = given.partition("=")
        if not sign:
            raise InvalidInput("--sweep: “{given}” has no values.", "Write it as lora.r=8,16.", given=given)
        axes[place.strip()] = text
    with opened(arguments) as studio:
        id = studio.sweeps.submit(values, axes, arguments.name)
        runs = studio.sweeps.runs(id)
        _say_notes(studio, [RunSpec.model_validate(run.spec) for run in runs])
        if arguments.follow:
            for run in runs:
                run_verbs.follow(studio, run.id)
        elif studio.lock.is_mine:
            studio.dispatcher.tick()
    ids = [run.id for run in runs]
    show(arguments, {"sweep": id, "runs": ids}, f"Sweep {id} is queued: runs {', '.join(map(str, ids))}.")
    return 0


def _say_notes(studio: Studio, specs: Sequence[RunSpec]) -> None:
    """What works, but is hardly meant: each line once."""
    for line in dict.fromkeys(str(note) for spec in specs for note in studio.runs.notes(spec)):
        say(line)


def _spec_values(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The defaults, over them the file of --spec, the preset, and what flags say: as on the page, where a run is copied
    and a preset chosen for it."""
    values = defaults()
    if arguments.spec:
        given = _read_spec_file(Path(arguments.spec))
        values = values | {k: values.get(k, {}) | v for k, v in given.items()}
    if arguments.preset:
        values = preset_values(next(p for p in PRESETS if p.lower() == arguments.preset), values)
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
        given = read_object(path)
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


# adapters


def adapters_list(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        rows = records(studio.adapters.list(arguments.search))
    columns = ["name", "base_name", "dataset_name", "eval_loss", "size", "created_at", "hub_url"]
    show(arguments, rows, table(rows, columns, "No adapter yet."))


def adapters_show(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        record = studio.adapters.get(arguments.name).as_dict()
        measured = studio.evaluations.of_adapter(arguments.name)
    text = details(record)
    if measured:
        text += "\n\nBefore and after:\n" + table(measured, ["set", "metric", "base", "adapter", "better", "n"], "")
    show(arguments, record | {"before_and_after": measured}, text)


def adapters_delete(arguments: argparse.Namespace) -> None:
    with opened(arguments) as studio:
        studio.adapters.delete(arguments.name)
    show(arguments, {"deleted": arguments.name}, f"{arguments.name} is deleted.")


def compare(arguments: argparse.Namespace) -> int:
    """Fails where a column could not answer; the others' answers are printed all the same."""
    sampling = read_sampling(arguments)
    wanted: list[str | None] = [*([None] if arguments.base or not arguments.adapter else []), *arguments.adapter]
    shares = [(Share(adapter=name),) if name else () for name in wanted]
    messages = [Message(role="user", content=arguments.prompt)]
    asked = [
        ColumnPrompt(Column(model=arguments.model, precision=arguments.precision, shares=s), messages) for s in shares
    ]
    line, last = ProgressLine(), None
    with opened(arguments) as studio:
        for last in studio.playground.answer(asked, sampling):
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


def _shown_column(state: ColumnState) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": state.name or BASE,
        "text": state.text,
        "tokens": state.tokens,
        "tokens_per_second": state.tokens_per_second,
    }
    return shown | ({"error": str(state.error)} if state.error else {})
