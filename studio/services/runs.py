"""Runs: submit, stop, look at. Starting them is the dispatcher's."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from typing import Any

from studio.domain.chat_templates import AUTOMATIC, has_its_own
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.naming import check_name
from studio.domain.run import RunStatus
from studio.domain.spec import DataSpec, RunSpec
from studio.services.datasets import check_ready
from studio.store.catalogue import Catalogue
from studio.store.run_folder import RunFolder
from studio.store.tables import Dataset, Metric, Run

_SECRET = re.compile(r"\b(hf_[A-Za-z0-9]{8,}|Bearer\s+\S+)")


class Runs:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def submit(self, spec: RunSpec, name: str, *, key: str | None = None, owner: str = "") -> int:
        """Queues a run that makes the adapter `name`; returns its id at once. The same `key` queues once.

        Raises:
            InvalidInput: the name is bad or taken, or model or dataset cannot be used; `fields` says which.
        """
        faults: dict[str, StudioError] = {}
        try:
            name = check_name(name)
        except InvalidInput as fault:
            faults["name"] = fault
        model = None
        try:
            model = self._catalogue.model(spec.model.name)
            if model.status != "ready":
                faults["model.name"] = StudioError(
                    "The base model “{name}” is not ready yet.", "Wait until it is, or choose another.", name=model.name
                )
            elif model.chat_template and spec.model.chat_template != AUTOMATIC:
                faults["model.chat_template"] = has_its_own()
        except InvalidInput as fault:
            faults["model.name"] = fault
        dataset, validation = self._judge_data(spec.data, faults)
        if key and not faults and (earlier := self._catalogue.run_by_key(key)):
            return earlier.id
        if "name" not in faults and self._name_is_taken(name):
            faults["name"] = StudioError(
                "There is already an adapter or a run in progress named “{name}”.", "Choose another name.", name=name
            )
        if faults or model is None or dataset is None:
            first = next(iter(faults.values()))
            raise InvalidInput(first.template, first.remedy_template, fields=faults, **first.values)
        run = self._catalogue.add_run(
            name=name,
            key=key,
            spec=_pinned(spec, validation).model_dump(mode="json"),
            model_id=model.id,
            dataset_id=dataset.id,
            model_name=model.name,
            dataset_name=dataset.name,
            dataset_version=dataset.version,
            owner=owner,
        )
        return run.id

    def _judge_data(self, data: DataSpec, faults: dict[str, StudioError]) -> tuple[Dataset | None, Dataset | None]:
        """The dataset and its validation set, if any; what is wrong with them goes to `faults`."""
        dataset = validation = None
        try:
            dataset = self._ready_dataset(data.name)
            if dataset.bad_rows:
                faults["data.name"] = StudioError(
                    "{count} rows of “{name}” cannot be trained on.",
                    "Skip them on the Datasets page: that makes a clean version.",
                    count=dataset.bad_rows,
                    name=dataset.name,
                )
            if dataset.trainable_rows - data.eval_rows(dataset.trainable_rows) < 1:
                faults["data.validation_split"] = StudioError(
                    "The dataset has {rows} rows, and none would be left to train on.",
                    "Lower the validation split or add rows.",
                    rows=dataset.trainable_rows,
                )
        except InvalidInput as fault:
            faults["data.name"] = fault
        try:
            if data.validation_name:
                validation = self._ready_dataset(data.validation_name)
                if validation.trainable_rows < 1:
                    faults["data.validation_name"] = StudioError(
                        "“{name}” has no row that can be learned.", "Choose another dataset.", name=validation.name
                    )
                elif dataset is not None and validation.sha256 == dataset.sha256:
                    faults["data.validation_name"] = StudioError(
                        "These are the rows that are trained on.", "Choose another dataset, or none to split this one."
                    )
        except InvalidInput as fault:
            faults["data.validation_name"] = fault
        return dataset, validation

    def _ready_dataset(self, name: str) -> Dataset:
        """Raises InvalidInput: there is none, or it has no rows yet."""
        dataset = self._catalogue.dataset(name)
        check_ready(dataset)
        return dataset

    def _name_is_taken(self, name: str) -> bool:
        open_runs = self._catalogue.runs(RunStatus.QUEUED, *(s for s in RunStatus if s.has_worker))
        return any(r.name == name for r in open_runs) or any(a.name == name for a in self._catalogue.adapters(name))

    def free_name(self, wanted: str) -> str:
        """`wanted`, or with the first number behind it that makes it free."""
        name, number = wanted, 1
        while self._name_is_taken(name):
            number += 1
            name = f"{wanted}-{number}"
        return name

    def list(self) -> Sequence[Run]:
        """Newest first."""
        return self._catalogue.runs()

    def get(self, id: int) -> Run:
        """Raises NotFound."""
        return self._catalogue.run(id)

    def stop(self, id: int, *, now: float | None = None) -> None:
        """Asks a run to end after its present step and to save its adapter; one that waits is cancelled.

        Raises:
            NotFound: there is no such run.
            InvalidInput: it is over already.
        """
        run = self._catalogue.run(id)
        status = RunStatus(run.status)
        now = time.time() if now is None else now
        if status is RunStatus.QUEUED:
            self._catalogue.change_run(id, RunStatus.CANCELLED, ended_at=now)
        elif status.has_worker:
            RunFolder(run.folder).ask_stop()
            if status is not RunStatus.STOPPING:
                self._catalogue.change_run(id, RunStatus.STOPPING, stop_asked=now)
        else:
            raise InvalidInput("Run {id} is {status} already.", "There is nothing to stop.", id=id, status=run.status)

    def now(self) -> dict[str, Any] | None:
        """What trains now, or waits next: run, name, status ("running" or "queued"), percent, and how many wait."""
        under_way, waiting = self._catalogue.runs_with_worker(), self._catalogue.runs(RunStatus.QUEUED)
        for status, runs in (("running", under_way), ("queued", waiting)):
            if runs:
                run = runs[-1]
                percent = 100 * run.step // run.total_steps if run.total_steps else None
                return {
                    "run": run.id, "name": run.name, "status": status, "percent": percent, "waiting": len(waiting)
                }  # fmt: skip
        return None

    def outline(self, run: Run) -> Sequence[float | None]:
        """A few dozen training losses over the whole run."""
        return self._catalogue.losses(run)

    def metrics(self, id: int, *, after: float = 0.0) -> Sequence[dict[str, Any]]:
        """The curve in order of time, from a moment on: step, kind (step or eval), loss and the other figures."""
        return [_plain(m) for m in self._catalogue.metrics(id, after=after)]

    def newest_steps(self, id: int) -> Sequence[Metric]:
        """The last twenty, in their order."""
        return self._catalogue.newest_steps(id, 20)

    def log_tail(self, id: int) -> str:
        """What the worker printed last, with anything that looks like a token masked."""
        run = self._catalogue.run(id)
        return _SECRET.sub("***", RunFolder(run.folder).log_tail()) if run.folder else ""


def _pinned(spec: RunSpec, validation: Dataset | None) -> RunSpec:
    """The spec with the validation set's very version, since the name alone means the newest."""
    if validation is None:
        return spec
    data = spec.data.model_copy(update={"validation_name": validation.reference})
    return spec.model_copy(update={"data": data})


def seconds_left(run: Run, steps: Sequence[Metric]) -> float | None:
    """From the pace of its newest `steps`; None where it cannot be known yet."""
    if len(steps) < 2 or not run.total_steps:
        return None
    first, last = steps[0], steps[-1]
    pace = (last.at - first.at) / max(1, last.step - first.step)
    return max(0.0, pace * (run.total_steps - last.step))


def _plain(metric: Metric) -> dict[str, Any]:
    values = metric.as_dict()
    del values["run_id"]
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            values[key] = None
    return values
