"""The engine protocol: where workers run. An engine knows a folder and a task, and no hyperparameter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from studio.engines.exit_reason import ExitReason
from studio.platform.hardware import Device

Handle = str
"""How an engine knows a worker again, also after the server has been started anew. Nobody else looks into it."""
NOBODY: Handle = "nobody"
"""Of a worker that is gone for good, and of which no more is known."""


class Engine(Protocol):
    def start(
        self, task: str, folder: Path, *, online: bool = False, token: str | None = None, device: str = ""
    ) -> Handle:
        """Starts `worker TASK FOLDER`. `online` lets it reach the Hub, with `token`; it sees no other device than
        `device`, if one is given. Raises StudioError."""
        ...

    def find(self, folder: Path) -> Handle | None:
        """The worker that works, or has worked, in that folder: for a server that died before it could keep the handle
        that `start` gave."""
        ...

    def is_alive(self, worker: Handle) -> bool: ...

    def stop(self, worker: Handle, *, force: bool = False) -> None:
        """Asks the worker to end; with `force`, ends it. No word about one that is gone already."""
        ...

    def exit_reason(self, worker: Handle, folder: Path) -> ExitReason:
        """What is known of the end of a worker that is gone."""
        ...

    def memory(self, worker: Handle) -> int:
        """Bytes of the machine's memory that it takes; 0 where it is gone."""
        ...

    def devices(self) -> Sequence[Device]:
        """Where runs can compute: every GPU, and the CPU."""
        ...

    def tick(self) -> None:
        """Looks after what has ended meanwhile; called each second."""
        ...
