"""What a run will be, computed without torch: rows, steps, sizes."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from studio.domain.errors import StudioError
from studio.domain.spec.methods.base import ALL_LINEAR, MethodSpec
from studio.domain.spec.run_spec import RunSpec
from studio.domain.spec.training import TrainingSpec
from studio.services.models.layers import BaseWeights
from studio.services.models.memory import base_bytes

_ADAPTER_BYTES = 4  # peft keeps and saves an adapter in fp32, whatever the base is in

# Of memory while training. Measured on a CPU with SmolLM2-135M, in batches of 1 to 8 and with 256 to 4096 tokens.
_ADAM_BYTES = 16  # of each trained parameter: weight, gradient, two moments
_RUNTIME_BYTES = 640_000_000  # Python, torch and its libraries, or CUDA's context
_LOGIT_ROWS, _LOGIT_BYTES = 256, 10  # rows of the vocabulary's size that exist at once, and bytes of each number
_ACTIVATION_FACTOR = 1.9  # times that what goes in and out of the linear layers is in memory at once
_CHECKPOINTED = 0.2  # of it where layers are computed twice
_PEFT, _PEFT_CHECKPOINTED = 1.8, 2.6  # times as much for layers that compute as peft made them
_HEAD_WIDTH = 64
_BYTES_PER_TOKEN = 4  # in the rows' files
_TEMPLATE_TOKENS = 30  # that a chat template adds to a row


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
    trainable = trainable_parameters(base, spec.method) if base.is_known else None
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


def trainable_parameters(base: BaseWeights, method: MethodSpec) -> int:
    """As many as peft's `print_trainable_parameters` says."""
    targets = base.targets(method.target_modules).values()
    count = sum(method.parameters(layer.inputs, layer.outputs) for layer in targets)
    if method.trained_biases == "all":
        return count + base.bias
    return count + (sum(layer.bias for layer in targets) if method.trained_biases == "adapted" else 0)


def row_tokens(size: int, rows: int) -> int:
    """About how many tokens a row has on average, from the bytes of all rows."""
    return round(size / max(1, rows) / _BYTES_PER_TOKEN) + _TEMPLATE_TOKENS


def training_bytes(
    spec: RunSpec,
    base: BaseWeights,
    tokens: int,
    rows: int,
    halvings: int = 0,
    *,
    bf16: bool = False,
    gpu: bool = False,
) -> int | None:
    """About the most memory that training takes on so many rows of so many tokens on average, rather more than less;
    None where the layers are not known. `bf16`: the device computes it quicker than fp32.

    Weights, the adapter with its gradients and moments, a piece of the logits, and what is kept of each token for the
    backward pass. On a CPU attention keeps its scores too.
    """
    if not base.is_known:
        return None
    training, precision = spec.training, spec.model.precision
    least, most = base_bytes(base, precision)
    weights = least if bf16 else most
    number = 2 if precision == "bf16" or (bf16 and precision != "fp32") else 4
    batch = max(1, min(training.per_device_train_batch_size >> halvings, rows)) * spec.objective.document_count
    in_batch, longest = _largest_batch(tokens, batch, training.max_length)
    kept = _ACTIVATION_FACTOR * _numbers(spec, base)
    if not gpu:
        heads = sum(layer.outputs for layer in base.linear.values() if layer.inputs == layer.outputs) / _HEAD_WIDTH / 2
        kept += heads * longest / 2
    if training.gradient_checkpointing:
        kept *= _CHECKPOINTED
    words = base.other["lm_head"].outputs if "lm_head" in base.other else 0
    logits = min(in_batch, _LOGIT_ROWS) * words * _LOGIT_BYTES
    adam = trainable_parameters(base, spec.method) * _ADAM_BYTES
    return round(_RUNTIME_BYTES + weights + adam + logits + in_batch * number * kept)


def _numbers(spec: RunSpec, base: BaseWeights) -> float:
    """That go in and out of all linear layers for one token; more for those that are not computed as one operation."""
    as_one = spec.method.is_one_operation and not spec.model.precision.endswith("-bit")
    times = 1.0 if as_one else _PEFT_CHECKPOINTED if spec.training.gradient_checkpointing else _PEFT
    adapted = base.targets(spec.method.target_modules)
    return sum((times if m in adapted else 1) * (layer.inputs + layer.outputs) for m, layer in base.linear.items())


def _largest_batch(mean: int, batch: int, max_length: int) -> tuple[int, int]:
    """Tokens of the largest batch, and of its longest row. Lengths of rows vary about as much as their mean, and among
    many batches there is one three deviations above it."""
    return min(batch * max_length, round(mean * (batch + 3 * batch**0.5))), min(max_length, 4 * mean)


def method_faults(base: BaseWeights, method: MethodSpec) -> dict[str, StudioError]:
    """What of the method does not go with the layers of the base, by field ("lora.target_modules")."""
    if base.has_conv1d and not method.fits_conv1d:
        return {
            "method.kind": StudioError(
                "{method} cannot be put on the layers of this base model.", "Choose LoRA.", method=method.label
            )
        }
    if not base.is_known:
        return {}
    faults: dict[str, StudioError] = {}
    for name in () if method.target_modules == ALL_LINEAR else method.target_modules:
        if not base.targets([name]):
            faults["target_modules"] = StudioError(
                "No layer of the base model is called “{name}”.",
                "Use all-linear, or some of {known}.",
                name=name,
                known=", ".join(base.names()),
            )
            break
    layers = base.targets(method.target_modules).values()
    faults |= method.size_faults((layer.inputs, layer.outputs) for layer in layers)
    return {f"{method.kind}.{field}": fault for field, fault in faults.items()}
