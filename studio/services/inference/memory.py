"""Whether the base models that the playground needs fit into free memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.domain.errors import StudioError
from studio.domain.jobs.serving import ServeRequest
from studio.domain.quantization import stored_quantization
from studio.platform.hardware import CPU, Device
from studio.store.model_config import model_config
from studio.store.tables.models import Model

_PROCESS = 400_000_000  # bytes of a chat worker beside its weights
_BYTES = {"fp32": 4.0, "bf16": 2.0, "8-bit": 1.4, "4-bit": 0.9}  # a parameter, embeddings in full included


def why_no_room(
    devices: Sequence[Device], requests: Sequence[ServeRequest], models: Mapping[str, Model | None]
) -> StudioError | None:
    """None where there is room, or where it is not known how large a model is."""
    device = next((device for device in devices if device.name != CPU), None) or next(iter(devices), None)
    if device is None:
        return None
    need = 0.0
    for request in requests:
        model = models.get(request.model.name)
        full = 4.0 if device.name == CPU else 2.0
        precision = (model and _stored_precision(model)) or request.precision
        need += _PROCESS + (model.parameters if model else 0) * _BYTES.get(precision, full)
    if need <= device.free:
        return None
    return StudioError(
        "{models} would need about {need} GB, and {device} has {free} GB free.",
        "Choose 4-bit or 8-bit, compare fewer base models, or close other programs.",
        models=", ".join(request.model.name for request in requests),
        need=round(need / 1e9, 1),
        device=device.label,
        free=round(device.free / 1e9, 1),
    )


def _stored_precision(model: Model) -> str | None:
    """What its weights are in memory, where that is decided by how they are stored."""
    stored = stored_quantization(model_config(model.path))
    return stored.precision if stored else None
