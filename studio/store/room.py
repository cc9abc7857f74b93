"""Room on a disk: how much is left, and some that is kept back for what must still be written when it is full."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOME_RESERVE = 2 << 20  # bytes: the catalogue deletes some hundred thousand rows with them


class Reserve:
    """A file of `size` bytes that holds nothing."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def keep(self) -> None:
        """Makes it where it is missing and the disk has room enough for it and for others."""
        if not self._size or self._path.exists() or free_space(self._path.parent) < 4 * self._size:
            return
        with suppress(OSError):
            self.take()

    def take(self) -> None:
        """Makes it. Raises OSError."""
        self._path.write_bytes(b"\0" * self._size)

    def give_up(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def give_up_if_needed(self) -> None:
        """Where the disk has less room than the reserve."""
        if free_space(self._path.parent) < self._size:
            self.give_up()

    def tick(self) -> None:
        """Makes it again once there is room: the catalogue gives it up where there is none."""
        self.keep()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """For as long as something is written that makes room."""
        self.give_up()
        try:
            yield
        finally:
            self.keep()


def free_space(folder: Path) -> int:
    """Bytes; as many as one may wish where the system does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 1 << 62
