"""More of `studio datasets`: single rows changed by hand, what cleaning would do, and the search of the Hub."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studio.cli.commands import Commands
from studio.cli.output import show, table
from studio.cli.session import open_studio
from studio.domain.datasets.clean_actions import ACTIONS
from studio.domain.errors import InvalidInput
from studio.services.datasets.editing import RowInFile, refused_rows
from studio.services.datasets.preview import Effect, Example, Preview
from studio.store.tables.datasets import Dataset

SHOWN_CHARACTERS = 300  # of a row, in text; JSON has them all


class _InOrder(argparse.Action):
    """Keeps what was given in its order: --set and --remove are of the row that --row or --mend named before."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        namespace.edits = [*getattr(namespace, "edits", ()), (option, values)]


def add_verbs(datasets: Commands) -> None:
    refused = datasets.verb("refused", show_refused, "list the rows that could not be used, as they came")
    refused.add_argument("name", help="dataset, or name@version")
    refused.add_argument("--offset", type=int, default=0, help="first row to show (default: 0)")
    refused.add_argument("--limit", type=int, default=20, help="how many rows to show (default: 20)")

    edit = datasets.verb("edit", edit_dataset, "make a new version with single rows changed")
    edit.add_argument("name", help="dataset, or name@version")
    options = {
        "--row": ("N", "row to change, counted from 1 on; then --set or --remove"),
        "--set": ("PATH=TEXT", "text at a path of that row, such as messages[1].content; turns count from 0"),
        "--remove": ("PATH", "turn to take out of that row, such as messages[2]"),
        "--drop": ("N", "row to leave out"),
        "--mend": ("N", "row of `studio datasets refused` to mend; then --set, --remove, or --with"),
        "--with": ("FILE", "file with that row as JSON"),
        "--add": ("FILE", "file with new rows, one in JSON on each line"),
    }
    for option, (metavar, help) in options.items():
        edit.add_argument(
            option, action=_InOrder, dest=f"edits{option}", metavar=metavar, help=help, default=argparse.SUPPRESS,
            type=int if metavar == "N" else str,
        )  # fmt: skip

    search = datasets.verb("search", search_hub, "find datasets on the Hub, the most downloaded first")
    search.add_argument("words", nargs="+", help="parts of the name, or of owner/name")
    search.add_argument("--limit", type=int, default=20, help="how many to list, at most 100 (default: 20)")


def edit_dataset(arguments: argparse.Namespace) -> int:
    from studio.cli.datasets.verbs import report_new

    edits = read_edit_options(getattr(arguments, "edits", []))
    with open_studio(arguments) as studio:
        return report_new(arguments, studio, studio.datasets.edit(arguments.name, edits), new=False)


def read_edit_options(options: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """The edits that the options ask for, as domain.datasets.edits.Edit has them."""
    edits: list[dict[str, Any]] = []
    current: dict[str, Any] | None = None
    for option, value in options:
        match option:
            case "--row" | "--mend":
                current = {"row" if option == "--row" else "refused": _counted(option, value)}
                edits.append(current)
            case "--drop":
                edits.append({"row": _counted(option, value), "drop": True})
                current = None
            case "--add":
                edits += ({"raw": line} for line in _text(value).splitlines() if line.strip())
                current = None
            case _ if current is None:
                raise InvalidInput("{option} needs a row.", "Give --row or --mend before it.", option=option)
            case "--with":
                current["raw"] = _text(value)
            case "--remove":
                current.setdefault("remove", []).append(value)
            case _:
                path, separator, text = value.partition("=")
                if not separator:
                    raise InvalidInput("--set needs a path and a text.", "Write --set PATH=TEXT.")
                current.setdefault("set", {})[path] = text
    return edits


def _counted(option: str, number: int) -> int:
    if number < 1:
        raise InvalidInput("{option} must be 1 or more.", "Rows are counted from 1 on.", option=option)
    return number - 1


def _text(file: str) -> str:
    try:
        return Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput("“{file}” cannot be read: {reason}.", file=file, reason=reason) from error


def show_refused(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        dataset = studio.datasets.get(arguments.name)
        rows, total = refused_rows(dataset, arguments.offset, max(0, arguments.limit))
    shown = [
        {
            "number": row.number + 1, "line": row.line, "file": row.file, "raw": row.raw,
            "problems": [problem.as_dict() for problem in row.problems],
        }
        for row in rows
    ]  # fmt: skip
    fields = {"total": total, "not_kept": dataset.bad_rows - dataset.details.refused_kept, "rows": shown}
    show(arguments, fields, _refused_text(dataset, rows, total))


def _refused_text(dataset: Dataset, rows: Sequence[RowInFile], total: int) -> str:
    if not dataset.bad_rows:
        return "All rows can be used."
    lines = []
    for row in rows:
        lines.append(f"{row.number + 1}: line {row.line}")
        lines += [f"    {problem.error}" for problem in row.problems]
        lines.append(f"    {_short(row.raw)}")
    if total > len(rows):
        lines.append(f"{total} in all; see --offset and --limit")
    if missing := dataset.bad_rows - dataset.details.refused_kept:
        lines.append(f"{missing} of {dataset.bad_rows} were not kept: too large, or read by an older studio")
    lines.append(f"Mend one: studio datasets edit {dataset.reference} --mend N --set PATH=TEXT, or --with FILE")
    return "\n".join(lines)


def _short(raw: str | None) -> str:
    if raw is None:
        return "(not kept)"
    flat = json.dumps(raw, ensure_ascii=False)[1:-1] if "\n" in raw else raw
    return flat if len(flat) <= SHOWN_CHARACTERS else f"{flat[:SHOWN_CHARACTERS]}…"


def preview_text(dataset: Dataset, preview: Preview) -> str:
    lines = [f"{dataset.reference}: {dataset.rows} rows, {dataset.bad_rows} more that cannot be trained on"]
    for effect in preview.effects:
        lines.append(f"{_effect_text(effect)}")
        lines += [line for example in effect.examples for line in _example_lines(example)]
    lines.append(f"It would have {preview.rows} rows, and {preview.bad_rows} that cannot be trained on.")
    return "\n".join(lines)


def _effect_text(effect: Effect) -> str:
    help = ACTIONS[effect.action].way_of(effect.value).help
    if effect.rows is None:
        return f"{help}: counted when it is done"
    least = "at least " if effect.at_least else ""
    places = f" ({least}{effect.places} places)" if effect.places > effect.rows else ""
    return f"{help}: {effect.rows} rows{places}"


def _example_lines(example: Example) -> list[str]:
    place = f"line {example.line}" if example.line else f"row {example.row + 1}"
    return [f"    {place}, {example.field}", *(f"      {mark} {text}" for mark, text in _sides(example))]


def _sides(example: Example) -> list[tuple[str, str]]:
    return [(mark, _short(text)) for mark, text in (("-", example.before), ("+", example.after)) if text]


def search_hub(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        found = studio.hub_datasets.search(" ".join(arguments.words), arguments.limit)
    rows = [
        one.as_dict() | {"access": ", ".join(word for word in ("private", "gated") if getattr(one, word))}
        for one in found
    ]
    columns = ["id", "downloads", "likes", "rows", "size", "access", "changed_at"]
    show(arguments, [one.as_dict() for one in found], table(rows, columns, "No dataset on the Hub has such a name."))
