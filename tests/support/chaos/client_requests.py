"""What is asked of a running studio, by its page or by a command, and what came of it as far as whoever asked knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

import httpx

from tests.support.studio_process import Server, studio

Outcome = bool | None  # done, refused, or nobody has said


class Asking:
    """A command `by_impatient_command` is refused where another program holds the catalogue."""

    def __init__(self, home: Path, server: Server, seconds: float) -> None:
        self._home = home
        self._seconds = seconds
        self.server = server

    def add(self, rows: Path) -> Outcome:
        def sent() -> bytes:
            put = httpx.put(f"{self.server.url}/uploads", content=rows.read_bytes(), timeout=60)
            if put.status_code != 200:
                return put.content
            return self.server.call("datasets.add", {"uploads": [put.json()["token"]], "names": [rows.name]})

        return _told(sent, lambda told: "dataset" in told)

    def add_by_command(self, rows: Path) -> Outcome:
        return self._command("add", str(rows))

    def add_by_impatient_command(self, rows: Path) -> Outcome:
        return self._command("add", str(rows), "--database-url", self._impatient)

    def clean(self, name: str) -> Outcome:
        asked = {"name": name, "actions": {"drop_duplicates": "exact"}}
        return _told(lambda: self.server.call("datasets.clean", asked), lambda told: "error" not in told)

    def delete(self, name: str) -> Outcome:
        return self._done("datasets.delete", {"name": name})

    def delete_by_command(self, name: str) -> Outcome:
        return self._command("delete", name)

    def delete_by_impatient_command(self, name: str) -> Outcome:
        return self._command("delete", name, "--database-url", self._impatient)

    def add_model(self, folder: Path) -> Outcome:
        return self._done("settings.add_model", {"reference": str(folder)})

    def remove_model(self, name: str) -> Outcome:
        return self._done("settings.remove_model", {"name": name})

    @property
    def _impatient(self) -> str:
        return f"sqlite:///{self._home}/studio.db?timeout=0.1"

    def _command(self, *arguments: str) -> Outcome:
        return studio(self._home, "datasets", *arguments, seconds=self._seconds).returncode == 0

    def _done(self, handler: str, payload: dict[str, Any]) -> Outcome:
        return _told(lambda: self.server.call(handler, payload), lambda told: told is None)


def _told(ask: Callable[[], bytes], is_done: Callable[[Any], bool]) -> Outcome:
    try:
        return is_done(json.loads(ask()))
    except (OSError, ValueError, HTTPException, httpx.HTTPError):
        return None
