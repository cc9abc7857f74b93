"""`studio compare`: one prompt to the base model and to adapters."""

from __future__ import annotations

import argparse
from typing import Any

from studio.cli.commands import Commands
from studio.cli.flags import add_precision, add_sampling, read_sampling
from studio.cli.output import ProgressLine, say, show
from studio.cli.session import open_studio
from studio.domain.chat.sampling import Message
from studio.domain.columns import BASE, Column, Share
from studio.services.playground.columns import ColumnPrompt, ColumnState


def add_parser(commands: Commands) -> None:
    compare = commands.verb("compare", compare_columns, "ask base model and adapters the same thing")
    compare.add_argument("--model", required=True, help="base model, by name")
    compare.add_argument("--adapter", action="append", default=[], help="adapter, by name; repeat for more")
    compare.add_argument("--base", action="store_true", help="add a column for the base model")
    compare.add_argument("--prompt", required=True, help="what all of them are asked")
    add_precision(compare)
    add_sampling(compare)


def compare_columns(arguments: argparse.Namespace) -> int:
    """Fails where a column could not answer; the others' answers are printed all the same."""
    sampling = read_sampling(arguments)
    adapters: list[str | None] = [*([None] if arguments.base or not arguments.adapter else []), *arguments.adapter]
    shares = [(Share(adapter=name),) if name else () for name in adapters]
    messages = [Message(role="user", content=arguments.prompt)]
    prompts = [
        ColumnPrompt(Column(model=arguments.model, precision=arguments.precision, shares=s), messages) for s in shares
    ]
    line, last = ProgressLine(), None
    with open_studio(arguments) as studio:
        for last in studio.playground.answer(prompts, sampling):
            line.update(last.status or "Answering")
    line.close()
    states = last.columns if last else []
    faults = [state for state in states if state.error]
    columns = [_shown_column(state) for state in states]
    text = "\n\n".join(
        f"{c['name']}  ({c['tokens']} tokens, {c['tokens_per_second']:.1f}/s)\n{c['text']}" for c in columns
    )
    show(arguments, {"columns": columns}, text)
    for state in faults:
        say(f"{state.name or BASE}: {state.error}")
    return 1 if faults else 0


def _shown_column(state: ColumnState) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": state.name or BASE,
        "text": state.text,
        "tokens": state.tokens,
        "tokens_per_second": state.tokens_per_second,
    }
    return fields | ({"error": str(state.error)} if state.error else {})
