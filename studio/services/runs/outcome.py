"""What happens when a run's worker has ended: adapter, fault, automatic resume."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.events import Finished
from studio.domain.jobs.state import Done, Failed, JobState
from studio.domain.jobs.training import AdapterSummary
from studio.domain.run import RunStatus
from studio.domain.spec.watch import WatchSpec
from studio.domain.translation import N_
from studio.engines.job import Job
from studio.services.adapters.lineage import lineage
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
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def end(self, run: Run, status: RunStatus, state: JobState, job: Job, now: float) -> None:
        """Records that the run is `status` now that its job is over, and queues it again where it was
        interrupted and may go on by itself."""
        run = self._catalogue.run(run.id)  # with what its events have just said
        event = state.event if isinstance(state, Done) else None
        if status is RunStatus.CANCELLED:
            _leave_nothing(job.folder, event)
        elif event and event.path:
            self._add_adapter(run, event)
        outcome = _outcome(run, status, state, job)
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
        fields: dict[str, Any] = {"ended_at": now, "worker": "", "ending": None, "stage": ""}
        reason, values = _ENDED.get(outcome.status, ""), {}
        if (fault := outcome.fault) is not None:
            payload = fault.as_dict()
            fields.update(problem=fault.problem, remedy=fault.remedy, fault=payload)
            reason, values = payload["problem"], payload["values"]
        if outcome.out_of_memory:  # however it is resumed: with half the batch
            fields["halvings"] = run.halvings + 1
        self._catalogue.change_run(run.id, outcome.status, reason=reason, values=values, at=now, **fields)

    def _add_adapter(self, run: Run, event: Finished) -> None:
        if self._catalogue.adapter_of_run(run.id) is not None:  # a server died between the two writes
            return
        summary = event.result(AdapterSummary)
        self._catalogue.add_adapter(
            name=self._catalogue.free_name(Adapter, run.name),
            path=event.path,
            size=event.size,
            steps=summary.from_step or event.step,
            train_loss=event.train_loss,
            eval_loss=event.eval_loss,
            best_eval_loss=event.best_eval_loss,
            **lineage(self._catalogue, run, summary),
        )


def _outcome(run: Run, status: RunStatus, state: JobState, job: Job) -> Outcome:
    if isinstance(state, Failed):
        return Outcome(status, state.fault)
    if status is RunStatus.INTERRUPTED:
        if not job.folder.request.exists():
            return Outcome(RunStatus.FAILED, _folder_is_gone(job.folder.path))
        reason = job.exit_reason()
        return Outcome(status, job.why_lost(), out_of_memory=bool(reason and reason.out_of_memory))
    if status is RunStatus.STOPPED and not (isinstance(state, Done) and state.event.path):
        return Outcome(status, _no_adapter(run))
    return Outcome(status)


def automatic_resumes(run: Run) -> int:
    """How often the run may go on by itself."""
    return WatchSpec.model_validate(run.spec.get("watch", {})).automatic_resumes


def _leave_nothing(folder: JobFolder, event: Finished | None) -> None:
    folder.remove_checkpoints()
    if event and event.path:  # it was quicker than the wish to discard it
        shutil.rmtree(event.path, ignore_errors=True)


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
