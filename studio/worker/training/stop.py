"""Cooperative stop: a flag file or SIGTERM."""

from __future__ import annotations

import signal
from typing import Any

from studio.store.job_folder import JobFolder


class Stopped(Exception):
    """The run was asked to end before it had anything to save."""


class StopRequest:
    """Asked by the stop flag in the run folder, or by SIGTERM. The signal only sets a flag: the work ends in order."""

    def __init__(self, folder: JobFolder) -> None:
        self._folder = folder
        self._has_signal = False

    def listen(self) -> None:
        """From now on SIGTERM is a wish, too. Only in the main thread."""
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, *_: Any) -> None:
        self._has_signal = True

    @property
    def is_made(self) -> bool:
        return self._has_signal or self._folder.stop_is_asked

    def check(self) -> None:
        """Raises Stopped where it is made."""
        if self.is_made:
            raise Stopped
