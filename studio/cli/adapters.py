"""`studio adapters`: the adapters that were trained."""

from __future__ import annotations

import argparse

from studio.cli.commands import Commands
from studio.cli.output import details, show, table
from studio.cli.session import open_studio, records

_NAME = "adapter, by name"


def add_parser(commands: Commands) -> None:
    adapters = commands.noun("adapters", "trained adapters")
    listing = adapters.verb("list", list_adapters, "list the adapters, newest first")
    listing.add_argument(
        "--search", default="", help="only those with these words in their name, base model or dataset"
    )
    adapters.verb("show", show_adapter, "show an adapter with its lineage").add_argument("name", help=_NAME)
    adapters.verb("delete", delete_adapter, "delete an adapter and its files").add_argument("name", help=_NAME)


def list_adapters(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        adapters = studio.adapters.list(arguments.search)
        rows = records(adapters)
    table_rows = [row | {"dataset_name": " + ".join(a.dataset_names)} for row, a in zip(rows, adapters, strict=True)]
    columns = ["name", "base_name", "dataset_name", "eval_loss", "size", "created_at", "hub_url"]
    show(arguments, rows, table(table_rows, columns, "No adapter yet."))


def show_adapter(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        record = studio.adapters.get(arguments.name).as_dict()
        before_and_after = studio.evaluations.of_adapter(arguments.name)
    text = details(record)
    if before_and_after:
        text += "\n\nBefore and after:\n" + table(
            before_and_after, ["set", "metric", "base", "adapter", "better", "n"], ""
        )
    show(arguments, record | {"before_and_after": before_and_after}, text)


def delete_adapter(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        studio.adapters.delete(arguments.name)
    show(arguments, {"deleted": arguments.name}, f"{arguments.name} is deleted.")
