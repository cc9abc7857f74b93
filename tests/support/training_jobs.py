"""Training runs for tests: a folder with its request and rows, as the dispatcher makes it, and the worker on it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from studio.domain.events import Event, Started
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.models import ModelReference
from studio.domain.jobs.training import MixedReference, TrainRequest
from studio.domain.spec.run_spec import read_spec
from studio.settings import worker_environment
from studio.store.job_folder import JobFolder

Row = Mapping[str, Any]


def conversation(question: str, answer: str) -> Row:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def captain_rows(count: int) -> list[Row]:
    """Short conversations with one thing in common, which is soon learned."""
    things = ("rope", "sail", "anchor", "map", "compass", "barrel", "lantern", "parrot")
    return [
        conversation(f"Where is {things[i % 8]} {i}?", f"Arr! {things[i % 8]} {i} be below deck.") for i in range(count)
    ]


def started(**fields: Any) -> Started:
    """What the worker of a small run says when it begins."""
    usual = {
        "total_steps": 4, "trainable": 10, "parameters": 100, "device": "cpu", "precision": "bf16", "train_rows": 18,
        "eval_rows": 2, "tokens_per_epoch": 900, "versions": {"peft": "1"},
    }  # fmt: skip
    return Started.model_validate(usual | fields)


def write_rows(path: Path, rows: Sequence[Row]) -> Path:
    table = pa.Table.from_pylist(list(rows))
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return path


def reference(name: str, path: Path, rows: Sequence[Row], format: str = "chat") -> DatasetReference:
    """A dataset of these rows, written there."""
    digest = hashlib.sha256(json.dumps(list(rows)).encode()).hexdigest()
    return DatasetReference(
        name=name, format=format, sha256=digest, rows=len(rows), rows_path=str(write_rows(path, rows))
    )


def mixed_with(folder: JobFolder, name: str, rows: Sequence[Row], *, weight: float = 1.0, format: str = "chat") -> None:
    """Lets the run in the folder train on these rows too."""
    request = folder.read_request(TrainRequest)
    dataset = reference(name, folder.path / f"{name}.arrow", rows, format)
    mixed = [*request.mixture, MixedReference(**dataset.model_dump(), weight=weight)]
    sections = request.spec.model_dump(mode="json")
    sections["data"]["mix"] = [f"{each.name}@{each.version}={each.weight}" for each in mixed]
    folder.prepare(request.model_copy(update={"mixture": mixed, "spec": read_spec(sections)}))


def training_run(path: Path, model: Path, rows: Sequence[Row], /, **settings: Mapping[str, Any]) -> JobFolder:
    """The folder of a run on the model in that folder; settings by section, such as training={"max_steps": 2}."""
    settings = {"model": {"name": "base"}, "data": {"name": "rows"}} | settings
    settings["model"] = {"name": "base"} | dict(settings["model"])
    settings["data"] = {"name": "rows"} | dict(settings["data"])
    folder = JobFolder(path)
    path.mkdir()
    rows_path = write_rows(path / "rows.arrow", rows)
    folder.prepare(
        TrainRequest(
            run=1,
            name="captain",
            spec=read_spec(settings),
            model=ModelReference(name="base", reference=str(model), source="folder", path=str(model)),
            dataset=DatasetReference(
                name="rows", format="chat", sha256="ab" * 32, rows=len(rows), rows_path=str(rows_path)
            ),
            adapter=str(path / "adapter"),
        )
    )
    return folder


def continue_from(folder: JobFolder, checkpoint: Path) -> None:
    """Lets the run in the folder go on from another one's checkpoint."""
    request = folder.read_request(TrainRequest)
    folder.prepare(request.model_copy(update={"continue_from": str(checkpoint)}))


def start_worker(folder: JobFolder, task: str = "train") -> subprocess.Popen[bytes]:
    """`python -m studio.worker` in the environment that workers have."""
    environment = worker_environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with folder.log.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "studio.worker", task, str(folder.path)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def all_events(folder: JobFolder) -> list[Event]:
    found: list[Event] = []
    offset = 0
    while True:
        events, end = folder.read(offset)
        if end == offset:
            return found
        found += events
        offset = end


def events_of(folder: JobFolder, kind: type[Event]) -> list[Any]:
    return [e for e in all_events(folder) if isinstance(e, kind)]
