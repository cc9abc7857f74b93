"""The memory that a run is expected to need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studio.domain.errors import StudioError
from studio.domain.spec.data import epoch_rows
from studio.domain.spec.run_spec import RunSpec, read_stored
from studio.platform.hardware import CPU, cpu_has_bf16, look_at_gpus
from studio.services.models.layers import BaseWeights, read_base_weights
from studio.services.models.memory import base_bytes
from studio.services.runs.adapter_size import trainable_parameters
from studio.store.catalogue import Catalogue
from studio.store.tables.datasets import Dataset
from studio.store.tables.runs import Run

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


def expected_bytes(catalogue: Catalogue, run: Run) -> int | None:
    """None where model, dataset or settings cannot be used: the start of the run says why."""
    model = catalogue.model_by_id(run.model_id)
    dataset = catalogue.dataset_by_id(run.dataset_id) if run.dataset_id else None
    if model is None or dataset is None:
        return None
    try:
        base, spec = read_base_weights(model.path), read_stored(run.spec)
        others = [catalogue.dataset(each.name) for each in spec.data.mix]
    except StudioError:
        return None
    return memory_of(spec, base, [dataset, *others], run.halvings, run.device)


def memory_of(
    spec: RunSpec, base: BaseWeights, datasets: Sequence[Dataset], halvings: int = 0, device: str = ""
) -> int | None:
    """Bytes, on that device; without one, on a GPU where there is any."""
    gpu = device != CPU and (bool(device) or bool(look_at_gpus()))
    rows = [epoch_rows(d.rows, weight) for d, weight in zip(datasets, spec.data.weights, strict=True)]
    tokens = RowTokens.of_mixture([row_tokens(d.size, d.rows) for d in datasets], rows)
    return training_bytes(spec, base, tokens, sum(rows), halvings, bf16=gpu or cpu_has_bf16(), gpu=gpu)


@dataclass(frozen=True)
class RowTokens:
    """How many tokens rows have: on average, by how much they vary (the standard deviation), and the longest."""

    mean: float
    deviation: float
    longest: float

    @classmethod
    def about(cls, mean: float) -> RowTokens:
        """Of a dataset: lengths of rows vary about as much as their mean."""
        return cls(mean, mean, 4 * mean)

    @classmethod
    def of_mixture(cls, means: Sequence[float], rows: Sequence[int]) -> RowTokens:
        """Of datasets that so many rows each are taken of."""
        total = max(1, sum(rows))
        mean = sum(each * n for each, n in zip(means, rows, strict=True)) / total
        squares = sum(2 * each**2 * n for each, n in zip(means, rows, strict=True)) / total
        return cls(mean, max(0.0, squares - mean**2) ** 0.5, 4 * max(means))


def row_tokens(size: int, rows: int) -> int:
    """About how many tokens a row has on average, from the bytes of all rows."""
    return round(size / max(1, rows) / _BYTES_PER_TOKEN) + _TEMPLATE_TOKENS


def training_bytes(
    spec: RunSpec,
    base: BaseWeights,
    tokens: float | RowTokens,
    rows: int,
    halvings: int = 0,
    *,
    bf16: bool = False,
    gpu: bool = False,
) -> int | None:
    """About the most memory that training takes on so many rows of so many (on average) tokens, rather more than less;
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
    lengths = tokens if isinstance(tokens, RowTokens) else RowTokens.about(tokens)
    in_batch, longest = _largest_batch(lengths, batch, training.max_length)
    activations = _ACTIVATION_FACTOR * _numbers(spec, base)
    if not gpu:
        heads = sum(layer.outputs for layer in base.linear.values() if layer.inputs == layer.outputs) / _HEAD_WIDTH / 2
        activations += heads * longest / 2
    if training.gradient_checkpointing:
        activations *= _CHECKPOINTED
    words = base.other["lm_head"].outputs if "lm_head" in base.other else 0
    logits = min(in_batch, _LOGIT_ROWS) * words * _LOGIT_BYTES
    adam = trainable_parameters(base, spec.method) * _ADAM_BYTES
    return round(_RUNTIME_BYTES + weights + adam + logits + in_batch * number * activations)


def _numbers(spec: RunSpec, base: BaseWeights) -> float:
    """That go in and out of all linear layers for one token; more for those that are not computed as one operation."""
    as_one = spec.method.is_one_operation and not spec.model.precision.endswith("-bit")
    times = 1.0 if as_one else _PEFT_CHECKPOINTED if spec.training.gradient_checkpointing else _PEFT
    targets = base.targets(spec.method.target_modules)
    return sum((times if m in targets else 1) * (layer.inputs + layer.outputs) for m, layer in base.linear.items())


def _largest_batch(lengths: RowTokens, batch: int, max_length: int) -> tuple[int, float]:
    """Tokens of the largest batch, and of its longest row. Among many batches there is one three deviations above the
    mean."""
    tokens = round(lengths.mean * batch + 3 * lengths.deviation * batch**0.5)
    return min(batch * max_length, tokens), min(max_length, lengths.longest)
