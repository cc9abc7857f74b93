"""`studio datasets`: add files, check them, clean versions, export."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any, get_args

from studio.app import Studio
from studio.cli.commands import Commands
from studio.cli.datasets.edits import add_verbs, preview_text
from studio.cli.datasets.reports import SHOWN_PROBLEMS, problem_text, remedy_text, report_text, unused_text
from studio.cli.output import ProgressLine, details, say, show, table
from studio.cli.session import open_studio, records
from studio.domain.chat.templates import AUTOMATIC, TemplateChoice
from studio.domain.datasets.clean_actions import ACTIONS, Action, CleanActions, Way, read_actions
from studio.domain.datasets.file_format import ENCODINGS, PACKED, SUFFIXES, ReadOptions
from studio.domain.datasets.formats import Format
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import InvalidInput
from studio.domain.jobs.ingest import Tokenizer
from studio.domain.spec.objectives import usable_part
from studio.services.datasets import browse, export
from studio.services.datasets.check import check
from studio.services.datasets.preview import preview
from studio.services.datasets.status import fault_of, fault_with_choices
from studio.services.datasets.token_counts import TokenCountRequest
from studio.store.tables.datasets import Dataset

WRONG = 2


def add_parser(commands: Commands) -> None:
    datasets = commands.noun("datasets", "datasets")
    name = "dataset, name@version, or the start of a hash"
    kinds = f"{', '.join(SUFFIXES)}, also as {', '.join(PACKED)}; several files make one dataset"

    def reading(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
        verb.add_argument("--encoding", default="", help=f"{', '.join(ENCODINGS)} … (default: detected)")
        verb.add_argument("--delimiter", default="", help="delimiter of a .csv file (default: detected)")
        verb.add_argument("--sheet", default="", help="sheet of an .xlsx file (default: the only one with rows)")
        verb.add_argument(
            "--header", default="", choices=["", "first", "none"], metavar="first|none",
            help="whether the first row of a table names its columns (default: detected)",
        )  # fmt: skip
        verb.add_argument(
            "--rows", default="", metavar="PATH", help="list that holds the rows of a .json file, such as data.train"
        )
        verb.add_argument(
            "--format",
            default="",
            choices=["", *Format],
            metavar="|".join(Format),
            help="format that the columns make up",
        )
        verb.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="PART=COLUMN",
            help="column that holds a part of the format",
        )
        return verb

    add = reading(datasets.verb("add", add_dataset, "check files and add them as a dataset"))
    add.add_argument("file", nargs="*", help=f"{kinds}; sample for the bundled one")
    add.add_argument("--name", help="name in the catalogue (default: the file's)")
    add.add_argument("--hub", metavar="OWNER/NAME", help="a dataset on the Hub instead of files")
    add.add_argument("--config", default="", help="config of the dataset on the Hub (default: its default)")
    add.add_argument("--split", default="train", help="split of the dataset on the Hub (default: train)")
    add.add_argument("--revision", default="", help="revision of the dataset on the Hub (default: the latest)")

    listing = "list every problem in a file; exit code 2 if any row cannot be trained on"
    check = reading(datasets.verb("check", check_files, listing))
    check.add_argument("file", nargs="+", help=kinds)
    check.add_argument("--model", help="base model, by name: counts tokens and what is cut off")
    check.add_argument("--max-length", type=int, default=1024, help="tokens a row may have (default: 1024)")
    check.add_argument(
        "--chat-template", choices=get_args(TemplateChoice), default=AUTOMATIC, help="chat template to use with --model"
    )
    check.add_argument("--validation", help="dataset that must not contain any of the rows; needs --model")

    clean = datasets.verb("clean", clean_dataset, "make a new version without the problems")
    clean.add_argument("name", help="dataset, or name@version")
    choices: dict[str, list[tuple[str, str]]] = {}
    for action, way in _clean_flags():
        option, _, choice = way.flag.partition(" ")
        if choice:
            choices.setdefault(option, []).append((choice, way.help))
        else:
            clean.add_argument(option, dest=_variable(action, way), action="store_true", help=way.help)
    for option, ways in choices.items():
        names = [choice for choice, _ in ways]
        help = "; ".join(f"{choice}: {words}" for choice, words in ways) + "; repeat for more"
        clean.add_argument(option, action="append", default=[], choices=names, metavar="|".join(names), help=help)
    clean.add_argument(
        "--near-threshold", type=float, metavar="SIMILARITY",
        help="how similar near duplicates must be that are dropped, 0.7 to 1 (default: 0.8); implies --near",
    )  # fmt: skip
    clean.add_argument("--model", default="starter", help="base model, by name (default: starter)")
    clean.add_argument("--max-length", type=int, default=1024, help="tokens (default: 1024)")
    clean.add_argument("--preview", action="store_true", help="only say what would be done to how many rows")
    add_verbs(datasets)

    datasets.verb("list", list_datasets, "list the datasets, each in its latest version")
    show = datasets.verb("show", show_dataset, "show a dataset and its first rows")
    show.add_argument("name", help=name)
    show.add_argument("--offset", type=int, default=0, help="first row to show (default: 0)")
    show.add_argument("--limit", type=int, default=5, help="how many rows to show (default: 5)")
    show.add_argument("--search", default="", help="only rows with this text")
    problems = datasets.verb("problems", show_problems, "list every problem in a dataset")
    problems.add_argument("name", help=name)
    problems.add_argument("--code", action="append", default=[], help="only this kind; repeat for more")
    problems.add_argument("--csv", action="store_true", help="as a CSV file")
    again = reading(datasets.verb("read", reread_dataset, "read its files again with other options"))
    again.add_argument("name", help=name)
    export_verb = datasets.verb("export", export_dataset, "write the clean rows as JSON Lines")
    export_verb.add_argument("name", help=name)
    export_verb.add_argument("file", help="file to write")
    delete = datasets.verb("delete", delete_dataset, "delete a dataset, or one version of it")
    delete.add_argument("name", help="dataset, or name@version")
    delete.add_argument("--yes", action="store_true", help="delete it even if adapters were trained on it")


def add_dataset(arguments: argparse.Namespace) -> int:
    """Fails where rows are at fault, though the dataset is kept: it can be cleaned."""
    with open_studio(arguments) as studio:
        if hub := arguments.hub:
            dataset = studio.datasets.add_from_hub(
                hub, config=arguments.config, split=arguments.split, revision=arguments.revision, name=arguments.name,
                reading=_reading(arguments), layout=_layout(arguments),
            )  # fmt: skip
        elif arguments.file == ["sample"] and not Path("sample").exists():
            dataset = studio.datasets.add_sample(arguments.name)
        elif arguments.file:
            dataset = studio.datasets.add(
                [Path(file) for file in arguments.file], arguments.name, reading=_reading(arguments),
                layout=_layout(arguments),
            )  # fmt: skip
        else:
            raise InvalidInput("There is no file.", "Give at least one, or --hub with a dataset's id.")
        return report_new(arguments, studio, dataset, new=True)


def clean_dataset(arguments: argparse.Namespace) -> int:
    with open_studio(arguments) as studio:
        actions = _actions(arguments)
        if arguments.preview:
            dataset = studio.datasets.get(arguments.name)
            result = preview(dataset, actions)
            show(arguments, result.as_dict(), preview_text(dataset, result))
            return 0
        needs_tokenizer = any(action.traits.needs_tokenizer for action, _ in actions.items())
        tokenizer = Tokenizer(model=studio.models.ready(arguments.model).path) if needs_tokenizer else None
        return report_new(
            arguments, studio, studio.datasets.clean(arguments.name, actions, tokenizer=tokenizer), new=False
        )


def _clean_flags() -> list[tuple[Action, Way]]:
    return [(action, way) for action in ACTIONS.values() for way in action.ways if way.flag]


def _variable(action: Action, way: Way) -> str:
    return f"{action.name}.{action.ways.index(way)}"


def _actions(arguments: argparse.Namespace) -> CleanActions:
    """What the flags ask; of several ways of one action the last, which includes the others."""
    values, amounts = vars(arguments), {"max_length": arguments.max_length}

    def is_asked(action: Action, way: Way) -> bool:
        option, _, choice = way.flag.partition(" ")
        return choice in values[option.lstrip("-")] if choice else values[_variable(action, way)]

    flags = [(action, way) for action, way in _clean_flags() if is_asked(action, way)]
    asked = {action.name: action.value_of(way, amounts) for action, way in flags}
    if arguments.near_threshold is not None:
        asked["drop_duplicates"] = arguments.near_threshold
    return read_actions(asked)


def report_new(arguments: argparse.Namespace, studio: Studio, dataset: Dataset, *, new: bool) -> int:
    """Waits for a version, and says what it holds; `new` is one that goes again where it cannot be read."""
    dataset = _read(studio, dataset)
    if (fault := fault_of(dataset)) is not None:
        if new:  # nothing is left behind
            studio.datasets.delete(dataset.reference)
        raise fault_with_choices(fault, dataset.details.unclear)
    words = f"{dataset.reference}: {dataset.rows} rows, {dataset.format}"
    if left_out := sum((dataset.details.left_out or {}).values()):
        words += f"; {left_out} left out"
    if part := usable_part(dataset.format):
        words += f". {part}"
    words = "\n".join([words, *(note.text for note in dataset.details.notes), *unused_text(dataset.details.unused)])
    show(arguments, dataset.as_dict(), words)
    if not dataset.bad_rows:
        return 0
    problems, total = browse.problems(dataset, 0, SHOWN_PROBLEMS)
    say(problem_text([p.as_dict() for p in problems], total))
    say(remedy_text(dataset))
    return WRONG


def _read(studio: Studio, dataset: Dataset) -> Dataset:
    line = ProgressLine()

    def progress(current: Dataset) -> None:
        line.update(f"{current.name}: {current.stage or 'reading'}", current.done, current.total)

    try:
        return studio.datasets.wait(dataset, math.inf, progress=progress)
    except KeyboardInterrupt:  # as Cancel does on the page
        if studio.datasets.get(dataset.reference).status == "reading":
            studio.datasets.delete(dataset.reference)
            say(f"{dataset.reference} was given up: nothing is left of it.")
        raise
    finally:
        line.close()


def check_files(arguments: argparse.Namespace) -> int:
    """Exits with 0 where the file can be trained on, with 2 where not."""
    with open_studio(arguments) as studio:
        model = studio.models.ready(arguments.model) if arguments.model else None
        validation = studio.datasets.get(arguments.validation) if arguments.validation else None
        line = ProgressLine()
        report = check(
            studio.engine, [Path(file) for file in arguments.file], reading=_reading(arguments),
            layout=_layout(arguments), layouts=studio.catalogue.column_maps(),
            question=TokenCountRequest(model, arguments.max_length, arguments.chat_template, validation=validation)
            if model
            else None,
            progress=line.update,
        )  # fmt: skip
        line.close()
    show(arguments, report.as_dict(), report_text(report))
    return 0 if report.can_be_trained_on else WRONG


def list_datasets(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        rows = records(studio.datasets.list())
    columns = ["name", "version", "status", "format", "rows", "size", "created_at"]
    show(arguments, rows, table(rows, columns, "No dataset yet."))


def show_dataset(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        dataset = studio.datasets.get(arguments.name)
        fields: dict[str, Any] = dataset.as_dict() | {
            "versions": [v.version for v in studio.datasets.versions(dataset.name)],
            "adapters": [adapter.name for adapter in studio.datasets.adapters(dataset)],
        }
        if dataset.status == "ready":
            page = browse.rows(dataset, arguments.offset, arguments.limit, search=arguments.search)
            fields |= {"preview": page["rows"], "found": page["total"]}
    show(arguments, fields, "\n".join([details(fields), *unused_text(dataset.details.unused)]))


def show_problems(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        dataset = studio.datasets.get(arguments.name)
        if arguments.csv:
            for piece in export.problem_lines(dataset):
                sys.stdout.write(piece)
            return
        problems, total = browse.problems(dataset, 0, None, codes=arguments.code)
    rows = [problem.as_dict() for problem in problems]
    words = problem_text(rows, total) if rows else "No problems."
    near_counts = dataset.details.near_counts
    if near_counts and "near_duplicate" in (arguments.code or PROBLEM_KINDS):
        steps = ", ".join(f"{percent / 100:g}: {near_counts[percent]}" for percent in near_counts if percent % 5 == 0)
        words += f"\nRows that clean --near-threshold drops, by the threshold: {steps}"
    show(arguments, {"total": total, "problems": rows, "near_counts": near_counts}, words)


def reread_dataset(arguments: argparse.Namespace) -> int:
    with open_studio(arguments) as studio:
        dataset = studio.datasets.read_again(arguments.name, reading=_reading(arguments), layout=_layout(arguments))
        return report_new(arguments, studio, dataset, new=False)


def export_dataset(arguments: argparse.Namespace) -> None:
    """Writes the clean file; its SHA-256 is the version's hash."""
    with open_studio(arguments) as studio:
        dataset = studio.datasets.get(arguments.name)
        target = Path(arguments.file)
        with target.open("wb") as file:
            file.writelines(export.clean_lines(dataset))
        if target.stat().st_mode & 0o777 == 0o600:  # new, outside of the home: as other programs would leave it
            target.chmod(0o666 & ~arguments.umask)
    show(
        arguments,
        {"file": str(target), "sha256": dataset.sha256, "rows": dataset.rows},
        f"{target}: {dataset.rows} rows",
    )


