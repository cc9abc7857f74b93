"""Device placement: which waiting runs start now, and on which device."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from studio.domain.errors import StudioError
from studio.domain.translation import N_
from studio.platform.hardware import CPU, Device
from studio.platform.host_memory import gigabytes

NO_DEVICE = N_("It is pinned to {device}, which this machine does not have now.")


class Waiting(Protocol):
    """What is looked at of a run that waits."""

    id: int
    held: bool
    device: str
    ignore_memory: bool


@dataclass(frozen=True)
class Placed:
    """Device names by run id, and why others must wait although it would be their turn. `short` is the device that a
    run would start on if it had enough memory free, which can be made free."""

    starts: Mapping[int, str]
    reasons: Mapping[int, StudioError]
    short: Mapping[int, Device] = field(default_factory=dict)


def place(
    queue: Sequence[Waiting], busy: Collection[str], devices: Sequence[Device], needs: Mapping[int, int | None]
) -> Placed:
    """`queue` in its order, `busy` the names of devices that train, `needs` bytes by run id where they are known.

    A run that is not pinned takes the first free GPU; the CPU only where there is no GPU. What waits for memory lets
    others pass, and is not kept waiting by that: a device has one run at a time, so the memory is taken by something
    else than runs, and each time the device is free again the queue is asked from its beginning.
    """
    free = {device.name: device for device in devices if device.name not in busy}
    by_name = {device.name: device for device in devices}
    usual = [device.name for device in devices if device.name != CPU] or [CPU]
    starts: dict[int, str] = {}
    reasons: dict[int, StudioError] = {}
    short: dict[int, Device] = {}
    for run in queue:
        if run.held:
            continue
        if run.device and run.device not in by_name:
            reasons[run.id] = _no_device(run.device, by_name)
            continue
        allowed = [run.device] if run.device else usual
        open_ones = [free[name] for name in allowed if name in free]
        need = None if run.ignore_memory else needs.get(run.id)
        fitting = [device for device in open_ones if need is None or need <= device.free]
        if fitting:
            starts[run.id] = fitting[0].name
            del free[fitting[0].name]
        elif need is not None and open_ones:
            roomy = [device for device in open_ones if need <= device.memory]
            if not roomy and any(
                name not in free and need <= by_name[name].memory for name in allowed if name in by_name
            ):
                continue  # its turn comes on a larger device
            device = max(roomy or open_ones, key=lambda device: device.free)
            reasons[run.id] = _no_memory(device, need)
            if roomy:
                short[run.id] = device
    return Placed(starts, reasons, short)


def _no_device(name: str, names: Collection[str]) -> StudioError:
    return StudioError(
        NO_DEVICE,
        "Pin it to one of {known}, or to none.",
        device=name,
        known=", ".join(sorted(names)),
    )


def _no_memory(device: Device, need: int) -> StudioError:
    values = {"need": gigabytes(need), "free": gigabytes(device.free), "all": gigabytes(device.memory)}
    if need > device.memory:
        return StudioError(
            "It is expected to need {need} of memory, but {device} has only {all}.",
            "Choose 4-bit, a shorter max length, a smaller batch size or gradient checkpointing; or start it anyway.",
            device=device.label,
            **values,
        )
    return StudioError(
        "It is expected to need {need} of memory, but only {free} of {all} are free on {device}.",
        "It starts automatically once enough is free: close other programs, wait until the playground's model is "
        "unloaded, or start it anyway.",
        device=device.label,
        **values,
    )
