"""The dispatcher: one step that looks after every worker, and starts what waits.

It is the only writer of what workers report. `tick` is called each second by whoever holds the home's lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from studio.domain.errors import NotFound, StudioError
from studio.domain.events import Evaluated, Failed, Finished, Progress, RunEvent, Started, Step
from studio.domain.naming import slug
from studio.domain.run import RunStatus, verdict
from studio.engines.base import Engine, Process
from studio.store.catalogue import Catalogue
from studio.store.run_folder import RunFolder
from studio.store.tables import Adapter, Dataset, Run

logger = logging.getLogger(__name__)

SECONDS_TO_TERMINATE = 60.0  # after Stop was asked: a step on a slow machine can take that long
SECONDS_TO_KILL = 90.0


class Ticking(Protocol):
    """Looks after workers of its own."""

    def tick(self) -> None: ...


class Dispatcher:
    """`others` are looked after with each tick; `runs` and `adapters` are the folders that run folders
    and finished adapters are made in."""

    def __init__(
        self, catalogue: Catalogue, engine: Engine, others: Sequence[Ticking], *, runs: Path, adapters: Path
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._others = others
        self._runs = runs
        self._adapters = adapters

    def tick(self, now: float | None = None) -> None:
        """One step. A fault of one thing that is looked after never keeps the others waiting."""
        now = time.time() if now is None else now
        for other in self._others:
            try:
                other.tick()
            except Exception:
                logger.exception("%s could not be looked after", type(other).__name__)
        for run in self._catalogue.runs_with_worker():
            try:
                self._look_after(run, now)
            except Exception:
                logger.exception("Run %s could not be looked after", run.id)
        while self._engine.has_room(len(self._catalogue.runs_with_worker())):
            run_waiting = self._catalogue.next_queued()
            if run_waiting is None:
                break
            self._start(run_waiting, now)

    def _start(self, run: Run, now: float) -> None:
        folder = RunFolder(self._runs / str(run.id))
        try:
            folder.prepare(self._request(run))
            # Recorded before the process is: a server that dies in between finds a run without a process, and
            # the folder tells the rest.
            self._catalogue.change_run(run.id, RunStatus.STARTING, folder=str(folder.path), started_at=now)
            process = self._engine.start("train", folder.path)
        except (StudioError, OSError) as error:
            fault = error if isinstance(error, StudioError) else _disk_fault(error, folder.path)
            self._catalogue.change_run(
                run.id, RunStatus.FAILED, problem=fault.problem, remedy=fault.remedy, ended_at=now
            )
            return
        self._catalogue.change_run(run.id, pid=process.pid, process_started=process.started)

    def _request(self, run: Run) -> dict[str, Any]:
        model = self._catalogue.model_by_id(run.model_id)
        dataset = self._catalogue.dataset_by_id(run.dataset_id) if run.dataset_id else None
        if model is None or dataset is None:
            raise StudioError(
                "The dataset “{name}” was deleted before the run began.", "Add it again.", name=run.dataset_name
            )
        validation = self._validation_set(run)
        return {
            "run": run.id,
            "name": run.name,
            "spec": run.spec,
            "model": {k: getattr(model, k) for k in ("name", "reference", "revision", "source", "path")},
            "dataset": {k: getattr(dataset, k) for k in ("name", "version", "format", "sha256", "rows", "rows_path")},
            "validation": validation
            and {k: getattr(validation, k) for k in ("name", "version", "sha256", "rows", "rows_path")},
            "adapter": str(self._adapters / f"{slug(run.name)}-{run.id}"),
        }

    def _validation_set(self, run: Run) -> Dataset | None:
        reference = run.spec["data"].get("validation_name")
        try:
            return self._catalogue.dataset(reference) if reference else None
        except NotFound as error:
            raise StudioError(
                "The validation set “{name}” was deleted before the run began.", "Add it again.", name=reference
            ) from error

    def _look_after(self, run: Run, now: float) -> None:
        process = Process(run.pid, run.process_started or 0.0) if run.pid else None
        alive = process is not None and self._engine.is_alive(process)  # asked first: the last word comes before death
        last = self._read_events(run)
        if last is None and not alive:  # recorded by a server that died before it drew the conclusion
            last = RunFolder(run.folder).last_event()
        status = verdict(RunStatus(run.status), last, alive=alive)
        if status.is_over:
            self._end(run, status, last, now)
        elif status is not RunStatus(run.status):
            self._catalogue.change_run(run.id, status)
        elif status is RunStatus.STOPPING and run.stop_asked is not None and process is not None:
            waited = now - run.stop_asked
            if waited > SECONDS_TO_TERMINATE:
                self._engine.stop(process, force=waited > SECONDS_TO_KILL)

    def _read_events(self, run: Run) -> RunEvent | None:
        """Records all that is new; returns the newest word."""
        last: RunEvent | None = None
        offset = run.offset
        while True:
            events, end = RunFolder(run.folder).read(offset)
            if end == offset:
                return last
            metrics, fields = summarise(events)
            self._catalogue.record_progress(run.id, metrics, offset=end, **fields)
            offset, last = end, events[-1] if events else last

    def _end(self, run: Run, status: RunStatus, last: RunEvent | None, now: float) -> None:
        fields: dict[str, Any] = {"ended_at": now, "pid": None}
        match last:
            case Finished() if last.path:
                self._add_adapter(self._catalogue.run(run.id), last)
            case Failed(problem=problem, remedy=remedy):
                fields.update(problem=problem, remedy=remedy)
            case _ if status is RunStatus.INTERRUPTED:
                fields.update(
                    problem="The worker ended without a word.",
                    remedy="It may have run out of memory or been ended from outside; its log says more.",
                )
            case _ if status is RunStatus.STOPPED:
                fields.update(
                    problem="The run did not end by itself and was ended, so there is no adapter.",
                    remedy="Its newest checkpoint is in the run's folder.",
                )
        self._catalogue.change_run(run.id, status, **fields)

    def _add_adapter(self, run: Run, finished: Finished) -> None:
        if self._catalogue.adapter_of_run(run.id) is not None:  # a server died between the two writes
            return
        model = self._catalogue.model_by_id(run.model_id)
        request = RunFolder(run.folder).read_request()
        data, base = request["dataset"], request["model"]
        self._catalogue.add_adapter(
            name=self._catalogue.free_name(Adapter, run.name),
            path=finished.path,
            size=finished.size,
            model_id=run.model_id,
            base_name=run.model_name,
            base_reference=base["reference"],
            base_source=base["source"],
            base_revision=base["revision"],
            base_license=model.license if model else "",
            dataset_id=run.dataset_id,
            dataset_name=run.dataset_name,
            dataset_version=run.dataset_version,
            dataset_sha256=data["sha256"],
            dataset_rows=data["rows"],
            run_id=run.id,
            spec=run.spec,
            seed=run.spec["training"]["seed"],
            versions=run.started.get("versions", {}),
            steps=finished.step,
            train_loss=finished.train_loss,
            eval_loss=finished.eval_loss,
            best_eval_loss=finished.best_eval_loss,
            details=finished.details
            | {k: run.started.get(k) for k in ("trainable", "parameters", "device", "precision")},
            owner=run.owner,
            started_at=run.started_at,
        )


def summarise(events: Sequence[RunEvent]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The metric rows in these events, and the run's own fields after the last of them."""
    metrics: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    for event in events:
        match event:
            case Progress():
                fields.update(stage=event.stage, stage_done=event.done, stage_total=event.total)
            case Started():
                fields.update(started=event.model_dump(mode="json"), total_steps=event.total_steps, stage="")
            case Step():
                fields.update(step=event.step, train_loss=event.loss, stage="")
                keys = {"step", "at", "loss", "learning_rate", "grad_norm", "tokens_per_second", "memory"}
                metrics.append({"kind": "step", **{k: getattr(event, k) for k in keys}})
            case Evaluated():
                fields.update(eval_loss=event.loss)
                metrics.append({"kind": "eval", "step": event.step, "at": event.at, "loss": event.loss, **_NO_FIGURES})
            case Finished():
                final = {k: getattr(event, k) for k in ("train_loss", "eval_loss", "best_eval_loss")}
                fields.update({k: v for k, v in final.items() if v is not None}, stage="")
    return metrics, fields


_NO_FIGURES = {"learning_rate": None, "grad_norm": None, "tokens_per_second": None, "memory": None}


def _disk_fault(error: OSError, folder: Path) -> StudioError:
    return StudioError(
        "The run folder {folder} could not be written: {reason}.",
        "Free some space or mend its permissions, then start the run again.",
        folder=folder,
        reason=error.strerror or str(error),
    )
