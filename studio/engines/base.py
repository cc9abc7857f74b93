"""Where workers run. An engine knows a folder and a task; it knows no hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from studio.engines.exit_reason import Death
from studio.platform.hardware import Device


@dataclass(frozen=True)
class Process:
    """A worker that any later server can find again: a pid alone may by then be another program's.

    `started` is the process's start time in seconds since the epoch.
    """

    pid: int
    started: float


class Engine(Protocol):
    def start(
        self, task: str, folder: Path, *, online: bool = False, token: str | None = None, device: str = ""
    ) -> Process:
        """Starts `worker TASK FOLDER`. `online` lets it reach the Hub, with `token`; it sees no other device than
        `device`, if one is given. Raises StudioError."""
        ...

    def is_alive(self, process: Process) -> bool: ...

    def stop(self, process: Process, *, force: bool = False) -> None:
        """Asks the process to end; with `force`, ends it. No word about one that is gone already."""
        ...

    def death(self, process: Process, folder: Path) -> Death:
        """What is known of the end of a process that is gone."""
        ...

    def devices(self) -> Sequence[Device]:
        """Where runs can compute: every GPU, and the CPU."""
        ...

    def tick(self) -> None:
        """Looks after what has ended, once a second."""
        ...
