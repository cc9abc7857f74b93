"""Room on a disk: how much is left, and some that is kept back for what must still be written when it is full."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

HOME_RESERVE = 2 << 20  # bytes: the catalogue deletes some hundred thousand rows with them
BESIDE = 256 << 10  # bytes that are left for what is written while the reserve is kept


class Reserve:
    """A file of `size` bytes that holds nothing."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def keep(self, beside: int = BESIDE) -> None:
        """Makes it whole, or as large as the disk has room for and so many bytes beside it."""
        size = self._current_size()
        target = min(self._size, size + free_space(self._path.parent) - beside)
        if target > size:
            with suppress(OSError), self._path.open("ab") as file:
                file.write(b"\0" * (target - size))

    def take(self) -> None:
        """Makes it. Raises OSError."""
        self._path.write_bytes(b"\0" * self._size)

    def give_up(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def tick(self) -> None:
        """The catalogue gives it up where it finds no room; once there is some, it is made again."""
        self.keep()

    @contextmanager
    def given_up(self) -> Iterator[None]:
        """For as long as something is written that makes room."""
        self.give_up()
        try:
            yield
        finally:
            self.keep()

    def _current_size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0


def free_space(folder: Path) -> int:
    """Bytes; as many as one may wish where the system does not say."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 1 << 62
