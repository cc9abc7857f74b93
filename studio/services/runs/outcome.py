"""What is done when a run's worker is over: its adapter, its last words, and whether it goes on by itself."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.events import Failed, Finished, RunEvent
from studio.domain.run import RunStatus
from studio.domain.spec.spec import WatchSpec
from studio.domain.translation import N_
from studio.engines.base import Engine, Process
from studio.engines.exit_reason import explain
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.tables.adapters import Adapter
from studio.store.tables.runs import Run


@dataclass(frozen=True)
class Outcome:
    """What becomes of a run and, where something is wrong, why."""

    status: RunStatus
    fault: StudioError | None = None
    out_of_memory: bool = False


class RunOutcomes:
    def __init__(self, catalogue: Catalogue, engine: Engine) -> None:
        self._catalogue = catalogue
        self._engine = engine

    def end(self, run: Run, status: RunStatus, last: RunEvent | None, process: Process | None, now: float) -> None:
        """Records that the run is `status` now, after its worker's last word, and queues it again where it was
        interrupted and may go on by itself."""
        run = self._catalogue.run(run.id)  # with what its events have just said
        folder = JobFolder(run.folder)
        if status is RunStatus.CANCELLED:
            _leave_nothing(folder, last)
        elif isinstance(last, Finished) and last.path:
            self._add_adapter(run, last)
        outcome = self._outcome(run, status, last, process)
        self.record(run, outcome, now)
        if outcome.status is RunStatus.INTERRUPTED and run.resumes < automatic_resumes(run):
            self._catalogue.change_run(
                run.id,
                RunStatus.QUEUED,
                reason=N_("Resuming automatically, attempt {count} of {most}."),
                values={"count": run.resumes + 1, "most": automatic_resumes(run)},
                at=now,
                resumes=run.resumes + 1,
            )
            self._catalogue.order_queue([run.id])

    def record(self, run: Run, outcome: Outcome, now: float) -> None:
        fields: dict[str, Any] = {"ended_at": now, "pid": None, "process_started": None, "ending": None, "stage": ""}
        reason, values = _ENDED.get(outcome.status, ""), {}
        if (fault := outcome.fault) is not None:
            told = fault.as_dict()
            fields.update(problem=fault.problem, remedy=fault.remedy, fault=told)
            reason, values = told["problem"], told["values"]
        if outcome.out_of_memory:  # however it is resumed: with half the batch
            fields["halvings"] = run.halvings + 1
        self._catalogue.change_run(run.id, outcome.status, reason=reason, values=values, at=now, **fields)

    def _outcome(self, run: Run, status: RunStatus, last: RunEvent | None, process: Process | None) -> Outcome:
        folder = JobFolder(run.folder)
        match last:
            case Failed():
                return Outcome(status, StudioError.from_dict(last.told))
            case _ if status is RunStatus.INTERRUPTED and not folder.request.exists():
                return Outcome(RunStatus.FAILED, _folder_is_gone(folder.path))
            case _ if status is RunStatus.INTERRUPTED:
                death = self._engine.death(process, folder.path) if process else None
                fault = explain(death, folder.last_lines())
                return Outcome(status, fault, out_of_memory=bool(death and death.out_of_memory))
            case _ if status is RunStatus.STOPPED and not (isinstance(last, Finished) and last.path):
                return Outcome(status, _no_adapter(run))
        return Outcome(status)

    def _add_adapter(self, run: Run, finished: Finished) -> None:
        if self._catalogue.adapter_of_run(run.id) is not None:  # a server died between the two writes
            return
        self._catalogue.add_adapter(
            name=self._catalogue.free_name(Adapter, run.name),
            path=finished.path,
            size=finished.size,
            steps=finished.details.get("from_step") or finished.step,
            train_loss=finished.train_loss,
            eval_loss=finished.eval_loss,
            best_eval_loss=finished.best_eval_loss,
            **lineage(self._catalogue, run, finished.details),
        )


_OF_START = ("trainable", "parameters", "device", "precision", "dropped_rows", "format")


def lineage(catalogue: Catalogue, run: Run, details: dict[str, Any]) -> dict[str, Any]:
    """Where an adapter of this run comes from, as fields of its record."""
    model = catalogue.model_by_id(run.model_id)
    request = JobFolder(run.folder).read_request("model", "dataset")
    data, base = request["dataset"], request["model"]
    return {
        "model_id": run.model_id,
        "base_name": run.model_name,
        "base_reference": base["reference"],
        "base_source": base["source"],
        "base_revision": base["revision"],
        "base_license": model.license if model else "",
        "dataset_id": run.dataset_id,
        "dataset_name": run.dataset_name,
        "dataset_version": run.dataset_version,
        "dataset_sha256": data["sha256"],
        "dataset_rows": data["rows"],
        "run_id": run.id,
        "spec": run.spec,
        "seed": run.spec["training"]["seed"],
        "versions": run.started.get("versions", {}),
        "details": details | {k: run.started.get(k) for k in _OF_START},
        "owner": run.owner,
        "started_at": run.started_at,
    }


def automatic_resumes(run: Run) -> int:
    """How often the run may go on by itself."""
    return WatchSpec.model_validate(run.spec.get("watch", {})).automatic_resumes


def _leave_nothing(folder: JobFolder, last: RunEvent | None) -> None:
    folder.remove_checkpoints()
    if isinstance(last, Finished) and last.path:  # it was quicker than the wish to discard it
        shutil.rmtree(last.path, ignore_errors=True)


def _no_adapter(run: Run) -> StudioError:
    if run.checkpoint_step:
        return StudioError(
            "The run was ended before it could save its adapter.",
            "Resume it from step {step}, or keep that checkpoint as an adapter.",
            step=run.checkpoint_step,
        )
    return StudioError("The run was ended before it had anything to save.", "Resume it to start over.")


def _folder_is_gone(folder: Path) -> StudioError:
    return StudioError(
        "The run's folder {folder} was deleted while it was training, and its checkpoints with it.",
        "Train it again: its settings are kept.",
        folder=folder,
    )


_ENDED = {
    RunStatus.FINISHED: N_("All steps are done, and the adapter is saved."),
    RunStatus.STOPPED: N_("Stopped, and the adapter is saved."),
    RunStatus.CANCELLED: N_("Discarded."),
}
