"""Runs: submit and look up. The dispatcher starts them; see control for what a person asks of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.naming import check_name
from studio.domain.quantization import stored_quantization
from studio.domain.run import RunStatus
from studio.domain.spec.data import DataSpec, MixedDataset
from studio.domain.spec.model import ModelSpec
from studio.domain.spec.run_spec import RunSpec
from studio.domain.translation import N_
from studio.services.datasets.status import check_ready
from studio.services.models.layers import BaseWeights, read_base_weights
from studio.services.models.status import check_ready as check_model
from studio.services.runs import checks as run_checks
from studio.services.runs.plan import Plan, plan
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.model_config import model_config
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from studio.store.tables.runs import Metric, Run, Sample, Transition

MAX_POINTS = 1000  # of a curve that is drawn at once


class Runs:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def submit(
        self,
        spec: RunSpec,
        name: str,
        *,
        key: str | None = None,
        owner: str = "",
        device: str = "",
        hold: bool = False,
    ) -> int:
        """Queues a run that makes the adapter `name`; returns its id at once. The same `key` queues once.

        Raises:
            InvalidInput: the name is bad or taken, or model or dataset cannot be used; `fields` says which.
        """
        if key and (earlier := self._catalogue.run_by_key(key)):
            return earlier.id
        fields = self.prepare(spec, name)
        return self._catalogue.add_run(**fields, key=key, owner=owner, device=device, held=hold).id

    def prepare(self, spec: RunSpec, name: str) -> dict[str, Any]:
        """What the catalogue keeps of a run with this spec that makes the adapter `name`.

        Raises:
            InvalidInput: as `submit` does.
        """
        faults: dict[str, StudioError] = {}
        try:
            name = check_name(name)
        except InvalidInput as fault:
            faults["name"] = fault
        model = self._judge_model(spec.model, faults)
        datasets, validation = self._judge_data(spec.data, faults)
        dataset = datasets[0] if datasets else None
        run_plan = _plan_of(spec, datasets, validation)
        faults |= run_checks.faults(
            spec,
            context=model.context if model else 0,
            plan=run_plan,
            base=_base_of(model),
            format=dataset.format if dataset else None,
            validation_format=validation.format if validation else None,
            datasets=datasets,
        )
        if "name" not in faults and self._name_is_taken(name):
            faults["name"] = StudioError(
                "There is already an adapter or a run in progress named “{name}”.", "Choose another name.", name=name
            )
        if faults or model is None or dataset is None:
            first = next(iter(faults.values()))
            raise InvalidInput(first.template, first.remedy_template, fields=faults, **first.values)
        spec = _pin_versions(spec, datasets, validation)
        return {
            "name": name,
            "spec": spec.model_dump(mode="json"),
            "model_id": model.id,
            "dataset_id": dataset.id,
            "model_name": model.name,
            "dataset_name": dataset.name,
            "dataset_version": dataset.version,
            "mixture": [str(each) for each in spec.data.mix],
        }

    def notes(self, spec: RunSpec) -> Sequence[StudioError]:
        """What of the spec works, but is hardly meant; nothing where its dataset cannot be used."""
        run_plan = _plan_of(spec, *self._judge_data(spec.data, {}))
        return run_checks.notes(spec, run_plan) if run_plan else []

    def _judge_model(self, spec: ModelSpec, faults: dict[str, StudioError]) -> Model | None:
        """The base model; what is wrong with it goes to `faults`."""
        try:
            model = self._catalogue.model(spec.name)
            check_model(model)
        except InvalidInput as fault:
            faults["model.name"] = fault
            return None
        try:
            if (quantization := stored_quantization(model_config(model.path))) is not None:
                quantization.check_precision(spec.precision)
        except StudioError as fault:
            faults["model.precision"] = fault
        return model

    def _judge_data(self, data: DataSpec, faults: dict[str, StudioError]) -> tuple[list[Dataset], Dataset | None]:
        """The datasets, none where one cannot be used, and the validation set, if any; what is wrong with them goes to
        `faults`."""
        validation = None
        datasets = [self._judge_dataset(name, data, faults, first=not at) for at, name in enumerate(data.names)]
        try:
            if data.validation_name:
                validation = self._ready_dataset(data.validation_name)
                if validation.trainable_rows < 1:
                    faults["data.validation_name"] = StudioError(
                        "“{name}” has no row that can be trained on.", "Choose another dataset.", name=validation.name
                    )
                elif any(dataset and validation.sha256 == dataset.sha256 for dataset in datasets):
                    faults["data.validation_name"] = StudioError(
                        "This is the dataset that is trained on.", "Choose another dataset, or none to split this one."
                    )
        except InvalidInput as fault:
            faults["data.validation_name"] = fault
        return [d for d in datasets if d] if all(datasets) else [], validation

    def _judge_dataset(
        self, name: str, data: DataSpec, faults: dict[str, StudioError], *, first: bool
    ) -> Dataset | None:
        """One that is trained on; None where it has no rows to look at."""
        field = "data.name" if first else "data.mix"
        try:
            dataset = self._ready_dataset(name)
        except InvalidInput as fault:
            faults[field] = fault
            return None
        if dataset.bad_rows:
            faults[field] = StudioError(
                "{count} {count:row|rows} of “{name}” cannot be trained on.",
                N_("Mend or skip them on the Datasets page: that makes a new version.")
                if dataset.rows
                else N_("Mend them on the Datasets page, or choose other columns there."),
                count=dataset.bad_rows,
                name=dataset.name,
            )
        if dataset.trainable_rows - data.eval_rows(dataset.trainable_rows) < 1:
            faults["data.validation_split"] = StudioError(
                "“{name}” has {rows} {rows:row|rows}, and none would be left to train on.",
                "Lower the validation split or add rows.",
                name=dataset.name,
                rows=dataset.trainable_rows,
            )
        return dataset

    def _ready_dataset(self, name: str) -> Dataset:
        """Raises InvalidInput: there is none, or it has no rows yet."""
        dataset = self._catalogue.dataset(name)
        check_ready(dataset)
        return dataset

    def _name_is_taken(self, name: str) -> bool:
        open_runs = self._catalogue.runs(RunStatus.QUEUED, *(s for s in RunStatus if s.has_worker))
        return any(r.name == name for r in open_runs) or any(a.name == name for a in self._catalogue.adapters(name))

    def free_name(self, preferred_name: str) -> str:
        """`preferred_name`, or with the first number behind it that makes it free."""
        name, number = preferred_name, 1
        while self._name_is_taken(name):
            number += 1
            name = f"{preferred_name}-{number}"
        return name

    def list(self) -> Sequence[Run]:
        """Newest first."""
        return self._catalogue.runs()

    def get(self, id: int) -> Run:
        """Raises NotFound."""
        return self._catalogue.run(id)

    def now(self) -> dict[str, Any] | None:
        """What trains now, else what is next, else what is on hold: run, name, status, held, stage, percent of its
        steps while there are some left, and how many others are queued (`waiting`) and on hold (`on_hold`)."""
        queue = self._catalogue.queue()
        waiting, on_hold = [run for run in queue if not run.held], [run for run in queue if run.held]
        run = next(iter([*reversed(self._catalogue.runs_with_worker()), *waiting, *on_hold]), None)
        if run is None:
            return None
        goes_on = run.status == RunStatus.RUNNING and run.step < run.total_steps
        return {
            "run": run.id,
            "name": run.name,
            "status": run.status,
            "held": run.held,
            "stage": stage_of(run),
            "percent": 100 * run.step // run.total_steps if goes_on else None,
            "waiting": sum(other.id != run.id for other in waiting),
            "on_hold": sum(other.id != run.id for other in on_hold),
        }

    def outline(self, run: Run) -> Sequence[float | None]:
        """A few dozen training losses over the whole run."""
        return self._catalogue.losses(run)

    def metrics(self, id: int, *, after: int = -1) -> Sequence[dict[str, Any]]:
        """The curve in the order it was recorded, what has a larger `seq` alone: step, kind (step or eval), seq, loss
        and the other figures."""
        return [_plain(m) for m in self._catalogue.metrics(id, after=after)]

    def curve(self, id: int) -> tuple[Sequence[dict[str, Any]], int]:
        """The whole curve in at most about a thousand points, smallest and largest losses among them, and the `seq`
        that what comes later is larger than."""
        newest = self._catalogue.newest_seq(id)  # asked first: what is recorded meanwhile may come twice, never not
        return [_plain(m) for m in self._catalogue.curve(id, MAX_POINTS)], newest

    def means(self, id: int) -> Sequence[tuple[int, float | None, int]]:
        """Where `curve` leaves steps out, what a smoothed curve is made of instead: of each stretch its last step, its
        mean training loss, and how many steps it has."""
        return self._catalogue.means(id, MAX_POINTS)

    def newest_seq(self, id: int) -> int:
        """That of the newest figure or sample answer."""
        return self._catalogue.newest_seq(id)

    def samples(self, id: int, *, after: int = -1) -> Sequence[Sample]:
        """What was answered to the fixed prompts, by step and place."""
        return self._catalogue.samples(id, after=after)

    def history(self, id: int) -> Sequence[Transition]:
        """Each state it was in with time and reason, and notes of what happened in between."""
        return self._catalogue.history(id)

    def last_beat(self, run: Run) -> float | None:
        """When its worker last gave a sign of life."""
        return JobFolder(run.folder).last_beat() if run.folder else None

    def newest_steps(self, id: int) -> Sequence[Metric]:
        """The last twenty, in their order."""
        return self._catalogue.newest_steps(id, 20)

    def log_tail(self, id: int) -> str:
        """What the worker printed last."""
        run = self._catalogue.run(id)
        return JobFolder(run.folder).log_tail() if run.folder else ""


def _base_of(model: Model | None) -> BaseWeights | None:
    """Its layers; None where they cannot be read, which its worker will say."""
    try:
        return read_base_weights(model.path) if model else None
    except StudioError:
        return None


def _plan_of(spec: RunSpec, datasets: Sequence[Dataset], validation: Dataset | None) -> Plan | None:
    """Rows and steps; None where there is no row to train on."""
    rows = [dataset.trainable_rows for dataset in datasets]
    return plan(spec, rows, validation.trainable_rows if validation else 0) if rows and min(rows) > 0 else None


def _pin_versions(spec: RunSpec, datasets: Sequence[Dataset], validation: Dataset | None) -> RunSpec:
    """The spec with the very versions of the validation set and of what the first dataset is mixed with, since a name
    alone means the newest."""
    pinned: dict[str, Any] = {"validation_name": validation.reference} if validation else {}
    pinned["mix"] = [
        MixedDataset(name=dataset.reference, weight=each.weight)
        for dataset, each in zip(datasets[1:], spec.data.mix, strict=True)
    ]
    return spec.model_copy(update={"data": spec.data.model_copy(update=pinned)})


def stage_of(run: Run) -> str:
    """What its worker is at besides its steps, as events.Progress names it; empty while it does them. Once they are all
    done it is "finishing", whatever has not been told of yet."""
    is_done = run.status == RunStatus.RUNNING and 0 < run.total_steps <= run.step
    return run.stage or ("finishing" if is_done else "")


def state_word(run: Run) -> str:
    """Its status as a person reads it: a run on hold is in the queue and waits for somebody, not for its turn."""
    return "on hold" if run.held and run.status == RunStatus.QUEUED else run.status


def seconds_left(run: Run, steps: Sequence[Metric]) -> float | None:
    """Until its last step, from the pace of those of its newest `steps` that this attempt did; None where it does none,
    where too few are known yet, and where all are done: what comes then is told by its stage."""
    steps = [step for step in steps if step.seq > run.attempt_offset]
    if run.status != RunStatus.RUNNING or len(steps) < 2 or run.step >= run.total_steps:
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
