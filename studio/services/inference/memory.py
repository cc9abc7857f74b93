"""Whether the base models that the playground needs fit into free memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studio.domain.errors import StudioError
from studio.domain.jobs.serving import ServeRequest
from studio.platform.hardware import CPU, Device
from studio.services.models.memory import loaded_bytes
from studio.store.tables.models import Model

_PROCESS = 400_000_000  # bytes of a chat worker beside its weights


def why_no_room(
    devices: Sequence[Device], requests: Sequence[ServeRequest], models: Mapping[str, Model | None]
) -> StudioError | None:
    """None where there is room, or where it is not known how large a model is."""
    device = next((device for device in devices if device.name != CPU), None) or next(iter(devices), None)
    if device is None:
        return None
    need = 0
    for request in requests:
        model = models.get(request.model.name)
        need += _PROCESS + (loaded_bytes(model, request.precision, cpu=device.name == CPU) if model else 0)
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
