"""Where a column's adapters are stored, and whether they fit its base model."""

from __future__ import annotations

from studio.domain.columns import Share
from studio.domain.errors import InvalidInput
from studio.store.catalogue import Catalogue
from studio.store.checkpoint_folder import checkpoint_path, damage
from studio.store.job_folder import JobFolder
from studio.store.tables.adapters import Adapter
from studio.store.tables.models import Model
from studio.store.tables.runs import Run


def adapter_folder(catalogue: Catalogue, share: Share, model: Model) -> str:
    """The folder of an adapter or of a run's checkpoint.

    Raises:
        NotFound: there is no such adapter or run.
        InvalidInput: it is not for this model, or the checkpoint is damaged or gone.
    """
    if share.adapter:
        adapter = catalogue.adapter(share.adapter)
        check_base(adapter, model)
        return adapter.path
    run = catalogue.run(share.run)
    _check_run(run, model)
    path = checkpoint_path(JobFolder(run.folder).checkpoints, share.step)
    if reason := damage(path):
        raise InvalidInput(
            "The checkpoint of step {step} of run {run} cannot be used: {reason}.",
            "Choose a newer one: a run keeps its most recent checkpoints and the best one.",
            step=share.step,
            run=share.run,
            reason=reason.rstrip("."),
        )
    return str(path)


def fits(adapter: Adapter, model: Model) -> bool:
    """Whether it was trained on this model, or on the same one under another name."""
    same_base = (adapter.base_source, adapter.base_reference) == (model.source, model.reference)
    return adapter.model_id == model.id or same_base


def check_base(adapter: Adapter, model: Model) -> None:
    """Raises InvalidInput where the adapter was trained on another base model."""
    if not fits(adapter, model):
        raise InvalidInput(
            "The adapter “{name}” was trained on {base}, not on {model}.",
            "Choose the base model that it was trained on, or another adapter.",
            name=adapter.name,
            base=adapter.base_name,
            model=model.name,
        )


def _check_run(run: Run, model: Model) -> None:
    if run.model_id != model.id:
        raise InvalidInput(
            "Run {run} trains on {base}, not on {model}.",
            "Choose the base model that it trains on.",
            run=run.id,
            base=run.model_name,
            model=model.name,
        )
