"""Where a run resumes: its newest whole checkpoint, provided that nothing which shapes the curve has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.jobs.training import TrainRequest
from studio.domain.spec.objectives import SftSpec
from studio.store.checkpoint_folder import Checkpoint, all_checkpoints, damage, step_of

# What may differ between the two: how far it goes, when it is looked at, and how a step's examples are worked off.
_MAY_DIFFER = {
    "num_train_epochs", "max_steps", "eval_steps", "save_steps", "per_device_train_batch_size",
    "gradient_accumulation_steps", "gradient_checkpointing",
}  # fmt: skip


@dataclass(frozen=True)
class Beginning:
    """`checkpoint` is None where a run begins with the first step; `skip_reasons` says what is wrong with newer ones.
    Steps up to `others_until` were done by the run that this one continues, if it continues any."""

    checkpoint: Checkpoint | None = None
    skip_reasons: list[str] = field(default_factory=list)
    others_until: int = 0

    @property
    def step(self) -> int:
        return self.checkpoint.step if self.checkpoint else 0

    @property
    def metadata(self) -> Mapping[str, Any]:
        return self.checkpoint.metadata if self.checkpoint else {}

    @property
    def is_done(self) -> bool:
        """All its steps were done, and only the adapter is not there yet."""
        return bool(self.metadata.get("done"))


def find_beginning(checkpoints: Path, continue_from: str | None, fingerprint: Mapping[str, Any]) -> Beginning:
    """The newest checkpoint in the folder that is whole to the last byte; where there is none, `continue_from`, which
    is another run's. `fingerprint` is what must be as it was when it was written.

    Raises:
        StudioError: something of that differs, or the other run's checkpoint is damaged.
    """
    skip_reasons = []
    others_until = step_of(Path(continue_from)) if continue_from else 0
    for checkpoint in all_checkpoints(checkpoints):
        if reason := damage(checkpoint.path, thorough=True):
            skip_reasons.append(reason)
            continue
        _check_same(checkpoint.metadata.get("fixed", {}), fingerprint)
        return Beginning(checkpoint, skip_reasons, others_until)
    if continue_from:
        return Beginning(_of_another_run(Path(continue_from), fingerprint), skip_reasons, others_until)
    return Beginning(None, skip_reasons)


def _of_another_run(path: Path, fingerprint: Mapping[str, Any]) -> Checkpoint:
    if reason := damage(path, thorough=True):
        raise StudioError(
            "The checkpoint that this run continues from is damaged or missing: {reason}",
            "Train again from the start, with the total number of epochs you want.",
            reason=reason,
        )
    checkpoint = next(c for c in all_checkpoints(path.parent) if c.path == path)
    _check_same(checkpoint.metadata.get("fixed", {}), fingerprint)
    return Checkpoint(path, checkpoint.step, {**checkpoint.metadata, "done": False})


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed_names = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if changed_names:
        raise StudioError(
            "The run cannot continue from its checkpoint, because these have changed: {names}.",
            "Start a new run, or restore what was changed.",
            names=", ".join(f"{key} ({before.get(key)} → {now.get(key)})" for key in changed_names),
        )


def resume_fingerprint(request: TrainRequest) -> dict[str, Any]:
    """Everything that decides what a step does, by name. The effective batch counts, not how it is worked off."""
    spec, training, validation = request.spec, request.spec.training, request.validation
    fingerprint = {f"training.{k}": v for k, v in training.model_dump().items() if k not in _MAY_DIFFER}
    for variant in (spec.method, spec.objective):
        fingerprint |= {f"{variant.kind}.{k}": v for k, v in variant.model_dump().items()}
    fingerprint |= {f"data.{k}": v for k, v in spec.data.model_dump().items() if k != "mix" and not k.endswith("name")}
    if request.mixture:
        fingerprint["mixture"] = [f"{dataset.sha256}={dataset.weight}" for dataset in request.mixture]
    return fingerprint | {
        # Older checkpoints know no other objective, and name none.
        "objective": None if spec.objective.kind == SftSpec.kind else spec.objective.kind,
        "effective batch": training.per_device_train_batch_size * training.gradient_accumulation_steps,
        "model": request.model.reference,
        "model.revision": request.model.revision,
        "model.precision": spec.model.precision,
        "model.chat_template": spec.model.chat_template,
        "dataset": request.dataset.sha256,
        "validation set": validation and validation.sha256,
    }
