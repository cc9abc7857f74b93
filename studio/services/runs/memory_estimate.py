"""The memory that a run is expected to need."""

from __future__ import annotations

from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import RunSpec
from studio.platform.hardware import CPU, cpu_has_bf16, look_at_gpus
from studio.services.models.layers import BaseWeights, read_base_weights
from studio.services.runs.estimate import row_tokens, training_bytes
from studio.store.catalogue import Catalogue
from studio.store.tables.datasets import Dataset
from studio.store.tables.runs import Run


def expected_bytes(catalogue: Catalogue, run: Run) -> int | None:
    """None where model or dataset cannot be looked at: the start of the run says why."""
    model = catalogue.model_by_id(run.model_id)
    dataset = catalogue.dataset_by_id(run.dataset_id) if run.dataset_id else None
    if model is None or dataset is None:
        return None
    try:
        base = read_base_weights(model.path)
    except StudioError:
        return None
    return memory_of(RunSpec.model_validate(run.spec), base, dataset, run.halvings, run.device)


def memory_of(spec: RunSpec, base: BaseWeights, dataset: Dataset, halvings: int = 0, device: str = "") -> int | None:
    """Bytes, on that device; without one, on a GPU where there is any."""
    gpu = device != CPU and (bool(device) or bool(look_at_gpus()))
    tokens = row_tokens(dataset.size, dataset.rows)
    return training_bytes(spec, base, tokens, dataset.rows, halvings, bf16=gpu or cpu_has_bf16(), gpu=gpu)
