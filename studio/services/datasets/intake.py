"""Starts the jobs that read datasets, follows them and records their results."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.domain.datasets.columns import header_key
from studio.domain.datasets.file_format import ReadOptions
from studio.domain.errors import StudioError
from studio.domain.events import Finished, Progress
from studio.domain.jobs.ingest import CleanSource, DatasetDetails, FilesSource, HubSource, IntakeRequest
from studio.domain.jobs.state import Done, Failed, Lost, Running
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.engines.job import POLL_SECONDS, Job
from studio.services.datasets.removal import DatasetRemoval
from studio.services.datasets.source_files import cannot_store
from studio.store.catalogue import Catalogue
from studio.store.database_faults import CatalogueFull
from studio.store.job_folder import JobFolder
from studio.store.tables.datasets import Dataset


class DatasetIntakes:
    """`folder` is that of all datasets."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: Engine,
        folder: Path,
        removal: DatasetRemoval,
        token: Callable[[], str | None],
    ) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._folder = folder
        self._removal = removal
        self._token = token

    def start(
        self,
        dataset: Dataset,
        source: FilesSource | HubSource | CleanSource,
        reading: ReadOptions | None = None,
        layout: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Dataset:
        """Starts the job that reads a version, of which the catalogue has a row; it is `reading` then. `files` are laid
        beside the request.

        Raises:
            StudioError: it could not be started; of the version nothing is left.
        """
        job = Job(self._engine, self._folder / str(dataset.id))
        request = IntakeRequest(
            source=source,
            reading=reading or ReadOptions(),
            layout=layout and dict(layout),
            layouts=self._catalogue.column_maps(),
        )
        try:
            shutil.rmtree(job.folder.path, ignore_errors=True)
            job.prepare(request)
            for name, content in (files or {}).items():
                (job.folder.path / name).write_bytes(content)
            # Recorded before the process is: a server that dies in between finds the process by what that writes first.
            self._catalogue.change_dataset(dataset.id, folder=str(job.folder.path))
            online = isinstance(source, HubSource)
            worker = job.start("intake", online=online, token=self._token() if online else None)
        except (OSError, StudioError) as error:
            self._catalogue.delete_datasets([dataset.id])
            self._removal.clear_originals({original.sha256 for original in dataset.details.originals})
            if isinstance(error, StudioError):
                raise
            raise cannot_store(error, self._folder) from error
        self._catalogue.change_dataset(
            dataset.id, status="reading", stage="", done=0, total=0, problem="", remedy="", worker=worker
        )
        return self._catalogue.dataset(dataset.reference)

    def look_after(self, dataset: Dataset) -> None:
        """Records the worker's newest word; a version whose worker is gone without a last one has failed."""
        # A server may have died before it could put the folder down.
        job = Job(self._engine, dataset.folder or self._folder / str(dataset.id), dataset.worker)
        match job.poll(created_at=dataset.created_at):
            case Done(finished):
                self._finish(dataset, finished)
            case Failed(fault):
                self.fail(dataset, fault)
            case Lost():
                self.fail(dataset, job.why_lost(N_("Delete it and add it again.")))
            case Running(Progress(stage=stage, done=done, total=total)):
                self._catalogue.change_dataset(dataset.id, stage=stage, done=done, total=total)

    def wait(self, dataset: Dataset, seconds: float, progress: Callable[[Dataset], None]) -> Dataset:
        """The dataset once it is read, or when the time is over."""
        deadline = time.monotonic() + seconds
        while dataset.status == "reading" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            with suppress(CatalogueFull):  # the reserve is given up: there is room at the next look
                self.look_after(dataset)
            current = self._catalogue.dataset_by_id(dataset.id)
            if current is None:  # deleted meanwhile
                break
            dataset = current
            progress(dataset)
        return dataset

    def fail(self, dataset: Dataset, fault: StudioError) -> None:
        self._catalogue.change_dataset(
            dataset.id, status="failed", problem=fault.problem, remedy=fault.remedy, worker="",
            details=dataset.details.model_copy(update={"fault": fault.as_dict()}),
        )  # fmt: skip

    def _finish(self, dataset: Dataset, event: Finished) -> None:
        new_details = event.result(DatasetDetails)
        request = JobFolder(dataset.folder).read_request(IntakeRequest)
        old_fields = dataset.details.model_dump(exclude_unset=True, exclude={"unclear", "fault"})
        details = DatasetDetails.model_validate(old_fields | new_details.model_dump(exclude_unset=True))
        details = details.model_copy(
            update={"reading": request.reading} | ({"chosen_layout": request.layout} if request.layout else {})
        )
        if new_details.unclear is not None:
            self._catalogue.change_dataset(dataset.id, status="unclear", worker="", details=details)
            return
        if new_details.layout is None:
            raise ValueError("the worker has said nothing of the layout")
        if request.layout:
            self._catalogue.remember_column_map(header_key(new_details.columns), request.layout)
        *before, step = dataset.steps
        if "hub" in step and new_details.hub is not None:
            step = step | {"hub": new_details.hub.model_dump(mode="json")}  # with its commit
        count_fields = {"rows", "bad_rows", "left_out", "trimmed", "changed"}
        counts = new_details.model_dump(mode="json", include=count_fields, exclude_unset=True)
        self._catalogue.change_dataset(
            dataset.id, status="ready", worker="", stage="", details=details, steps=[*before, step | counts],
            format=new_details.layout["format"], sha256=new_details.sha256, rows=new_details.rows,
            size=new_details.size, rows_path=event.path,
        )  # fmt: skip
