"""What a run will be, computed without torch: rows and steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from studio.domain.spec.data import epoch_rows
from studio.domain.spec.run_spec import RunSpec
from studio.domain.spec.training import TrainingSpec


@dataclass(frozen=True)
class Plan:
    """How rows are used and in how many optimizer steps. `epoch_rows` are the rows of an epoch, of each dataset."""

    train_rows: int
    eval_rows: int
    steps: int
    steps_per_epoch: int
    epoch_rows: list[int] = field(default_factory=list)


def plan(spec: RunSpec, rows: int | Sequence[int], validation_rows: int = 0) -> Plan:
    """The run of this spec on a dataset of so many rows that can be learned, or on several, and on so many of its
    validation set."""
    every = [rows] if isinstance(rows, int) else rows
    held_out = [spec.data.eval_rows(each) for each in every]
    train_rows = [max(0, each - out) for each, out in zip(every, held_out, strict=True)]
    in_epoch = [epoch_rows(each, weight) for each, weight in zip(train_rows, spec.data.weights, strict=True)]
    return Plan(
        train_rows=sum(train_rows),
        eval_rows=validation_rows if spec.data.validation_name else sum(held_out),
        steps=total_steps(sum(in_epoch), spec.training),
        steps_per_epoch=steps_per_epoch(sum(in_epoch), spec.training),
        epoch_rows=in_epoch,
    )


def steps_per_epoch(epoch_rows: int, training: TrainingSpec) -> int:
    """Optimizer steps of an epoch of so many rows, on one device. The last batch may be smaller."""
    batches = ceil(epoch_rows / training.per_device_train_batch_size)
    return max(1, ceil(batches / training.gradient_accumulation_steps))


def total_steps(epoch_rows: int, training: TrainingSpec) -> int:
    by_epochs = ceil(training.num_train_epochs * steps_per_epoch(epoch_rows, training))
    return by_epochs if training.max_steps < 0 else training.max_steps
