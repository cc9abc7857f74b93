"""What a run will be, as far as it can be worked out before torch is there: rows, steps, sizes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from studio.domain.errors import StudioError
from studio.domain.spec import LoraSpec, RunSpec, TrainingSpec
from studio.services.base_weights import BaseWeights, Layer

_ADAPTER_BYTES = 4  # peft keeps and saves an adapter in fp32, whatever the base is in
_NF4_BYTES = 1 / 2 + 1 / 64 + 4 / (64 * 256)  # four bits, and the scales of blocks that are quantised once more
_INT8_SCALE_BYTES = 4  # for each output of a layer
_ADAM_BYTES = 16  # of each trained parameter: weight, gradient, two moments
_RUNTIME_BYTES = 700_000_000  # Python, torch and its libraries
_KEPT_BYTES = 5.5  # of each number that goes in or out of a linear layer
_SCORE_BYTES = 6  # of each attention score
_HEAD_WIDTH = 64
_CHECKPOINTED = 0.2  # of it is kept, or computed at once, where layers are computed twice
_BYTES_PER_TOKEN = 4
_TEMPLATE_TOKENS = 30


@dataclass(frozen=True)
class Plan:
    """How rows are used and in how many optimizer steps."""

    train_rows: int
    eval_rows: int
    steps: int
    steps_per_epoch: int


@dataclass(frozen=True)
class Sizes:
    """In numbers of parameters and in bytes.

    `trainable` is exact, and None where the model's layers cannot be told from its files. `base_bytes` are the least
    and the most that the base's weights take: two figures where it is measured at the start which is quicker.
    """

    parameters: int
    trainable: int | None
    adapter_bytes: int | None
    base_bytes: tuple[int, int]


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


def sizes(spec: RunSpec, base: BaseWeights) -> Sizes:
    """The adapter of this spec on a base model with these layers."""
    trainable = trainable_parameters(base, spec.lora) if base.is_known else None
    return Sizes(
        parameters=base.parameters,
        trainable=trainable,
        adapter_bytes=None if trainable is None else trainable * _ADAPTER_BYTES,
        base_bytes=base_bytes(base, spec.model.precision),
    )


def steps_per_epoch(train_rows: int, training: TrainingSpec) -> int:
    """Optimizer steps in which all rows are seen once, on one device. The last batch may be smaller."""
    batches = ceil(train_rows / training.per_device_train_batch_size)
    return max(1, ceil(batches / training.gradient_accumulation_steps))


def total_steps(train_rows: int, training: TrainingSpec) -> int:
    by_epochs = ceil(training.num_train_epochs * steps_per_epoch(train_rows, training))
    return by_epochs if training.max_steps < 0 else training.max_steps


def trainable_parameters(base: BaseWeights, lora: LoraSpec) -> int:
    """As many as peft's `print_trainable_parameters` says."""
    targets = base.targets(lora.target_modules).values()
    count = sum(_adapter_parameters(layer, lora) for layer in targets)
    if lora.bias == "all":
        return count + base.bias
    return count + (sum(layer.bias for layer in targets) if lora.bias == "lora_only" else 0)


def _adapter_parameters(layer: Layer, lora: LoraSpec) -> int:
    """A is [r, inputs], B is [outputs, r], and DoRA has a length for each output."""
    return lora.r * (layer.inputs + layer.outputs) + (layer.outputs if lora.use_dora else 0)


def base_bytes(base: BaseWeights, precision: str) -> tuple[int, int]:
    """The least and the most that the base's weights take in that precision.

    Only linear layers are quantised. The rest, and everything under “auto”, is in bf16 where that is quicker on the
    device and in fp32 elsewhere.
    """
    if precision in ("fp32", "bf16"):
        size = base.parameters * (4 if precision == "fp32" else 2)
        return size, size
    if precision == "auto":
        return base.parameters * 2, base.parameters * 4
    rest = base.parameters - base.linear_parameters
    if precision == "4-bit":
        quantised = base.linear_parameters * _NF4_BYTES
    else:
        quantised = base.linear_parameters + _INT8_SCALE_BYTES * sum(layer.outputs for layer in base.linear.values())
    return round(quantised + rest * 2), round(quantised + rest * 4)


def row_tokens(size: int, rows: int, max_length: int) -> int:
    """About how many tokens the longer rows of a dataset have, from the bytes of its files: four bytes to a token, the
    chat template's own, and twice the mean, since a batch has long rows too."""
    mean = size / max(1, rows) / _BYTES_PER_TOKEN + _TEMPLATE_TOKENS
    return min(max_length, round(2 * mean))


def training_bytes(spec: RunSpec, base: BaseWeights, tokens: int, halvings: int = 0) -> int | None:
    """About the most memory that training takes, with rows of so many tokens; None where the layers are not known.

    Weights, the adapter with its gradients and Adam's two moments in fp32, and what is kept of each token for the
    backward pass. The factors are measured on a CPU in bf16 (SmolLM2-135M, batches of 1 to 8, 128 to 1024 tokens).
    """
    if not base.is_known:
        return None
    trainable = trainable_parameters(base, spec.lora)
    batch = max(1, spec.training.per_device_train_batch_size >> halvings)
    width = sum(layer.inputs + layer.outputs for layer in base.linear.values())
    square = sum(layer.outputs for layer in base.linear.values() if layer.inputs == layer.outputs)
    kept = width * _KEPT_BYTES + tokens * square / (2 * _HEAD_WIDTH) * _SCORE_BYTES
    if spec.training.gradient_checkpointing:
        kept *= _CHECKPOINTED
    _, weights = base_bytes(base, spec.model.precision)
    return round(_RUNTIME_BYTES + weights + trainable * _ADAM_BYTES + batch * tokens * kept)


def target_fault(base: BaseWeights, lora: LoraSpec) -> StudioError | None:
    """What is wrong with names of target modules that no layer of the base has; None where all is well."""
    if lora.target_modules == "all-linear" or not base.is_known:
        return None
    for name in lora.target_modules:
        if not base.targets([name]):
            return StudioError(
                "No layer of the base model is called “{name}”.",
                "Use all-linear, or some of {known}.",
                name=name,
                known=", ".join(base.names()),
            )
    return None
