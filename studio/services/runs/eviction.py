"""Evicts the playground's idle model from a device that a run needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from studio.domain.errors import StudioError
from studio.engines.base import Engine
from studio.platform.hardware import CPU, Device
from studio.services.inference.worker_process import WorkerStatus


class Tenant(Protocol):
    """Has a model in memory and can do without: the playground."""

    def workers(self) -> Sequence[WorkerStatus]: ...

    def dismiss(self) -> bool: ...


class PlaygroundEviction:
    def __init__(self, engine: Engine, tenant: Tenant) -> None:
        self._engine = engine
        self._tenant = tenant

    def evict_for(self, device: Device, need: int) -> StudioError | None:
        """For a run that needs so many bytes on a device that has fewer free: unloads the playground's model where
        that helps. What is freed shows a moment later. The reason to wait, where it is answering."""
        workers = self._tenant.workers()
        if not workers or device.free + self._would_free(device, workers) < need:
            return None
        if self._tenant.dismiss():
            return None
        return StudioError(
            "The playground is answering with {model}, and {device} does not have enough memory for both.",
            "The run starts once the answer is written. Or start it anyway.",
            model=workers[0].model,
            device=device.label,
        )

    def _would_free(self, device: Device, workers: Sequence[WorkerStatus]) -> int:
        """Bytes: on a GPU at most all that is taken. The playground is on the CPU only where there is no GPU."""
        if device.name != CPU:
            return device.memory - device.free
        if any(other.name != CPU for other in self._engine.devices()):
            return 0
        return sum(self._engine.memory(worker.handle) for worker in workers)
