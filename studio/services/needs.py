"""The memory that a run is expected to need, from what the catalogue knows of its model and its rows."""

from __future__ import annotations

from studio.domain.errors import StudioError
from studio.domain.spec import RunSpec
from studio.services.base_weights import read_base_weights
from studio.services.estimate import row_tokens, training_bytes
from studio.store.catalogue import Catalogue
from studio.store.tables import Run


def expected_bytes(catalogue: Catalogue, run: Run) -> int | None:
    """None where model or dataset cannot be looked at: the start of the run says why."""
    model = catalogue.model_by_id(run.model_id)
    dataset = catalogue.dataset_by_id(run.dataset_id) if run.dataset_id else None
    if model is None or dataset is None:
        return None
    spec = RunSpec.model_validate(run.spec)
    try:
        base = read_base_weights(model.path)
    except StudioError:
        return None
    tokens = row_tokens(dataset.size, dataset.rows, spec.training.max_length)
    return training_bytes(spec, base, tokens, run.halvings)
