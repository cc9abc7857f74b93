"""Out of memory: recognised, explained, and the micro-batch halved."""

from __future__ import annotations

import torch

from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import RunSpec
from studio.platform.host_memory import gigabytes
from studio.worker.common.device import memory_in_use
from studio.worker.common.faults import no_memory


class HostMemoryShort(MemoryError):
    """The system has hardly any memory left, and its kernel would soon end whoever has most of it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it is this that an operation failed for, on a GPU or in the system's memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and no_memory(str(error))
    )


def halve_micro_batches(spec: RunSpec, halvings: int) -> RunSpec:
    """The spec with micro-batches halved so often; as many more to a step, so that it learns from the same examples.

    A batch that cannot be halved evenly becomes its largest proper part.
    """
    training = spec.training
    batch, steps = training.per_device_train_batch_size, training.gradient_accumulation_steps
    for _ in range(halvings):
        smaller = _smaller(batch)
        batch, steps = smaller, steps * batch // smaller
    smaller_training = training.model_copy(
        update={"per_device_train_batch_size": batch, "gradient_accumulation_steps": steps}
    )
    return spec.model_copy(update={"training": smaller_training})


def _smaller(batch: int) -> int:
    return next((part for part in range(batch // 2, 0, -1) if batch % part == 0), 1)


def nothing_left_to_halve(device: torch.device, free: int, estimate: int | None) -> StudioError:
    """For a run whose micro-batch is a single example already."""
    return StudioError(
        "There is not enough memory for this run, even with one example at a time: it used {used}, with {free} free "
        "when it ran out; {estimate} was expected.",
        "Choose 4-bit, a shorter max length, a lower rank or gradient checkpointing, or close other programs; then "
        "train again.",
        used=gigabytes(memory_in_use(device)),
        free=gigabytes(free),
        estimate=gigabytes(estimate) if estimate else "–",
    )
