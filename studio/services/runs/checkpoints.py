"""Checkpoints of runs: list them, and promote one to an adapter, also while its run continues."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.errors import InvalidInput, NotFound
from studio.domain.jobs.training import AdapterSummary, TrainRequest
from studio.domain.naming import check_name, slug
from studio.services.adapters.lineage import lineage
from studio.store.adapter_folder import CONFIG, PROVENANCE, WEIGHTS, name_magnitudes
from studio.store.bounded_json import read_object
from studio.store.catalogue import Catalogue
from studio.store.checkpoint_folder import MANIFEST, checkpoints, damage
from studio.store.job_folder import JobFolder, folder_size, whole_folder, write_json
from studio.store.tables.adapters import Adapter
from studio.store.tables.runs import Run

_TRAINING_STATE = ("optimizer.*", "scheduler.pt", "rng_state*", "trainer_state.json", "training_args.*", MANIFEST)


@dataclass(frozen=True)
class CheckpointInfo:
    """A whole checkpoint. `at` is when it was written, `size` bytes, `adapter` what it was kept as: by a person, or by
    its run where that ended with these weights."""

    step: int
    eval_loss: float | None
    best: bool
    at: float
    size: int
    adapter: str | None


class Checkpoints:
    def __init__(self, catalogue: Catalogue, adapters: Path) -> None:
        self._catalogue = catalogue
        self._adapters = adapters

    def list(self, run_id: int) -> Sequence[CheckpointInfo]:
        """Newest first. Raises NotFound."""
        run = self._catalogue.run(run_id)
        if not run.folder:
            return []
        losses = self._catalogue.evaluations(run_id)
        names = {step: adapter.name for step, adapter in self._catalogue.adapters_of_checkpoints(run_id).items()}
        if final_adapter := self._catalogue.adapter_of_run(run_id):  # of the last step, or of the best
            names.setdefault(final_adapter.steps, final_adapter.name)
        return [
            CheckpointInfo(
                step=checkpoint.step,
                eval_loss=losses.get(checkpoint.step),
                best=checkpoint.step == run.best_step,
                at=checkpoint.path.stat().st_mtime,
                size=folder_size(checkpoint.path),
                adapter=names.get(checkpoint.step),
            )
            for checkpoint in checkpoints(JobFolder(run.folder).checkpoints)
        ]

    def promote(self, run_id: int, step: int, name: str) -> Adapter:
        """Keeps the checkpoint after that step as an adapter of its own, which the playground can use at once.

        Raises:
            NotFound: there is no such run or checkpoint.
            InvalidInput: the name is bad or taken, it was kept already, or the checkpoint is damaged.
        """
        run = self._catalogue.run(run_id)
        if earlier := self._catalogue.adapter_of_run(run_id, step):
            raise InvalidInput("The checkpoint at step {step} is already kept: “{name}”.", step=step, name=earlier.name)
        name = check_name(name)
        folder = JobFolder(run.folder)
        checkpoint = next((c for c in checkpoints(folder.checkpoints) if c.step == step), None) if run.folder else None
        if checkpoint is None:
            raise NotFound(
                "Run {id} has no intact checkpoint at step {step}.",
                "Only the most recent ones and the best one are kept; reload the list.",
                id=run_id,
                step=step,
            )
        if reason := damage(checkpoint.path, thorough=True):
            raise InvalidInput("This checkpoint is damaged: {reason}", "Choose another one.", reason=reason)
        request = folder.read_request(TrainRequest)
        path = self._adapters / f"{slug(name)}-{run_id}-{step}"
        if self._catalogue.free_name(Adapter, name) != name:
            raise InvalidInput("There is already an adapter named “{name}”.", "Choose another name.", name=name)
        _copy(checkpoint.path, path, base=request.model.path, provenance=_provenance(run, request, step))
        losses = self._catalogue.losses_at(run_id, step)
        try:
            return self._catalogue.add_adapter(
                name=name,
                path=str(path),
                size=folder_size(path),
                checkpoint=step,
                steps=step,
                train_loss=losses.get("step"),
                eval_loss=losses.get("eval"),
                best_eval_loss=run.best_eval_loss,
                **lineage(self._catalogue, run, AdapterSummary(from_step=step)),
            )
        except InvalidInput:
            shutil.rmtree(path, ignore_errors=True)
            raise


def _copy(checkpoint: Path, path: Path, *, base: str, provenance: dict[str, Any]) -> None:
    """The adapter without what only training needs, as `worker.adapter_folder.save_adapter` writes one."""
    with whole_folder(path) as aside:
        shutil.copytree(checkpoint, aside, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_TRAINING_STATE))
        (aside / "README.md").unlink(missing_ok=True)
        config = read_object(aside / CONFIG)
        write_json(aside / CONFIG, config | {"base_model_name_or_path": base, "inference_mode": True})
        name_magnitudes(aside / WEIGHTS)
        write_json(aside / PROVENANCE, provenance)


def _provenance(run: Run, request: TrainRequest, step: int) -> dict[str, Any]:
    provenance = request.provenance() | {
        "seed": request.spec.training.seed, "versions": run.started.versions if run.started else {}, "steps": step
    }  # fmt: skip
    datasets = run.started.datasets if run.started else []
    return provenance | ({"datasets": [each.model_dump() for each in datasets]} if datasets else {})
