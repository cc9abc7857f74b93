"""The grammar of the verbs of prompt sets, evaluations and votes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from studio.cli import playground_verbs as verbs
from studio.cli.sampling_flags import add_sampling

AddVerb = Callable[[str, Any, str], argparse.ArgumentParser]


def add_prompt_verbs(add: AddVerb) -> None:
    """`add(name, verb, help)` makes the parser of one verb."""
    new = add("add", verbs.prompts_add, "keep a list of prompts, or rows of a dataset with their answers")
    new.add_argument("name")
    new.add_argument(
        "file", nargs="?", help="a prompt a line, JSON Lines or a table with prompt and reference; - for standard input"
    )
    new.add_argument("--run", type=int, metavar="ID", help="rows that this run did not train on, instead of a file")
    new.add_argument("--dataset", help="rows of this dataset instead of a file; a run may have learned them")
    new.add_argument("--most", type=int, default=200, help="how many rows at most (default: 200)")
    new.add_argument("--skip-bad", action="store_true", help="leave out lines that cannot be used")
    add("list", verbs.prompts_list, "list the prompt sets, newest first")
    show = add("show", verbs.prompts_show, "show the prompts of a set")
    show.add_argument("name")
    show.add_argument("--page", type=int, default=1, help="which page (default: 1)")
    show.add_argument("--search", default="", help="only those with these words")
    add("rm", verbs.prompts_remove, "delete a set; evaluations keep the prompts they need").add_argument("name")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", help="prompt set, by name")
    parser.add_argument("--model", required=True, help="base model, by name")
    parser.add_argument("--adapter", action="append", default=[], help="adapter, by name; give it again for more")
    parser.add_argument("--no-base", action="store_true", help="no column for the base model alone")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16, 8-bit or 4-bit (default: auto)")
    parser.add_argument("--name", default="", help="of the evaluation (default: the set's)")
    parser.add_argument("--key", help="the same key submits once")
    parser.add_argument("--wait", action="store_true", help="stay until it is over, and work on it if no server does")
    add_sampling(parser, max_new_tokens=256)


def add_evaluation_verbs(add: AddVerb) -> None:
    add("list", verbs.evaluations_list, "list the evaluations, newest first")
    add("show", verbs.evaluations_show, "show an evaluation with its scores").add_argument("id", type=int)
    add("stop", verbs.evaluations_stop, "end an evaluation and keep its answers").add_argument("id", type=int)
    resume = add("resume", verbs.evaluations_resume, "go on with an evaluation, and ask again what failed")
    resume.add_argument("id", type=int)
    resume.add_argument("--wait", action="store_true", help="stay until it is over")
    export = add("export", verbs.evaluations_export, "print all answers of an evaluation")
    export.add_argument("id", type=int)
    export.add_argument("--format", choices=["csv", "jsonl"], default="csv", help="default: csv")
    add("rm", verbs.evaluations_remove, "delete an evaluation with its answers").add_argument("id", type=int)


def add_votes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--export", choices=["csv", "jsonl"], help="print the votes themselves instead of the standings"
    )
    parser.add_argument("--search", default="", help="only those with these words in name or base model")
    parser.add_argument("--blind", action="store_true", help="only votes that were cast without seeing the names")
