"""Controls a run: its place in the queue, stop, resume, continue."""

from __future__ import annotations

import time
from collections.abc import Sequence

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.run import Ending, RunStatus
from studio.domain.spec.run_spec import RunSpec, read_stored
from studio.domain.spec.training import TrainingSpec
from studio.domain.translation import N_
from studio.services.models.status import check_ready
from studio.services.runs.plan import total_steps
from studio.services.runs.service import Runs
from studio.store.catalogue import Catalogue
from studio.store.checkpoint_folder import Checkpoint, checkpoints
from studio.store.job_folder import JobFolder
from studio.store.tables.runs import Run

FROM_CHECKPOINT = (RunStatus.FINISHED, RunStatus.STOPPED)


class RunControl:
    """Every verb raises NotFound where there is no such run, and InvalidInput where it is of no use in its state."""

    def __init__(self, catalogue: Catalogue, runs: Runs) -> None:
        self._catalogue = catalogue
        self._runs = runs

    # the queue

    def queue(self) -> Sequence[Run]:
        """All that waits, the next one first, those on hold among them."""
        return self._catalogue.queue()

    def move(self, id: int, before: int | None = None) -> None:
        """Puts a waiting run before another one, or behind all others."""
        self._waiting(id)
        order = [run.id for run in self.queue() if run.id != id]
        if before is not None and before not in order:
            raise InvalidInput("Run {id} is no longer waiting.", "Reload the queue.", id=before)
        order.insert(order.index(before) if before is not None else len(order), id)
        self._catalogue.order_queue(order)

    def run_next(self, id: int) -> None:
        """Puts a waiting run before all others, and releases it."""
        self._waiting(id)
        self._catalogue.order_queue([id])
        self._catalogue.change_run(id, held=False)

    def hold(self, id: int) -> None:
        """Keeps it in the queue, but lets the others pass."""
        self._waiting(id)
        self._catalogue.change_run(id, held=True, waiting={})

    def release(self, id: int) -> None:
        self._waiting(id)
        self._catalogue.change_run(id, held=False)

    def pin(self, id: int, device: str) -> None:
        """Lets it start on that device alone ("cpu", "cuda:0"), or with "" wherever there is room."""
        self._waiting(id)
        self._catalogue.change_run(id, device=device, waiting={})

    def start_anyway(self, id: int) -> None:
        """Lets it start on a free device whatever memory it is expected to need."""
        self._waiting(id)
        self._catalogue.change_run(id, ignore_memory=True, held=False, waiting={})

    def _waiting(self, id: int) -> Run:
        run = self._catalogue.run(id)
        if run.status != RunStatus.QUEUED:
            raise InvalidInput(
                "Run {id} is not waiting: it is {status}.",
                "Only waiting runs can be reordered.",
                id=id,
                status=run.status,
            )
        return run

    # its end

    def stop(self, id: int, *, now: float | None = None) -> None:
        """Asks a run to end after its present step and to save its adapter; one that waits is cancelled."""
        self._end(id, Ending.SAVE, now)

    def end_now(self, id: int, *, now: float | None = None) -> None:
        """Ends its worker at once. There is no adapter then, but its checkpoints stay, and it can be resumed."""
        self._end(id, Ending.AT_ONCE, now)

    def discard(self, id: int, *, now: float | None = None) -> None:
        """Ends a run and deletes its checkpoints: nothing is left of it but its record."""
        run = self._catalogue.run(id)
        if run.status == RunStatus.INTERRUPTED:
            JobFolder(run.folder).remove_checkpoints()
            self._catalogue.change_run(id, RunStatus.CANCELLED, reason=N_("Discarded."), at=now)
        else:
            self._end(id, Ending.DISCARD, now)

    def _end(self, id: int, ending: Ending, now: float | None) -> None:
        run = self._catalogue.run(id)
        status = RunStatus(run.status)
        now = time.time() if now is None else now
        if status is RunStatus.QUEUED:
            self._catalogue.change_run(
                id, RunStatus.CANCELLED, reason=N_("Removed from the queue."), at=now, ended_at=now
            )
        elif status.has_worker:
            if ending is Ending.SAVE:
                JobFolder(run.folder).ask_stop()
            self._catalogue.change_run(
                id, RunStatus.STOPPING, reason=_ASKED[ending], at=now, stop_asked=now, ending=ending
            )
        else:
            raise InvalidInput("Run {id} is already {status}.", "There is nothing to stop.", id=id, status=run.status)

    # that it goes on

    def can_resume(self, run: Run) -> bool:
        """It ended before its work was whole, and nothing was made of it yet."""
        status = RunStatus(run.status)
        if status in (RunStatus.INTERRUPTED, RunStatus.FAILED):
            return True
        return status is RunStatus.STOPPED and self._catalogue.adapter_of_run(run.id) is None

    def resume(self, id: int) -> None:
        """Queues a run again: it goes on after its newest whole checkpoint, or begins anew where it has none."""
        run = self._catalogue.run(id)
        if not self.can_resume(run):
            is_whole = RunStatus(run.status) in FROM_CHECKPOINT
            raise InvalidInput(
                "Run {id} cannot be resumed: it is {status}.",
                "Continue it instead: that starts a new run from its last step."
                if is_whole
                else "Only a run that ended early can be resumed.",
                id=id,
                status=run.status,
            )
        if (model := self._catalogue.model_by_id(run.model_id)) is not None:
            check_ready(model)
        if any(other.name == run.name for other in self.queue()):
            raise InvalidInput(
                "Another run named “{name}” is already waiting.", "Remove it from the queue first.", name=run.name
            )
        self._catalogue.change_run(
            id, RunStatus.QUEUED, reason=N_("Resumed manually."), resumes=0, held=False, waiting={}, ended_at=None
        )

    def continue_with(
        self,
        id: int,
        *,
        epochs: float | None = None,
        steps: int | None = None,
        name: str = "",
        key: str | None = None,
        owner: str = "",
    ) -> int:
        """Queues a new run that goes on after the last checkpoint of a finished or stopped one, up to so many epochs
        or steps in all; all other settings stay. Returns its id."""
        run = self._catalogue.run(id)
        if RunStatus(run.status) not in FROM_CHECKPOINT:
            raise InvalidInput(
                "Run {id} cannot be continued: it is {status}.", "Resume it instead.", id=id, status=run.status
            )
        if key and (earlier := self._catalogue.run_by_key(key)):
            return earlier.id
        newest = next(iter(checkpoints(JobFolder(run.folder).checkpoints)), None)
        if newest is None:
            raise InvalidInput(
                "Run {id} has no intact checkpoint left to continue from.", "Train it again with more epochs.", id=id
            )
        spec = _longer(read_stored(run.spec), run, newest, epochs, steps)
        rows = spec.data.model_copy(update={"name": f"{run.dataset_name}@{run.dataset_version}"})  # those very rows
        spec = spec.model_copy(update={"data": rows})
        fields = self._runs.prepare(spec, name or self._runs.free_name(run.name))
        return self._catalogue.add_run(
            **fields, key=key, owner=owner, parent_id=run.id, continue_from=str(newest.path), device=run.device
        ).id


def _longer(spec: RunSpec, run: Run, newest: Checkpoint, epochs: float | None, steps: int | None) -> RunSpec:
    """Raises InvalidInput where no step would be left to do."""
    training = spec.training.model_dump()
    if steps is not None:
        training["max_steps"] = steps
    elif epochs is not None:
        training.update(num_train_epochs=epochs, max_steps=-1)
    total = total_steps(run.started.epoch_rows if run.started else 0, TrainingSpec.model_validate(training))
    if total <= newest.step:
        fault = StudioError(
            "That is {total} {total:step|steps}, and {step} {step:is|are} already done.",
            "Enter more epochs.",
            total=total,
            step=newest.step,
        )
        raise InvalidInput(
            fault.template,
            fault.remedy_template,
            fields={"epochs" if steps is None else "steps": fault},
            **fault.values,
        )
    return spec.model_copy(update={"training": TrainingSpec.model_validate(training)})


_ASKED = {
    Ending.SAVE: N_("Stop requested, keeping the adapter."),
    Ending.AT_ONCE: N_("Immediate end requested."),
    Ending.DISCARD: N_("Discard requested."),
}
