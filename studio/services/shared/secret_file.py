"""A secret that the studio keeps for its user: a file in the home that this user alone can read."""

from __future__ import annotations

from studio.settings import Settings, unwritable
from studio.store.disk.permissions import write_private


class SecretFile:
    """`<home>/secrets/<name>`."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._home = settings.home
        self._path = settings.home / "secrets" / name

    def write(self, text: str) -> None:
        """Replaces it in one step. Raises InvalidInput where the home cannot be written."""
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path, text)
        except OSError as error:
            raise unwritable(self._home, error) from error

    def read(self) -> str:
        """Empty where there is none."""
        return self._path.read_text("utf-8").strip() if self._path.is_file() else ""

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)
