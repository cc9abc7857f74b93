"""What the workers say that read datasets."""

from __future__ import annotations

import time

from studio.domain.datasets.formats import header_key
from studio.domain.errors import StudioError
from studio.domain.events import Failed, Finished, Progress
from studio.engines.base import Engine
from studio.services.shared.fault_isolation import SECONDS_TO_START, worker_of
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.tables.datasets import Dataset


class DatasetIntakes:
    def __init__(self, catalogue: Catalogue, engine: Engine) -> None:
        self._catalogue = catalogue
        self._engine = engine

    def look_after(self, dataset: Dataset) -> None:
        """Records the worker's newest word; a version whose worker is gone without one has failed."""
        # Asked first: a worker's last word comes before its death.
        process = worker_of(dataset)
        alive = process is not None and self._engine.is_alive(process)
        match JobFolder(dataset.folder).last_event() if dataset.folder else None:
            case Finished() as finished:
                self._finish(dataset, finished)
            case Failed(problem=problem, remedy=remedy, fault=fault):
                self._catalogue.change_dataset(
                    dataset.id, status="failed", problem=problem, remedy=remedy, pid=None,
                    details={**dataset.details, "fault": fault},
                )  # fmt: skip
            case _ if not alive and (process is not None or time.time() - dataset.created_at > SECONDS_TO_START):
                self.fail(
                    dataset,
                    StudioError(
                        "Reading ended unexpectedly; the machine may have run out of memory.",
                        "Delete the dataset and add its file again.",
                    ),
                )
            case Progress(stage=stage, done=done, total=total):
                self._catalogue.change_dataset(dataset.id, stage=stage, done=done, total=total)

    def fail(self, dataset: Dataset, fault: StudioError) -> None:
        self._catalogue.change_dataset(
            dataset.id, status="failed", problem=fault.problem, remedy=fault.remedy, pid=None,
            details={**dataset.details, "fault": fault.as_dict()},
        )  # fmt: skip

    def _finish(self, dataset: Dataset, finished: Finished) -> None:
        details = {**dataset.details, **finished.details}
        request = JobFolder(dataset.folder).read_request()
        for key, value in (("reading", request.get("reading")), ("chosen_layout", request.get("layout"))):
            if value:
                details[key] = value
        details.pop("unclear", None)
        if "unclear" in finished.details:
            self._catalogue.change_dataset(
                dataset.id, status="unclear", pid=None, details=details | {"unclear": finished.details["unclear"]}
            )
            return
        if chosen := request.get("layout"):
            self._catalogue.remember_column_map(header_key(details["columns"]), chosen)
        *before, step = dataset.steps
        if "hub" in step:
            step = step | {"hub": details["hub"]}  # with its commit
        counts = {key: details[key] for key in ("rows", "bad_rows", "left_out", "trimmed") if key in finished.details}
        self._catalogue.change_dataset(
            dataset.id, status="ready", pid=None, stage="", details=details, steps=[*before, step | counts],
            format=details["layout"]["format"], sha256=details["sha256"], rows=details["rows"], size=details["size"],
            rows_path=finished.path,
        )  # fmt: skip
