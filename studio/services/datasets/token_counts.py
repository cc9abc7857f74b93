"""Token counts: how many tokens a base model makes of each row, and what is lost of it. A worker does the counting."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.domain.errors import StudioError
from studio.domain.events import Failed, Finished, Progress
from studio.engines.base import Engine, Process
from studio.services.datasets.service import EXAMINED
from studio.services.datasets.status import check_ready
from studio.store.job_folder import JobFolder, read_process, write_json
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model

TOKENS = "tokens.arrow"
LOOKS_FOR = 2  # counts up with what the worker looks for, so that what an older one found is not taken for all there is


@dataclass(frozen=True)
class TokenCountRequest:
    """What is to be counted: for which model, and with which of the settings that a run has."""

    model: Model
    max_length: int = 1024
    chat_template: str = "auto"
    answers_only: bool = True
    validation: Dataset | None = None

    def request_for(self, rows_path: str) -> dict[str, Any]:
        """What the worker is asked for these rows."""
        return {
            "looks_for": LOOKS_FOR,
            "rows_path": rows_path,
            "model": {"name": self.model.name, "path": self.model.path},
            "chat_template": self.chat_template,
            "max_length": self.max_length,
            "answers_only": self.answers_only,
            "split": None,
            "validation": self.validation and {"name": self.validation.name, "rows_path": self.validation.rows_path},
        }


@dataclass(frozen=True)
class TokenCount:
    """`status` is none, running, done or failed; `details` are those of worker.tokenization.task once it is done."""

    status: str
    folder: Path
    done: int = 0
    total: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    fault: StudioError | None = None


class TokenCounts:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, dataset: Dataset, question: TokenCountRequest) -> TokenCount:
        """The examination, which is begun where it was not made before, or failed.

        Raises:
            InvalidInput: the dataset has no rows yet.
            StudioError: the worker cannot be started.
        """
        check_ready(dataset)
        known = self.look(dataset, question)
        if known.status in ("running", "done"):
            return known
        folder = JobFolder(known.folder)
        try:
            folder.events.unlink(missing_ok=True)
            folder.prepare(question.request_for(dataset.rows_path))
            process = self._engine.start("examine", folder.path)
            write_json(folder.path / "process.json", {"pid": process.pid, "started": process.started})
        except OSError as error:
            raise StudioError(
                "The folder {folder} cannot be written: {reason}.", "Free some space or fix its permissions.",
                folder=folder.path, reason=error.strerror or str(error),
            ) from error  # fmt: skip
        return TokenCount("running", folder.path, total=dataset.rows)

    def look(self, dataset: Dataset, question: TokenCountRequest) -> TokenCount:
        """How far it is."""
        request = json.dumps(question.request_for(dataset.rows_path), sort_keys=True)
        path = dataset.own_folder / EXAMINED / hashlib.sha256(request.encode()).hexdigest()[:16]
        alive = self._is_alive(path)  # asked first: a worker's last word comes before its death
        match JobFolder(path).last_event() if path.is_dir() else None:
            case Finished(details=details):
                return TokenCount("done", path, dataset.rows, dataset.rows, details)
            case Failed() as failed:
                return TokenCount("failed", path, fault=StudioError.from_dict(failed.told))
            case Progress(done=done, total=total) if alive:
                return TokenCount("running", path, done, total)
            case _ if alive:
                return TokenCount("running", path, total=dataset.rows)
            case Progress():
                return TokenCount(
                    "failed", path,
                    fault=StudioError("Token counting ended unexpectedly.", "Start it again."),
                )  # fmt: skip
        return TokenCount("none", path)

    def stop(self, dataset: Dataset, question: TokenCountRequest) -> None:
        """Ends it where it is under way; what was counted is forgotten."""
        path = self.look(dataset, question).folder
        process = self._process(path)
        if process is not None and self._engine.is_alive(process):
            self._engine.stop(process, force=True)
            JobFolder(path).events.unlink(missing_ok=True)

    def _process(self, path: Path) -> Process | None:
        said = read_process(path / "process.json")
        return Process(*said) if said else None

    def _is_alive(self, path: Path) -> bool:
        process = self._process(path)
        return process is not None and self._engine.is_alive(process)
