"""The dispatcher: one step that follows every worker and starts waiting runs.

It is the only writer of what workers report. `tick` is called each second by whoever holds the home's lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from studio.domain.errors import NotFound, StudioError
from studio.domain.events import RunEvent
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.models import ModelReference
from studio.domain.jobs.training import MixedReference, TrainRequest
from studio.domain.naming import slug
from studio.domain.run import Ending, RunStatus, verdict
from studio.domain.spec.data import MixedDataset
from studio.domain.spec.run_spec import read_stored
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.engines.job import Job
from studio.services.models.status import check_ready as check_model
from studio.services.runs.device_placement import place
from studio.services.runs.eviction import PlaygroundEviction
from studio.services.runs.memory_estimate import expected_bytes
from studio.services.runs.outcome import Outcome, RunOutcomes
from studio.services.runs.progress import record_events
from studio.services.shared.fault_isolation import each_by_itself
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.tables.datasets import Dataset
from studio.store.tables.runs import Run

logger = logging.getLogger(__name__)

SECONDS_TO_TERMINATE = 60.0  # after Stop was asked: a step on a slow machine can take that long
SECONDS_TO_KILL = 90.0


class Ticking(Protocol):
    """Looks after workers of its own."""

    def tick(self) -> None: ...


class Dispatcher:
    """`others` are looked after with each tick; `runs` and `adapters` are the folders that run folders
    and finished adapters are made in. `eviction` asks whoever else holds a device's memory to make room."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: Engine,
        others: Sequence[Ticking],
        *,
        runs: Path,
        adapters: Path,
        eviction: PlaygroundEviction | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._others = others
        self._runs = runs
        self._adapters = adapters
        self._eviction = eviction
        self._outcomes = RunOutcomes(catalogue)
        self._needs: dict[tuple[int, int, str], int | None] = {}

    def tick(self, now: float | None = None) -> None:
        """One step. A fault of one thing that is looked after never keeps the others waiting."""
        now = time.time() if now is None else now
        for other in self._others:
            try:
                other.tick()
            except Exception:
                logger.exception("%s could not be looked after", type(other).__name__)
        each_by_itself(
            self._catalogue.runs_with_worker(),
            lambda run: self._look_after(run, now),
            lambda run, fault: self._fail(run, fault, now),
        )
        self._start_what_waits(now)

    def _start_what_waits(self, now: float) -> None:
        queue = self._catalogue.queue()
        if not any(not run.held for run in queue):
            return
        devices = self._engine.devices()
        # A run that an older studio has started does not say where it is: there was one at a time, on the first device.
        busy = {run.placed_on or devices[0].name for run in self._catalogue.runs_with_worker() if devices}
        placement = place(queue, busy, devices, {run.id: self._need(run) for run in queue})
        for run in queue:
            reason, need = placement.reasons.get(run.id), self._need(run)
            if (device := placement.short.get(run.id)) and need and self._eviction:
                reason = self._eviction.evict_for(device, need) or reason
            waiting = reason.as_dict() if reason else {}
            if run.id in placement.starts:
                begin = partial(self._start, now=now, device=placement.starts[run.id])
                each_by_itself([run], begin, lambda run, fault: self._fail(run, fault, now))
            elif waiting != run.waiting:
                self._catalogue.change_run(run.id, waiting=waiting)

    def _need(self, run: Run) -> int | None:
        """Bytes that it is expected to need; None where that cannot be told, and then it starts."""
        key = (run.id, run.halvings, run.device)
        if key not in self._needs:
            try:
                self._needs[key] = expected_bytes(self._catalogue, run)
            except (ValueError, ArithmeticError, TypeError, LookupError):  # of files or settings that cannot be
                logger.exception("What run %s needs cannot be told", run.id)
                self._needs[key] = None
        return self._needs[key]

    def _start(self, run: Run, now: float, device: str) -> None:
        job = Job(self._engine, self._runs / str(run.id))
        path = job.folder.path
        try:
            job.prepare(self._request(run, device), anew=False)
            # Recorded before the process is: a server that dies in between finds the process by what that writes first.
            self._catalogue.change_run(
                run.id,
                RunStatus.STARTING,
                reason=N_("Started.") if run.attempt == 0 else N_("Restarted."),
                at=now,
                folder=str(path),
                started_at=run.started_at or now,
                ended_at=None,
                attempt=run.attempt + 1,
                attempt_offset=run.offset,
                placed_on=device,
                waiting={},
                problem="",
                remedy="",
                fault={},
            )
            worker = job.start("train", device=device)
        except (StudioError, OSError) as error:
            fault = error if isinstance(error, StudioError) else _disk_fault(error, path)
            self._outcomes.record(run, Outcome(RunStatus.FAILED, fault), now)
            return
        self._catalogue.change_run(run.id, worker=worker)

    def _request(self, run: Run, device: str) -> TrainRequest:
        model = self._catalogue.model_by_id(run.model_id)
        dataset = self._catalogue.dataset_by_id(run.dataset_id) if run.dataset_id else None
        if model is None:
            raise StudioError("The base model “{name}” was removed.", "Add it again.", name=run.model_name)
        check_model(model)
        if dataset is None:
            raise StudioError(
                "The dataset “{name}” was deleted before the run started.", "Add it again.", name=run.dataset_name
            )
        validation = self._validation_set(run)
        return TrainRequest(
            run=run.id,
            name=run.name,
            spec=read_stored(run.spec),
            model=ModelReference(**{name: getattr(model, name) for name in ModelReference.model_fields}),
            dataset=_reference(dataset),
            mixture=self._mixture(run),
            validation=validation and _reference(validation),
            adapter=str(self._adapters / f"{slug(run.name)}-{run.id}"),
            device=device,
            halvings=run.halvings,
            continue_from=run.continue_from or None,
            attempt=run.attempt + 1,
            estimate=self._need(run),
        )

    def _mixture(self, run: Run) -> list[MixedReference]:
        mixture = []
        for each in map(MixedDataset.model_validate, run.mixture):
            try:
                dataset = self._catalogue.dataset(each.name)
            except NotFound as error:
                raise StudioError(
                    "The dataset “{name}” was deleted before the run started.", "Add it again.", name=each.name
                ) from error
            mixture.append(MixedReference(**_reference(dataset).model_dump(), weight=each.weight))
        return mixture

    def _validation_set(self, run: Run) -> Dataset | None:
        reference = run.spec["data"].get("validation_name")
        try:
            return self._catalogue.dataset(reference) if reference else None
        except NotFound as error:
            raise StudioError(
                "The validation set “{name}” was deleted before the run started.", "Add it again.", name=reference
            ) from error

    def _look_after(self, run: Run, now: float) -> None:
        job = Job(self._engine, run.folder, run.worker)
        state = job.poll(lambda alive: self._newest_word(run, alive))
        if job.worker and job.worker != run.worker:  # of a worker whose server died before it could put it down
            self._catalogue.change_run(run.id, worker=job.worker)
        ending = Ending(run.ending) if run.ending else None
        alive = job.is_alive() if ending is Ending.DISCARD else True
        status = verdict(RunStatus(run.status), state, alive=alive, ending=ending)
        if status.is_over:
            self._outcomes.end(run, status, state, job, now)
        elif not job.folder.request.exists():
            # The folder was deleted. A worker that was just writing a checkpoint has made it again and would go on.
            job.stop(force=True)
        elif status is not RunStatus(run.status):
            self._catalogue.change_run(run.id, status, at=now)
        elif status is RunStatus.STOPPING:
            self._press(run, ending, job, now)

    def _newest_word(self, run: Run, alive: bool) -> RunEvent | None:
        """Records what is new in the run's folder. A server may have died after that, and before it drew the conclusion
        of a last word: then nothing is new of a worker that is gone."""
        last = record_events(self._catalogue, run)
        return JobFolder(run.folder).last_event(run.attempt_offset) if last is None and not alive else last

    def _fail(self, run: Run, fault: StudioError, now: float) -> None:
        """What the run has told cannot be recorded, so that nobody could follow it: its worker is ended."""
        if run.worker:
            self._engine.stop(run.worker, force=True)
        self._outcomes.record(run, Outcome(RunStatus.FAILED, fault), now)

    def _press(self, run: Run, ending: Ending | None, job: Job, now: float) -> None:
        """A stop that goes unheard becomes SIGTERM, then SIGKILL; an end at once is one from the beginning."""
        asked_at = run.stop_asked if run.stop_asked is not None else now
        if asked_at > now:  # the clock was set back
            self._catalogue.change_run(run.id, stop_asked=now)
        waited_seconds = now - asked_at
        if ending in (Ending.AT_ONCE, Ending.DISCARD) or waited_seconds > SECONDS_TO_KILL:
            job.stop(force=True)
        elif waited_seconds > SECONDS_TO_TERMINATE:
            job.stop()


def _reference(dataset: Dataset) -> DatasetReference:
    return DatasetReference(**{name: getattr(dataset, name) for name in DatasetReference.model_fields})


def _disk_fault(error: OSError, folder: Path) -> StudioError:
    return StudioError(
        "The run folder {folder} could not be written: {reason}.",
        "Free some space or fix its permissions, then resume the run.",
        folder=folder,
        reason=error.strerror or str(error),
    )
