"""The size of an adapter and of its base, computed without torch."""

from __future__ import annotations

from dataclasses import dataclass

from studio.domain.spec.peft_methods.base import MethodSpec
from studio.domain.spec.run_spec import RunSpec
from studio.services.models.layers import BaseWeights
from studio.services.models.memory import base_bytes

_ADAPTER_BYTES = 4  # peft keeps and saves an adapter in fp32, whatever the base is in


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


def sizes(spec: RunSpec, base: BaseWeights) -> Sizes:
    """The adapter of this spec on a base model with these layers."""
    trainable = trainable_parameters(base, spec.method) if base.is_known else None
    return Sizes(
        parameters=base.parameters,
        trainable=trainable,
        adapter_bytes=None if trainable is None else trainable * _ADAPTER_BYTES,
        base_bytes=base_bytes(base, spec.model.precision),
    )


def trainable_parameters(base: BaseWeights, method: MethodSpec) -> int:
    """As many as peft's `print_trainable_parameters` says."""
    targets = base.targets(method.target_modules).values()
    count = sum(method.parameters(layer.inputs, layer.outputs) for layer in targets)
    if method.trained_biases == "all":
        return count + base.bias
    return count + (sum(layer.bias for layer in targets) if method.trained_biases == "adapted" else 0)
