"""Removes a base model: checks that nothing needs it, ends its workers, deletes its files.

Files that the studio has not made stay: those in a folder of the user's, and the Hub's cache, which other programs
share. So does the record, where runs or adapters tell of the model; it is in no list then, and comes back to life when
the model is added again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.jobs.models import ModelReport
from studio.domain.naming import slug
from studio.engines.base import Engine
from studio.engines.job import Job
from studio.store.catalogue import Catalogue
from studio.store.catalogue.evaluations import OPEN
from studio.store.tables.models import REMOVED, Model

CHECK = "check"  # in a model's folder: that of its check


def folder_of(folder: Path, model: Model) -> Path:
    """What the workers of that model write into, within the folder of all models."""
    return folder / f"{slug(model.name)}-{model.id}"


class ModelRemoval:
    """`folder` is that of all models."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._folder = folder

    def keeps_files(self, model: Model) -> bool:
        """Whether its files stay, since they are not the studio's own."""
        return bool(model.path) and not self._holds(model, model.path)

    def remove(self, model: Model) -> None:
        """Raises as `Models.delete` does."""
        if model.status == REMOVED:
            raise NotFound("There is no base model named “{name}”.", name=model.name)
        self._check_unneeded(model)
        # First of all: from then on nobody begins anything with it. A power cut later on is made good by `finish`.
        if runs := self._catalogue.remove_model(model.id):
            raise InvalidInput(
                "The base model “{name}” is in use: these runs train on it or are waiting to: {runs}.",
                "Stop them or remove them from the queue, then remove it.",
                name=model.name, runs=", ".join(f"{run.name} ({run.id})" for run in runs),
            )  # fmt: skip
        self.finish(model)

    def _check_unneeded(self, model: Model) -> None:
        for other in self._catalogue.models():
            if other.id != model.id and self._holds(model, other.path):
                raise InvalidInput(
                    "The base model “{other}” is in the folder of “{name}”.", "Remove “{other}” first.",
                    name=model.name, other=other.name,
                )  # fmt: skip
        for evaluation in self._catalogue.all_evaluations(*OPEN):
            if any(column["model"] == model.name for column in evaluation.columns):
                raise InvalidInput(
                    "The base model “{name}” is in use: the evaluation “{evaluation}” is running on it or waiting to.",
                    "Stop the evaluation, then remove it.", name=model.name, evaluation=evaluation.name,
                )  # fmt: skip

    def finish(self, model: Model) -> None:
        """What is left to do of a removed model. Raises StudioError: its files cannot be deleted now."""
        folder = folder_of(self._folder, model)
        for job in self._jobs(model, folder):
            job.end(force=True)
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StudioError(
                "The files of “{name}” cannot be deleted now: {reason}.",
                "Close programs that use {path}, or fix its permissions; the studio retries automatically.",
                name=model.name, reason=error.strerror or str(error), path=folder,
            ) from error  # fmt: skip
        self._catalogue.change_model(model.id, only=REMOVED, folder="", path="", worker="", report=ModelReport())
        if model.source != "starter":  # of which is remembered that nobody wants it: see Models.add_starter_once
            self._catalogue.forget_model(model.id)

    def _jobs(self, model: Model, folder: Path) -> Iterator[Job]:
        """Those that fetch it and check it."""
        yield Job(self._engine, model.folder or folder, model.worker)
        yield Job(self._engine, folder / CHECK)

    def _holds(self, model: Model, path: str) -> bool:
        """Whether that path lies in the folder which the studio has made for the model."""
        return bool(path) and folder_of(self._folder, model).resolve() in Path(path).resolve().parents
