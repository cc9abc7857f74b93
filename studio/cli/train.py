"""`studio train`: a run, or a sweep of them. Its flags are made from the spec."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli.commands import Commands
from studio.cli.output import say, show
from studio.cli.runs import exit_code, follow, outcome
from studio.cli.session import open_studio
from studio.domain.errors import InvalidInput
from studio.domain.spec.presets import PRESETS, preset_values
from studio.domain.spec.run_spec import CHOSEN_BY, SECTIONS, RunSpec, defaults, describe, read_spec, read_stored
from studio.store.bounded_json import read_object


def add_parser(commands: Commands) -> None:
    parser = commands.verb("train", train, "train an adapter")
    parser.add_argument("--model", help="base model, by the name that `models list` shows")
    parser.add_argument("--dataset", help="dataset, by the name that `datasets list` shows")
    parser.add_argument(
        "--mix",
        action="append",
        metavar="DATASET[=WEIGHT]",
        help="another dataset to train on, NAME or NAME@VERSION, and its weight (default: 1): 0.5 takes half of its "
        "rows per epoch, 2 takes each twice; repeat for more",
    )
    parser.add_argument("--name", required=True, help="name of the adapter")
    parser.add_argument(
        "--preset", choices=[p.lower() for p in PRESETS], help="values to start from, over those of --spec"
    )
    parser.add_argument("--spec", metavar="run.json", help="values to start from: a spec, or the run.json of a run")
    parser.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUES",
        help="several values, such as lora.r=8,16: one run per combination; repeat for more settings",
    )
    parser.add_argument("--follow", action="store_true", help="wait until the run ends; Ctrl-C leaves it running")
    for section in describe():
        group = parser.add_argument_group(section["title"])
        for field in section["fields"]:
            if field["name"] in ("name", "mix"):
                continue
            flag = section["name"] if field["name"] == "kind" else f"{section['name']}.{field['name']}"
            default = field["default"]
            words = f"{field['help']} (default: {str(default).lower() if isinstance(default, bool) else default})"
            group.add_argument(
                f"--{flag}",
                dest=f"{section['name']}.{field['name']}",
                metavar="|".join(c["value"] for c in field["choices"]) or field["kind"].upper(),
                help=words.replace("%", "%%"),
            )


def train(arguments: argparse.Namespace) -> int:
    values = _spec_values(arguments)
    if arguments.sweep:
        return _sweep(arguments, values)
    spec = read_spec(values)
    with open_studio(arguments) as studio:
        id = studio.runs.submit(spec, arguments.name)
        _say_notes(studio, [spec])
        if not arguments.follow:
            if studio.lock.is_mine:
                studio.dispatcher.tick()
            show(arguments, studio.runs.get(id).as_dict(), f"Run {id} is queued. See studio runs show {id}.")
            return 0
        run = follow(studio, id)
        result = outcome(studio, run)
    show(arguments, result)
    return exit_code(run)


def _sweep(arguments: argparse.Namespace, values: dict[str, dict[str, Any]]) -> int:
    axes = {}
    for axis in arguments.sweep:
        place, sign, text = axis.partition("=")
        if not sign:
            raise InvalidInput("--sweep: “{given}” has no values.", "Write it as lora.r=8,16.", given=axis)
        axes[place.strip()] = text
    with open_studio(arguments) as studio:
        id = studio.sweeps.submit(values, axes, arguments.name)
        runs = studio.sweeps.runs(id)
        _say_notes(studio, [read_stored(run.spec) for run in runs])
        if arguments.follow:
            for run in runs:
                follow(studio, run.id)
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
        sections = _read_spec_file(Path(arguments.spec))
        values = values | {k: values.get(k, {}) | v for k, v in sections.items()}
    if arguments.preset:
        values = preset_values(next(p for p in PRESETS if p.lower() == arguments.preset), values)
    for flag, value in vars(arguments).items():
        section, dot, field = flag.partition(".")
        if dot and section in SECTIONS and value is not None:
            values[section] = values[section] | {field: value}
    if arguments.mix is not None:
        values["data"] = values["data"] | {"mix": arguments.mix}
    _check_chosen(arguments, values)
    for section, value in (("model", arguments.model), ("data", arguments.dataset)):
        if value is not None:
            values[section] = values[section] | {"name": value}
    return values


def _check_chosen(arguments: argparse.Namespace, values: dict[str, dict[str, Any]]) -> None:
    """Raises InvalidInput where a flag is of another method or objective than the run's."""
    for flag, value in vars(arguments).items():
        section = flag.partition(".")[0]
        if value is None or "." not in flag or (choice := CHOSEN_BY.get(section)) is None:
            continue
        if (kind := values[choice]["kind"]) != section:
            raise InvalidInput(
                "--{flag}: a run with the {choice} {chosen} does not have this setting.",
                "Add --{choice} {section}, or leave it out.",
                flag=flag, choice=choice, chosen=kind, section=section,
            )  # fmt: skip


def _read_spec_file(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = read_object(path)
        content = content.get("spec", content)
        if isinstance(content, dict) and all(isinstance(v, dict) for v in content.values()):
            return content
        reason = "it has no sections"
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    raise InvalidInput(
        "The spec {path} cannot be read: {reason}.",
        "Give the run.json of a run, or JSON with the sections {known}.",
        path=path,
        reason=reason,
        known=", ".join(SECTIONS),
    )
