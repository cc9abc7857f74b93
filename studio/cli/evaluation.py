"""`studio prompts`, `evaluate`, `evaluations` and `votes`: how good answers are, by reference and by vote."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.cli.commands import Commands
from studio.cli.flags import add_precision, add_sampling, read_sampling
from studio.cli.output import ProgressLine, details, say, show, table
from studio.cli.session import open_studio, wait
from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.domain.metrics import applicable

_SET = "prompt set, by name"
_ID = "evaluation, by the id that `evaluations list` shows"
MAX_CELL_CHARACTERS = 70  # characters
_OPEN = ("queued", "running")


def add_parser(commands: Commands) -> None:
    _add_prompts(commands.noun("prompts", "prompt sets"))
    _add_evaluate(
        commands.verb(
            "evaluate", evaluate, "run all prompts of a set on the base model and adapters, and score the answers"
        )
    )
    _add_evaluations(commands.noun("evaluations", "evaluations"))
    _add_votes(commands.verb("votes", show_votes, "show how often each column won"))


def _add_prompts(prompts: Commands) -> None:
    new = prompts.verb("add", add_prompt_set, "save a list of prompts, or rows of a dataset with their answers")
    new.add_argument("name", help="name of the new set")
    new.add_argument(
        "file",
        nargs="?",
        help="one prompt per line, JSON Lines, or a table with prompt and reference; - for standard input",
    )
    new.add_argument("--run", type=int, metavar="ID", help="rows that this run did not train on, instead of a file")
    new.add_argument("--dataset", help="rows of this dataset instead of a file; a run may have trained on them")
    new.add_argument("--most", type=int, default=200, help="maximum number of rows (default: 200)")
    new.add_argument("--skip-bad", action="store_true", help="leave out lines that cannot be used")
    prompts.verb("list", list_prompt_sets, "list the prompt sets, newest first")
    show = prompts.verb("show", show_prompt_set, "show the prompts of a set")
    show.add_argument("name", help=_SET)
    show.add_argument("--page", type=int, default=1, help="page to show (default: 1)")
    show.add_argument("--search", default="", help="only prompts with these words")
    remove = prompts.verb("rm", delete_prompt_set, "delete a set; evaluations keep the prompts they need")
    remove.add_argument("name", help=_SET)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("set", help=_SET)
    parser.add_argument("--model", required=True, help="base model, by name")
    parser.add_argument("--adapter", action="append", default=[], help="adapter, by name; repeat for more")
    parser.add_argument("--no-base", action="store_true", help="leave out the base model")
    add_precision(parser)
    parser.add_argument("--name", default="", help="name of the evaluation (default: the set's)")
    parser.add_argument("--key", help="submitting again with the same key does nothing")
    parser.add_argument("--wait", action="store_true", help="wait until it ends, and run it here if no server does")
    add_sampling(parser, max_new_tokens=256)


def _add_evaluations(evaluations: Commands) -> None:
    evaluations.verb("list", list_evaluations, "list the evaluations, newest first")
    evaluations.verb("show", show_evaluation, "show an evaluation with its scores").add_argument(
        "id", type=int, help=_ID
    )
    evaluations.verb("stop", stop_evaluation, "stop an evaluation and keep its answers").add_argument(
        "id", type=int, help=_ID
    )
    resume = evaluations.verb("resume", resume_evaluation, "continue an evaluation, and retry what failed")
    resume.add_argument("id", type=int, help=_ID)
    resume.add_argument("--wait", action="store_true", help="wait until it ends")
    export = evaluations.verb("export", export_evaluation, "print all answers of an evaluation")
    export.add_argument("id", type=int, help=_ID)
    export.add_argument("--format", choices=["csv", "jsonl"], default="csv", help="default: csv")
    evaluations.verb("rm", delete_evaluation, "delete an evaluation with its answers").add_argument(
        "id", type=int, help=_ID
    )


def _add_votes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--export", choices=["csv", "jsonl"], help="print the votes themselves instead of the leaderboard"
    )
    parser.add_argument("--search", default="", help="only those with these words in their name or base model")
    parser.add_argument("--blind", action="store_true", help="only votes cast without seeing the names")


# prompt sets


def add_prompt_set(arguments: argparse.Namespace) -> None:
    if sum(map(bool, (arguments.file, arguments.dataset, arguments.run))) != 1:
        raise InvalidInput("Where are the prompts?", "Give a file (- for standard input), or --run, or --dataset.")
    with open_studio(arguments) as studio:
        if arguments.run:
            id = studio.prompt_sets.from_run(arguments.run, arguments.most, name=arguments.name)
        elif arguments.dataset:
            id = studio.prompt_sets.from_dataset(arguments.dataset, arguments.most, name=arguments.name)
        else:
            text = _read(arguments.file)
            id = studio.prompt_sets.add(arguments.name, text, skip_bad=arguments.skip_bad)
        prompt_set = studio.prompt_sets.get(id)
    sentence = f"{prompt_set['name']}: {prompt_set['prompts']} prompts, {prompt_set['references']} with a reference."
    show(arguments, {k: prompt_set[k] for k in ("id", "name", "source", "prompts", "references")}, sentence)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except UnicodeError as error:  # whose own words name codecs
        raise InvalidInput("This file is not UTF-8 text.", "Save it as UTF-8, then choose it again.") from error
    except OSError as error:
        raise InvalidInput(
            "{file} cannot be read: {reason}.", "Give a text file in UTF-8.", file=file, reason=error
        ) from error


def list_prompt_sets(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        rows = studio.prompt_sets.list()
    show(arguments, rows, table(rows, ["id", "name", "prompts", "references", "source"], "No prompt set yet."))


def show_prompt_set(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        id = studio.prompt_sets.find(arguments.name)
        prompt_set = studio.prompt_sets.get(id, arguments.page, search=arguments.search)
    rows = [item | {k: _line(item[k]) for k in ("text", "reference")} for item in prompt_set["items"]]
    text = table(rows, ["place", "text", "reference"], "No prompt contains these words.")
    show(arguments, prompt_set, f"{text}\n\nPage {prompt_set['page']} of {prompt_set['pages']}")


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_CELL_CHARACTERS else cut(line, MAX_CELL_CHARACTERS - 1) + "…"


def delete_prompt_set(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        studio.prompt_sets.delete(studio.prompt_sets.find(arguments.name))
    show(arguments, {"deleted": arguments.name}, f"{arguments.name} is deleted.")


# evaluations


def evaluate(arguments: argparse.Namespace) -> int:
    columns = [] if arguments.no_base else [Column(model=arguments.model, precision=arguments.precision)]
    columns += [
        Column(model=arguments.model, precision=arguments.precision, shares=(Share(adapter=name),))
        for name in arguments.adapter
    ]
    sampling = read_sampling(arguments)
    with open_studio(arguments) as studio:
        set_id = studio.prompt_sets.find(arguments.set)
        id = studio.evaluations.submit(set_id, columns, sampling, arguments.name, arguments.key)
        if not arguments.wait:
            sentence = f"Evaluation {id} is queued: the server works on it. See studio evaluations show {id}."
            show(arguments, studio.evaluations.get(id), sentence)
            return 0
        end = _follow(studio, id)
        whole = _whole(studio, id)
    show(arguments, whole, _text(whole))
    return _exit_code(end)


def _follow(studio: Studio, id: int) -> Mapping[str, Any]:
    """How it is once it is over; Ctrl-C leaves it to the next server."""
    line = ProgressLine()

    def over() -> Mapping[str, Any] | None:
        now = studio.evaluations.get(id)
        fault = str(StudioError.from_dict(now["fault"])) if now["fault"] else ""
        line.update(f"Evaluation {id} {now['status']}", now["answered"], now["total"], fault)
        return None if now["status"] in _OPEN else now

    try:
        return wait(studio, over)
    except KeyboardInterrupt:
        say(f"\nEvaluation {id} stays open: a server continues it. studio evaluations stop {id} ends it.")
        raise
    finally:
        line.close()


def _exit_code(end: Mapping[str, Any]) -> int:
    """0 where every column has answered every prompt; else says why not."""
    if end["status"] == "finished" and not end["errors"]:
        return 0
    say(
        str(StudioError.from_dict(end["fault"]))
        if end["fault"]
        else f"The evaluation is {end['status']}; {end['errors']} answers failed."
    )
    return 1


def _whole(studio: Studio, id: int) -> dict[str, Any]:
    return studio.evaluations.get(id) | {"summary": studio.evaluations.summary(id)["columns"]}


def _text(whole: Mapping[str, Any]) -> str:
    figures = ["answered", "errors", *(metric.name for metric in applicable(whole["references"]))]
    rows = [
        {"column": c["name"] or "base", "model": c["model"]} | {k: c.get(k) for k in figures} | c["scores"]
        for c in whole["summary"]
    ]
    head = details({k: v for k, v in whole.items() if k not in ("columns", "summary")})
    return f"{head}\n\n{table(rows, ['column', 'model', *figures], '')}"


def list_evaluations(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        rows = studio.evaluations.list()
    columns = ["id", "name", "status", "set_name", "answered", "total", "errors", "created_at"]
    show(arguments, rows, table(rows, columns, "No evaluation yet."))


def show_evaluation(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        whole = _whole(studio, arguments.id)
    show(arguments, whole, _text(whole))


def stop_evaluation(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        studio.evaluations.stop(arguments.id)
        now = studio.evaluations.get(arguments.id)
    show(arguments, now, f"Evaluation {arguments.id} is stopped; its answers are kept.")


def resume_evaluation(arguments: argparse.Namespace) -> int:
    with open_studio(arguments) as studio:
        studio.evaluations.resume(arguments.id)
        end = _follow(studio, arguments.id) if arguments.wait else None
        whole = _whole(studio, arguments.id)
    show(arguments, whole, _text(whole) if end else f"Evaluation {arguments.id} is queued: the server works on it.")
    return _exit_code(end) if end else 0


def delete_evaluation(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        studio.evaluations.delete(arguments.id)
    show(arguments, {"deleted": arguments.id}, f"Evaluation {arguments.id} is deleted.")


def export_evaluation(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        sys.stdout.write(studio.evaluations.export(arguments.id, arguments.format))


# votes


def show_votes(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        if arguments.export:
            sys.stdout.write(studio.votes.export(arguments.export))
            return
        rows = studio.votes.standings(arguments.search, blind_only=arguments.blind)
        agreement = studio.votes.agreement()
    named_rows = [row | {"name": row["name"] or "base"} for row in rows]
    columns = ["name", "model", "precision", "votes", "wins", "ties", "bad", "rate", "low", "high"]
    text = table(named_rows, columns, "No vote yet.")
    if agreement:
        text += "\n\nVotes on the same comparison that agree:\n"
        text += table(agreement, ["since", "pairs", "same", "share"], "")
    show(arguments, {"standings": rows, "agreement": agreement}, text)
