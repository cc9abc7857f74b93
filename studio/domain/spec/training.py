"""How a run trains: field names are those of `trl.SFTConfig`."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from studio.domain.spec.knob import Section, knob
from studio.domain.translation import N_


class TrainingSpec(Section):
    """Training settings"""

    learning_rate: float = knob(
        2e-4, "Learning rate", "Step size: too high and the model forgets, too low and it learns nothing.", gt=0, le=1
    )
    num_train_epochs: float = knob(3, "Epochs", "Number of passes over the dataset.", gt=0, le=1000)
    max_steps: int = knob(
        -1, "Max steps", "Stops after this many steps, whatever the epochs; -1 for no limit.", ge=-1, advanced=True
    )
    per_device_train_batch_size: int = knob(
        4,
        "Batch size",
        "Examples processed at once; larger batches give a less noisy gradient and need more memory.",
        ge=1,
        le=1024,
    )
    gradient_accumulation_steps: int = knob(
        1,
        "Gradient accumulation",
        "Batches accumulated before each step: a larger effective batch in the same memory.",
        ge=1,
        le=1024,
        advanced=True,
    )
    max_length: int = knob(
        1024, "Max length", "Maximum tokens per example; longer ones are cut off at the end.", ge=8, le=131072
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial"] = knob(
        "cosine",
        "Learning rate scheduler",
        "How the learning rate changes during the run.",
        advanced=True,
        choices={
            "linear": "Linear",
            "cosine": "Cosine",
            "constant": "Constant",
            "constant_with_warmup": "Constant with warmup",
            "polynomial": "Polynomial",
        },
    )
    warmup_steps: float = knob(
        0.05,
        "Warmup",
        "Steps over which the learning rate rises to its peak; below 1, a fraction of all steps.",
        ge=0,
        advanced=True,
    )
    weight_decay: float = knob(
        0.0,
        "Weight decay",
        "Pulls the adapter's weights towards zero to reduce overfitting.",
        ge=0,
        le=1,
        advanced=True,
    )
    max_grad_norm: float = knob(
        1.0, "Gradient clipping", "Maximum gradient norm; larger gradients are scaled down.", gt=0, advanced=True
    )
    eval_steps: int = knob(
        20, "Evaluate every", "Steps between evaluations on the validation rows.", ge=1, advanced=True
    )
    save_steps: int = knob(50, "Save every", "Steps between checkpoints.", ge=1, advanced=True)
    gradient_checkpointing: bool = knob(
        False,
        "Gradient checkpointing",
        "Recomputes activations in the backward pass instead of storing them: less memory, about a third slower.",
        advanced=True,
    )
    seed: int = knob(42, "Seed", "The same seed and data give the same run.", ge=0, le=2**32 - 1, advanced=True)

    @field_validator("max_steps")
    @classmethod
    def _some_steps(cls, value: int) -> int:
        if value == 0:
            raise ValueError(N_("Use -1 for no limit, or at least 1."))
        return value
