"""The command line's grammar. The flags of `train` are made from the spec."""

from __future__ import annotations

import argparse
from typing import Any, get_args

from studio import __version__
from studio.cli import backup_verbs, dataset_verbs, home_verbs, model_serving, playground_verbs, serving, verbs
from studio.cli.playground_grammar import add_evaluate, add_evaluation_verbs, add_prompt_verbs, add_votes
from studio.cli.run_grammar import add_run_verbs
from studio.cli.sampling_flags import add_sampling
from studio.domain.chat.templates import AUTOMATIC, TemplateChoice
from studio.domain.datasets.file_format import ENCODINGS, SUFFIXES
from studio.domain.datasets.formats import Format
from studio.domain.spec.presets import PRESETS
from studio.domain.spec.spec import describe
from studio.settings import DEFAULT_HOME, VARIABLES


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="studio",
        description="Fine-tune, compare and publish LoRA adapters.",
        epilog="Environment:\n" + "\n".join(f"  {v.name:<22} {v.help}" for v in VARIABLES),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Adapter Studio {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", help=f"the studio's folder (default: STUDIO_HOME, else {DEFAULT_HOME})")
    common.add_argument("--database-url", help="SQLAlchemy URL of the catalogue (default: a SQLite file in the home)")
    common.add_argument("--json", action="store_true", help="print JSON instead of text")
    nouns = parser.add_subparsers(metavar="command", required=True)

    serve = nouns.add_parser("serve", parents=[common], help="start the studio's web page")
    serve.add_argument("--host", help="address to listen on (default: this machine alone)")
    serve.add_argument("--port", type=int, default=7860, help="port to listen on (default: 7860; 0 takes a free one)")
    serve.add_argument("--no-browser", action="store_true", help="do not open the browser")
    serve.set_defaults(verb=serving.serve)

    doctor = _verb(
        nouns, common, "doctor", home_verbs.doctor, "say what the home holds that the catalogue does not know"
    )
    doctor.add_argument("--repair", action="store_true", help="take it into the catalogue again; no file is changed")

    backup = _verb(nouns, common, "backup", backup_verbs.backup, "copy the home into one file, also while it is served")
    backup.add_argument("file", help="where to; outside of the home, and not there yet")
    restore = _verb(nouns, common, "restore", backup_verbs.restore, "bring a backup back into an empty --home")
    restore.add_argument("file", help="what `backup` wrote")

    models = _verbs(nouns, "models", "base models")
    add = _verb(models, common, "add", verbs.models_add, "fetch a base model and make it ready")
    add.add_argument("reference", help="starter, a Hub id such as HuggingFaceTB/SmolLM2-360M-Instruct, or a folder")
    _verb(models, common, "list", verbs.models_list, "list the base models")
    delete = _verb(
        models, common, "delete", verbs.models_delete, "remove a base model; files of yours and the Hub's cache stay"
    )
    delete.add_argument("name", help="base model, by the name or reference that `models list` shows")
    delete.add_argument(
        "--yes", action="store_true", help="also if adapters were trained on it: they cannot answer then"
    )
    check = _verb(models, common, "check", verbs.models_check, "load a base model and say what it can do here")
    check.add_argument("name", help="base model, by the name that `models list` shows")

    _datasets(nouns, common)
    _train(nouns, common)

    runs = _verbs(nouns, "runs", "training runs")
    add_run_verbs(lambda name, verb, help: _verb(runs, common, name, verb, help))

    adapters = _verbs(nouns, "adapters", "trained adapters")
    listing = _verb(adapters, common, "list", verbs.adapters_list, "list the adapters, newest first")
    listing.add_argument("--search", default="", help="only those with these words in name, base model or dataset")
    _verb(adapters, common, "show", verbs.adapters_show, "show an adapter with its lineage").add_argument("name")
    _verb(adapters, common, "delete", verbs.adapters_delete, "delete an adapter and its files").add_argument("name")

    _compare(nouns, common)
    _serve_model(nouns, common)
    prompts = _verbs(nouns, "prompts", "prompt sets")
    add_prompt_verbs(lambda name, verb, help: _verb(prompts, common, name, verb, help))
    ask_all = "ask base model and adapters all prompts of a set, and score the answers"
    add_evaluate(_verb(nouns, common, "evaluate", playground_verbs.evaluate, ask_all))
    evaluations = _verbs(nouns, "evaluations", "evaluations")
    add_evaluation_verbs(lambda name, verb, help: _verb(evaluations, common, name, verb, help))
    add_votes(_verb(nouns, common, "votes", playground_verbs.votes, "show how often each column was found best"))
    return parser


def _verbs(nouns: Any, name: str, what: str) -> Any:
    noun = nouns.add_parser(name, help=f"{what}: list, add, show …", description=what.capitalize())
    return noun.add_subparsers(metavar="verb", required=True)


def _verb(noun: Any, common: argparse.ArgumentParser, name: str, verb: Any, help: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = noun.add_parser(name, parents=[common], help=help, description=help.capitalize())
    parser.set_defaults(verb=verb)
    return parser


def _datasets(nouns: Any, common: argparse.ArgumentParser) -> None:
    datasets = _verbs(nouns, "datasets", "datasets")
    kinds = f"{', '.join(SUFFIXES)}, also as .gz or .zip; several are one dataset"

    def reading(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
        verb.add_argument("--encoding", default="", help=f"{', '.join(ENCODINGS)} … (default: found out)")
        verb.add_argument("--delimiter", default="", help="between the cells of a .csv file (default: found out)")
        verb.add_argument("--sheet", default="", help="of an .xlsx file (default: the first one with rows)")
        verb.add_argument(
            "--format", default="", choices=["", *Format], metavar="|".join(Format), help="what the columns make"
        )
        verb.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="PART=COLUMN",
            help="which column holds a part of the format",
        )
        return verb

    add = reading(_verb(datasets, common, "add", dataset_verbs.add, "check files and keep them as a dataset"))
    add.add_argument("file", nargs="*", help=f"{kinds}; sample for the bundled one")
    add.add_argument("--name", help="name in the catalogue (default: the file's)")
    add.add_argument("--hub", metavar="OWNER/NAME", help="a dataset on the Hub instead of files")
    add.add_argument("--config", default="", help="of the dataset on the Hub (default: its own default)")
    add.add_argument("--split", default="train", help="of the dataset on the Hub (default: train)")
    add.add_argument("--revision", default="", help="of the dataset on the Hub (default: the newest)")

    check = reading(
        _verb(
            datasets,
            common,
            "check",
            dataset_verbs.check_file,
            "list every problem of a file; exit code 2 if any row cannot be trained on",
        )
    )
    check.add_argument("file", nargs="+", help=kinds)
    check.add_argument("--model", help="base model, by name: counts its tokens, and what is cut off")
    check.add_argument("--max-length", type=int, default=1024, help="tokens that a row may have (default: 1024)")
    check.add_argument(
        "--chat-template", choices=get_args(TemplateChoice), default=AUTOMATIC, help="that --model is used with"
    )
    check.add_argument("--validation", help="dataset that no row may stand in; needs --model")

    clean = _verb(datasets, common, "clean", dataset_verbs.clean, "make a new version without what is wrong")
    clean.add_argument("name", help="dataset, or name@version")
    clean.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be trained on")
    clean.add_argument("--drop-duplicates", action="store_true", help="keep the first of equal rows")
    clean.add_argument("--near", action="store_true", help="drop near duplicates too")
    clean.add_argument(
        "--trim", action="store_true", help="cut rows to --max-length tokens of --model, at a whole answer"
    )
    clean.add_argument("--model", default="starter", help="base model, by name (default: starter)")
    clean.add_argument("--max-length", type=int, default=1024, help="tokens (default: 1024)")

    _verb(datasets, common, "list", dataset_verbs.listing, "list the datasets, each in its newest version")
    show = _verb(datasets, common, "show", dataset_verbs.look, "show a dataset and its first rows")
    show.add_argument("name", help="dataset, name@version, or the beginning of a hash")
    show.add_argument("--offset", type=int, default=0, help="first row to show (default: 0)")
    show.add_argument("--limit", type=int, default=5, help="how many rows to show (default: 5)")
    show.add_argument("--search", default="", help="only rows with this text")
    problems = _verb(datasets, common, "problems", dataset_verbs.problems, "list everything that is wrong in a dataset")
    problems.add_argument("name")
    problems.add_argument("--code", action="append", default=[], help="only this kind; give it again for more")
    problems.add_argument("--csv", action="store_true", help="as a CSV file")
    again = reading(_verb(datasets, common, "read", dataset_verbs.read_again, "read its files again in another way"))
    again.add_argument("name")
    export = _verb(datasets, common, "export", dataset_verbs.export, "write the clean rows as JSON Lines")
    export.add_argument("name")
    export.add_argument("file")
    delete = _verb(datasets, common, "delete", dataset_verbs.delete, "delete a dataset, or one version of it")
    delete.add_argument("name", help="dataset, or name@version")
    delete.add_argument("--yes", action="store_true", help="also if adapters were trained on it")


def _train(nouns: Any, common: argparse.ArgumentParser) -> None:
    train = _verb(nouns, common, "train", verbs.train, "train an adapter")
    train.add_argument("--model", help="base model, by the name that `models list` shows")
    train.add_argument("--dataset", help="dataset, by the name that `datasets list` shows")
    train.add_argument("--name", required=True, help="name of the adapter")
    train.add_argument(
        "--preset", choices=[p.lower() for p in PRESETS], help="values to begin from, over those of --spec"
    )
    train.add_argument("--spec", metavar="run.json", help="values to begin from: a spec, or the run.json of a run")
    train.add_argument(
        "--sweep",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUES",
        help="several values, such as lora.r=8,16: a run for each combination; give it again for more settings",
    )
    train.add_argument("--follow", action="store_true", help="stay until the run is over; Ctrl-C leaves it running")
    for section in describe():
        group = train.add_argument_group(section["title"])
        for field in section["fields"]:
            if field["name"] == "name":
                continue
            default = field["default"]
            words = f"{field['help']} (default: {str(default).lower() if isinstance(default, bool) else default})"
            group.add_argument(
                f"--{section['name']}.{field['name']}",
                metavar="|".join(c["value"] for c in field["choices"]) or field["kind"].upper(),
                help=words.replace("%", "%%"),
            )


def _serve_model(nouns: Any, common: argparse.ArgumentParser) -> None:
    serving = _verb(
        nouns, common, "serve-model", model_serving.serve_model, "serve a base model and adapters to other programs"
    )
    serving.add_argument("model", help="base model, by name")
    serving.add_argument("--adapter", action="append", default=[], help="adapter, by name; give it again for more")
    serving.add_argument("--precision", default="auto", help="auto, fp32, bf16, 8-bit or 4-bit (default: auto)")
    where = "on this machine alone (default: a free one)"
    serving.add_argument("--port", type=int, default=0, help=where, dest="model_port")


def _compare(nouns: Any, common: argparse.ArgumentParser) -> None:
    compare = _verb(nouns, common, "compare", verbs.compare, "ask base model and adapters the same thing")
    compare.add_argument("--model", required=True, help="base model, by name")
    compare.add_argument("--adapter", action="append", default=[], help="adapter, by name; give it again for more")
    compare.add_argument("--base", action="store_true", help="a column for the base model too")
    compare.add_argument("--prompt", required=True)
    compare.add_argument("--precision", default="auto", help="auto, fp32, bf16, 8-bit or 4-bit (default: auto)")
    add_sampling(compare)
