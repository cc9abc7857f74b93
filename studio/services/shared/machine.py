"""The machine and what the studio stores on it, without torch."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from studio.platform.hardware import Gpu, look_at_gpus
from studio.platform.host_memory import host_memory
from studio.store.job_folder import folder_size

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "gradio", "huggingface_hub")


@dataclass(frozen=True)
class Machine:
    """`cores` are those this process may use; `memory` and `free` bytes of what it may use of
    the system's."""

    processor: str
    cores: int
    memory: int
    free: int
    gpus: tuple[Gpu, ...]

    @property
    def free_for_training(self) -> int:
        """Bytes free where a model would be put: on the first GPU, else in the system's memory."""
        return self.gpus[0].free if self.gpus else self.free


def look_at_machine() -> Machine:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(_processor(), allowed, *host_memory(), look_at_gpus())


@lru_cache(maxsize=1)
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@dataclass(frozen=True)
class Stored:
    """What one folder of the home takes, in bytes."""

    name: str
    path: str
    size: int


def storage(home: Path, names: Sequence[str], measure: Callable[[Path], int] = folder_size) -> list[Stored]:
    """The named folders of the home, the largest first, and all that lies beside them as `other`. Reads every file's
    size, which takes a moment where there are many."""
    parts = [Stored(name, str(home / name), measure(home / name)) for name in names]
    others = [path for path in home.iterdir() if path.name not in names]
    beside = sum(measure(path) if path.is_dir() else path.stat().st_size for path in others)
    return [*sorted(parts, key=lambda part: -part.size), Stored("other", str(home), beside)]


def versions() -> dict[str, str]:
    """Of Python and of the packages that training depends on; one that is missing is left out."""
    by_package = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            by_package[package] = version(package)
        except PackageNotFoundError:
            continue
    return by_package
