"""The devices of this machine, as far as that is known without torch."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from studio import settings
from studio.platform.host_memory import host_memory

TIMEOUT_SECONDS = 5.0  # seconds that nvidia-smi may take; it wakes sleeping GPUs
FRESH_SECONDS = 10.0  # seconds for which its answer is good

_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.total,memory.free", "--format=csv,noheader,nounits")
_QUICK_BF16 = {"avx512_bf16", "amx_bf16", "bf16"}  # as Linux names what x86 and ARM have


CPU = "cpu"  # its name among the devices


@dataclass(frozen=True)
class Device:
    """Where a run can compute: "cpu", or "cuda:0" and so on. `memory` and `free` are bytes, `label` is for people."""

    name: str
    label: str
    memory: int
    free: int


@dataclass(frozen=True)
class Gpu:
    """`memory` and `free` are bytes; `device` is its name among the devices, `uuid` what it is called for good."""

    name: str
    memory: int
    free: int
    device: str = ""
    uuid: str = ""


def devices() -> list[Device]:
    """Where runs can compute, GPUs first. On an Apple chip GPU and CPU share memory, and only the GPU is used."""
    gpus = look_at_gpus()
    gpu_devices = [Device(gpu.device, gpu.name, gpu.memory, gpu.free) for gpu in gpus]
    return gpu_devices if _is_apple() else [*gpu_devices, Device(CPU, "CPU", *host_memory())]


def look_at_gpus() -> tuple[Gpu, ...]:
    """Those that a run can be put on, in the order of their numbers."""
    if _is_apple():
        return (Gpu("Apple GPU", *host_memory(), "mps"),)
    return _nvidia.look()


def forget_gpus() -> None:
    """What they had free is no longer true: a process has ended."""
    _nvidia.forget()


class NvidiaGpus:
    """What nvidia-smi says, asked again when it is no longer fresh. `ask` raises OSError or SubprocessError."""

    def __init__(self, ask: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._gpus: tuple[Gpu, ...] = ()
        self._until = float("-inf")

    def look(self) -> tuple[Gpu, ...]:
        if self._clock() >= self._until:
            try:
                self._gpus = visible(read_gpus(self._ask()), settings.visible_gpus())
            except subprocess.TimeoutExpired:
                pass  # it is busy, and the GPUs that it knew have not gone for that
            except (OSError, subprocess.SubprocessError):
                self._gpus = ()
            self._until = self._clock() + FRESH_SECONDS
        return self._gpus

    def forget(self) -> None:
        self._until = float("-inf")


def _ask_nvidia() -> str:
    if shutil.which(_QUERY[0]) is None:
        return ""
    return subprocess.run(_QUERY, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True).stdout


_nvidia = NvidiaGpus(_ask_nvidia)


def read_gpus(output: str) -> tuple[Gpu, ...]:
    """The GPUs from nvidia-smi's lines of number, uuid, name, MiB in all, MiB free."""
    gpus = []
    for line in output.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) >= 5 and all(part.isdigit() for part in (parts[0], *parts[-2:])):
            name = ", ".join(parts[2:-2])
            gpus.append(Gpu(name, int(parts[-2]) << 20, int(parts[-1]) << 20, f"cuda:{parts[0]}", parts[1]))
    return tuple(gpus)


def visible(gpus: Sequence[Gpu], visible_names: str | None) -> tuple[Gpu, ...]:
    """Those that CUDA_VISIBLE_DEVICES names, in its order; all where it is not set. As CUDA reads it, what follows a
    name that no GPU has does not count."""
    if visible_names is None:
        return tuple(gpus)
    listed_gpus: list[Gpu] = []
    for name in visible_names.split(","):
        matches = [
            g for g in gpus if name.strip() and (g.device == f"cuda:{name.strip()}" or _is_uuid(g, name.strip()))
        ]
        if len(matches) != 1:
            break
        listed_gpus += matches
    return tuple(listed_gpus)


def _is_uuid(gpu: Gpu, name: str) -> bool:
    """Its beginning is enough."""
    return name.startswith("GPU-") and gpu.uuid.startswith(name)


def _is_apple() -> bool:
    return sys.platform == "darwin" and platform.machine() == "arm64"


@lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Whether the CPU has instructions for bf16: what is likely to be quicker then is measured by the worker."""
    try:
        return bool(_QUICK_BF16 & set(Path("/proc/cpuinfo").read_text("utf-8", "replace").split()))
    except OSError:
        return False
