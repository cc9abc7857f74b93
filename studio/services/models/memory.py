"""The memory that a base model's weights take."""

from __future__ import annotations

from studio.domain.errors import StudioError
from studio.domain.precision import AUTOMATIC, PRECISIONS
from studio.domain.quantization import stored_quantization
from studio.services.models.layers import BaseWeights, read_base_weights
from studio.store.model_config import model_config
from studio.store.tables.models import Model


def base_bytes(base: BaseWeights, precision: str) -> tuple[int, int]:
    """The least and the most that the base's weights take in that precision.

    Only linear layers are quantised. The rest, and everything under “auto”, is in bf16 where that is quicker on the
    device and in fp32 elsewhere.
    """
    if precision == AUTOMATIC:
        return base_bytes(base, "bf16")[0], base_bytes(base, "fp32")[1]
    costs = PRECISIONS[precision]
    outputs = sum(layer.outputs for layer in base.linear.values())
    linear = base.linear_parameters * costs.linear_bytes + outputs * costs.output_bytes
    rest = base.parameters - base.linear_parameters
    least, most = costs.rest_bytes
    return round(linear + rest * least), round(linear + rest * most)


def loaded_bytes(model: Model, precision: str, *, cpu: bool) -> int:
    """About what the model takes once it is loaded, in the precision that was asked for or, where that is decided by
    how it is stored, in that one; 0 where its size is not known."""
    quantization = stored_quantization(model_config(model.path))
    if quantization and quantization.precision:
        return round(model.parameters * PRECISIONS[quantization.precision].usual_bytes)
    try:
        base = read_base_weights(model.path)
        if base.is_known:
            return base_bytes(base, precision)[1 if cpu else 0]
    except StudioError:
        pass  # it is said when the model is loaded
    costs = PRECISIONS.get(precision) or PRECISIONS["fp32" if cpu else "bf16"]
    return round(model.parameters * costs.usual_bytes)
