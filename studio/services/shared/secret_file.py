"""A secret that the studio keeps for its user: a file in the home that this user alone can read."""

from __future__ import annotations

import os
import secrets

from studio.settings import Settings, unwritable


class SecretFile:
    """`<home>/secrets/<name>`."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._home = settings.home
        self._path = settings.home / "secrets" / name

    def write(self, text: str) -> None:
        """Replaces it in one step. Raises InvalidInput where the home cannot be written."""
        aside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
            aside.replace(self._path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise unwritable(self._home, error) from error

    def read(self) -> str:
        """Empty where there is none."""
        return self._path.read_text("utf-8").strip() if self._path.is_file() else ""

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)
