"""Token counts: how many tokens a base model makes of each row, and what is cut off. A worker counts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from studio.domain.chat.templates import TemplateChoice
from studio.domain.errors import StudioError
from studio.domain.events import Progress
from studio.domain.jobs.models import ModelReference
from studio.domain.jobs.state import Done, Failed, Lost, Running
from studio.domain.jobs.token_counts import CountTokensRequest, TokenSummary, ValidationRows
from studio.domain.spec.objectives import SftSpec
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.engines.job import Job
from studio.services.datasets.status import check_ready
from studio.store.datasets.folder import COUNTS
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model

LOOKS_FOR = 2  # counts up with what the worker looks for, so that what an older one found is not taken for all there is


@dataclass(frozen=True)
class TokenCountRequest:
    """What is to be counted: for which model, and with which of the settings that a run has."""

    model: Model
    max_length: int = 1024
    chat_template: TemplateChoice = "auto"
    answers_only: bool = True
    objective: str = SftSpec.kind
    validation: Dataset | None = None

    def request_for(self, rows_path: str) -> CountTokensRequest:
        """What the worker is asked for these rows."""
        return CountTokensRequest(
            looks_for=LOOKS_FOR,
            rows_path=rows_path,
            model=ModelReference(name=self.model.name, path=self.model.path),
            chat_template=self.chat_template,
            max_length=self.max_length,
            answers_only=self.answers_only,
            objective=self.objective,
            validation=self.validation
            and ValidationRows(name=self.validation.name, rows_path=self.validation.rows_path),
        )


@dataclass(frozen=True)
class TokenCount:
    """`status` is none, running, done or failed."""

    status: str
    folder: Path
    done: int = 0
    total: int = 0
    details: TokenSummary = field(default_factory=TokenSummary)
    fault: StudioError | None = None


class TokenCounts:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, dataset: Dataset, request: TokenCountRequest) -> TokenCount:
        """The token count, which is begun where it was not made before, or failed.

        Raises:
            InvalidInput: the dataset has no rows yet.
            StudioError: the worker cannot be started.
        """
        check_ready(dataset)
        token_count = self.look(dataset, request)
        if token_count.status in ("running", "done"):
            return token_count
        job = Job(self._engine, token_count.folder)
        try:
            job.prepare(request.request_for(dataset.rows_path))
            job.start("count-tokens")
        except OSError as error:
            raise StudioError(
                "The folder {folder} cannot be written: {reason}.", "Free some space or fix its permissions.",
                folder=token_count.folder, reason=error.strerror or str(error),
            ) from error  # fmt: skip
        return TokenCount("running", token_count.folder, total=dataset.rows)

    def look(self, dataset: Dataset, request: TokenCountRequest) -> TokenCount:
        """How far it is."""
        job = self._job(dataset, request)
        path = job.folder.path
        if not path.is_dir():
            return TokenCount("none", path)
        match job.poll():
            case Done(finished):
                return TokenCount("done", path, dataset.rows, dataset.rows, finished.result(TokenSummary))
            case Failed(fault):
                return TokenCount("failed", path, fault=fault)
            case Running(Progress(done=done, total=total)):
                return TokenCount("running", path, done, total)
            case Running():
                return TokenCount("running", path, total=dataset.rows)
            case Lost(None):
                return TokenCount("none", path)
        return TokenCount("failed", path, fault=job.why_lost(N_("Start it again.")))

    def stop(self, dataset: Dataset, request: TokenCountRequest) -> None:
        """Ends it where it is under way; what was counted is forgotten."""
        job = self._job(dataset, request)
        if job.is_alive():
            job.stop(force=True)
            job.folder.events.unlink(missing_ok=True)

    def _job(self, dataset: Dataset, request: TokenCountRequest) -> Job:
        """The folder is named by what is asked, so that the same is counted once."""
        question = request.request_for(dataset.rows_path).model_dump(mode="json")
        digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
        return Job(self._engine, dataset.own_folder / COUNTS / digest[:16])