def delete_dataset(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        dataset = studio.datasets.get(arguments.name)
        is_one_version = arguments.name == dataset.reference
        versions = [dataset] if is_one_version else studio.datasets.versions(dataset.name)
        adapters = [adapter.name for version in versions for adapter in studio.datasets.adapters(version)]
        if adapters and not arguments.yes:
            raise InvalidInput(
                "Adapters were trained on “{name}”: {adapters}. They stay, and keep its name, version and hash.",
                "Give --yes to delete it anyway.", name=dataset.name, adapters=", ".join(adapters),
            )  # fmt: skip
        studio.datasets.delete(arguments.name)
    show(arguments, {"deleted": arguments.name}, f"{arguments.name} is deleted.")


def _reading(arguments: argparse.Namespace) -> ReadOptions:
    return ReadOptions(
        encoding=arguments.encoding, delimiter=arguments.delimiter, sheet=arguments.sheet, header=arguments.header,
        rows=arguments.rows,
    )  # fmt: skip


def _layout(arguments: argparse.Namespace) -> dict[str, Any] | None:
    if not arguments.format:
        if arguments.column:
            raise InvalidInput("--column needs --format.", "Name the format, such as --format alpaca.")
        return None
    pairs = [column.partition("=") for column in arguments.column]
    return {"format": arguments.format, "columns": {part: name for part, _, name in pairs}}
