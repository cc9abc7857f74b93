"""What a run will be, computed without torch: rows and steps."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from studio.domain.spec.run_spec import RunSpec
from studio.domain.spec.training import TrainingSpec


@dataclass(frozen=True)
class Plan:
    """How rows are used and in how many optimizer steps."""

    train_rows: int
    eval_rows: int
    steps: int
    steps_per_epoch: int


def plan(spec: RunSpec, rows: int, validation_rows: int = 0) -> Plan:
    """The run of this spec on a dataset of so many rows that can be learned, and on so many of its validation set."""
    held_out = spec.data.eval_rows(rows)
    train_rows = max(0, rows - held_out)
    return Plan(
        train_rows=train_rows,
        eval_rows=validation_rows if spec.data.validation_name else held_out,
        steps=total_steps(train_rows, spec.training),
        steps_per_epoch=steps_per_epoch(train_rows, spec.training),
    )


def steps_per_epoch(train_rows: int, training: TrainingSpec) -> int:
    """Optimizer steps in which all rows are seen once, on one device. The last batch may be smaller."""
    batches = ceil(train_rows / training.per_device_train_batch_size)
    return max(1, ceil(batches / training.gradient_accumulation_steps))


def total_steps(train_rows: int, training: TrainingSpec) -> int:
    by_epochs = ceil(training.num_train_epochs * steps_per_epoch(train_rows, training))
    return by_epochs if training.max_steps < 0 else training.max_steps
