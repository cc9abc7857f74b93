"""`studio models`: base models."""

from __future__ import annotations

import argparse

from studio.cli.commands import Commands
from studio.cli.output import ProgressLine, details, show, table
from studio.cli.session import open_studio, records, wait
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.models import ModelReport
from studio.services.models.status import fault_of
from studio.store.tables.models import Model


def add_parser(commands: Commands) -> None:
    models = commands.noun("models", "base models")
    add = models.verb("add", add_model, "download a base model and prepare it")
    add.add_argument("reference", help="starter, a Hub id such as HuggingFaceTB/SmolLM2-360M-Instruct, or a folder")
    models.verb("list", list_models, "list the base models")
    delete = models.verb("delete", delete_model, "remove a base model; your own files and the Hub's cache stay")
    delete.add_argument("name", help="base model, by the name or reference that `models list` shows")
    delete.add_argument(
        "--yes", action="store_true", help="remove it even if adapters were trained on it: they cannot answer then"
    )
    check = models.verb("check", check_model, "load a base model and report what it can do here")
    check.add_argument("name", help="base model, by the name that `models list` shows")


def add_model(arguments: argparse.Namespace) -> None:
    line = ProgressLine()
    with open_studio(arguments) as studio:
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


def list_models(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        rows = records(studio.models.list())
    columns = ["name", "status", "reference", "revision", "parameters", "size"]
    show(arguments, rows, table(rows, columns, "No base model yet: studio models add starter"))


def delete_model(arguments: argparse.Namespace) -> None:
    with open_studio(arguments) as studio:
        model = studio.models.get(arguments.name)
        adapters = [adapter.name for adapter in studio.models.adapters(model)]
        if adapters and not arguments.yes:
            raise InvalidInput(
                "Adapters were trained on “{name}”: {adapters}. They stay, but cannot answer until it is added again.",
                "Give --yes to remove it anyway.", name=model.name, adapters=", ".join(adapters),
            )  # fmt: skip
        files_path = model.path if studio.models.keeps_files(model) else ""
        studio.models.delete(model.name)
    words = f"{model.name} is removed." + (
        f" Its files stay, since they do not belong to the studio: {files_path}" if files_path else ""
    )
    show(arguments, {"deleted": model.name, "files_kept": files_path or None}, words)


def check_model(arguments: argparse.Namespace) -> int:
    """Fails where the check found a problem."""
    with open_studio(arguments) as studio:
        name = studio.models.start_check(arguments.name).name
        report = wait(studio, lambda: studio.models.check_result(name))
    show(arguments, report.model_dump(mode="json", exclude_unset=True), _shown_report(name, report))
    return 1 if report.problems else 0


def _shown_report(name: str, report: ModelReport) -> str:
    """As lines of a table, then sentences."""
    yes_no = {True: "yes", False: "no", None: None}
    template = report.template.model_dump(exclude_unset=True) if report.template else {}
    properties = {
        "model": name,
        "causal": yes_no[report.causal],
        "quantization": report.quantization,
        "packing": report.packing,
        "head": report.head,
        "adapters on": ", ".join(report.adapters.layers if report.adapters else []),
        **{k.replace("_", " "): yes_no[v] if isinstance(v, bool) else v for k, v in template.items()},
    }
    groups = [("Problem", report.problems), ("Note", report.all_notes)]
    lines = [f"{kind}: {StudioError.from_dict(one)}" for kind, faults in groups for one in faults]
    return "\n".join([details(properties), *([""] if lines else []), *lines])
