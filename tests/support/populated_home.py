"""A home with one of everything, so that whoever asks for a thing within a thing finds it."""

from __future__ import annotations

import json
import time
from pathlib import Path

from studio.app import build
from studio.domain.columns import Column
from studio.domain.events import Evaluated, Finished, Saved, Step
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.models import ModelReference
from studio.domain.jobs.training import TrainRequest
from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import read_spec
from studio.services.datasets.service import Datasets
from studio.settings import read_settings
from studio.store.job_folder import JobFolder
from tests.support.fakes import ImmediateEngine
from tests.support.hostile_input import whole_model
from tests.support.sample_adapters import adapter_fields, write_adapter
from tests.support.training_jobs import captain_rows

STEPS = 8


def inhabit(home: Path) -> None:
    """A model, two datasets (one with problems), a finished run with a checkpoint and an adapter, one that is on hold,
    prompts with an evaluation, and a chat."""
    home.mkdir(parents=True, exist_ok=True)
    studio = build(read_settings({}, home=home))
    try:
        catalogue = studio.catalogue
        model = whole_model(home / "brought" / "tiny")
        catalogue.add_model(
            name="tiny", reference=str(model), source="folder", status="ready", path=str(model), chat_template=True
        )
        text = "".join(json.dumps(row) + "\n" for row in captain_rows(20))
        datasets = Datasets(catalogue, ImmediateEngine(), studio.settings.folder("datasets"), lambda: None)
        for name, content in (("rows", text), ("flawed", text + '{"broken"\n')):
            file = home / "brought" / f"{name}.jsonl"
            file.write_text(content)
            datasets.add([file], file_names=[file.name])
        datasets.tick()
        assert [d.status for d in datasets.list()] == ["ready", "ready"]
        spec = read_spec({"model": {"name": "tiny"}, "data": {"name": "rows"}})
        done, _ = studio.runs.submit(spec, "done"), studio.run_control.hold(studio.runs.submit(spec, "waits"))
        folder = JobFolder(studio.settings.folder("runs") / str(done))
        folder.prepare(
            TrainRequest(
                run=done, name="done", spec=spec, model=ModelReference(name="tiny", path=str(model)),
                dataset=DatasetReference(name="rows", sha256="ab"), adapter="",
            )
        )  # fmt: skip
        catalogue.change_run(done, RunStatus.STARTING, attempt=1, folder=str(folder.path))
        catalogue.change_run(done, RunStatus.RUNNING)
        for step in range(1, STEPS + 1):
            folder.append(Step(step=step, epoch=step / STEPS, loss=1.0, learning_rate=0.1))
        adapter = write_adapter(home / "adapters" / "captain-1")
        write_adapter(folder.checkpoints / "checkpoint-8")
        folder.append(Evaluated(step=STEPS, loss=1.0, best=True))
        folder.append(Saved(step=STEPS, path=str(folder.checkpoints / "checkpoint-8"), best=True))
        folder.append(Finished(path=str(adapter), step=STEPS))
        catalogue.add_adapter(**adapter_fields(adapter, name="captain", base_name="tiny", run_id=done, model_id=1))
        catalogue.change_run(done, RunStatus.FINISHED, ended_at=time.time())
        prompts = studio.prompt_sets.add("prompts", "Who are you?\nWhere is rope?\n")
        columns = [Column(model="tiny")]
        evaluation = studio.evaluations.submit(prompts, columns, {}, "evaluation")
        catalogue.change_evaluation(evaluation, only=("queued",), status="stopped")
        studio.conversations.save(None, "chat", {"columns": [{"messages": [{"role": "user", "content": "x"}]}]})
    finally:
        studio.close()
