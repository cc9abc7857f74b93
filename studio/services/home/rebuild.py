"""Rows of the catalogue made anew: from the files that the catalogue keeps of its rows, or else from what is in the
folders: requests, events, stories of adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from studio.domain.events import Finished
from studio.domain.jobs.ingest import (
    CleanSource,
    DatasetDetails,
    FileReference,
    FilesSource,
    HubSource,
    IntakeRequest,
    SourceFileRecord,
)
from studio.domain.jobs.models import FetchRequest
from studio.domain.jobs.training import AdapterDetails, TrainRequest
from studio.domain.run import RunStatus
from studio.engines.base import NOBODY
from studio.services.datasets.sources import name_of_file
from studio.services.home.folders import Kept
from studio.services.home.relocated_paths import rebase_to
from studio.services.runs.progress import record_events
from studio.store.adapter_folder import CONFIG, PROVENANCE
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder, Requested, folder_size, read_json
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import REMOVED, Model
from studio.store.tables.runs import Run, Sweep

NO_RESUMES = 1_000  # as many as a run may have had: what is found again begins nothing by itself


class Rebuilding:
    """Puts one row after the other back, in the order of what refers to what: models, datasets, runs, adapters."""

    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self._catalogue = catalogue
        self._home = home
        self._records: dict[type[Kept], dict[int, dict[str, Any]]] = {
            table: {record["id"]: record for record in catalogue.files.all(table)} if catalogue.files else {}
            for table in (Model, Dataset, Run, Adapter)
        }
        self._make: dict[type[Kept], Callable[[int, Path], Mapping[str, Any] | None]] = {
            Model: _model, Dataset: self._dataset, Run: self._run, Adapter: self._adapter,
        }  # fmt: skip

    def rebuild(self, table: type[Kept], number: int, folder: Path) -> Kept | None:
        """The row of that folder; None where nothing in it says what it was."""
        fields = self._record_of(table, number, folder) or self._make[table](number, folder)
        if fields is None:
            return None
        return self._add(table, dict(fields))

    def add_queued_runs(self) -> list[Run]:
        """Runs that waited and have no folder yet. They wait on: on hold, until somebody wants them."""
        ids, runs = self._catalogue.ids(Run), []
        for id, record in self._records[Run].items():
            if id not in ids and record["status"] == RunStatus.QUEUED and not record["folder"]:
                run = self._add(Run, record | {"held": True})
                runs += [run] if isinstance(run, Run) else []
        return runs

    def _record_of(self, table: type[Kept], number: int, folder: Path) -> dict[str, Any] | None:
        """What the row's file says. The home may have been elsewhere when it was written."""
        if table is not Adapter:
            record = self._records[table].get(number)
        else:
            matches = (r for r in self._records[Adapter].values() if Path(r["path"]).name == folder.name)
            record = next(matches, None)
        if record is None:
            return None
        was = Path(record["path"] if table is Adapter else record["folder"] or folder).parents[1]
        return dict(rebase_to([str(was)], self._home)(record))

    def _add(self, table: type[Kept], fields: dict[str, Any]) -> Kept | None:
        if table in (Model, Adapter):
            fields["name"] = self._catalogue.free_name(table, fields["name"])  # type: ignore[type-var]
        if table is Dataset:
            fields["name"] = self._free_name(fields)
        if table is Run:
            self._prepare_run(fields)
        if table is Adapter:
            for name, of in (("model_id", Model), ("dataset_id", Dataset), ("run_id", Run)):
                if fields.get(name) not in self._catalogue.ids(of):
                    fields[name] = None
        record = table(**fields)
        if not self._catalogue.restore(record):
            return None
        if isinstance(record, Run) and record.folder:
            self._catalogue.change_run(record.id, offset=0)
            record_events(self._catalogue, self._catalogue.run(record.id))
        return record

    def _free_name(self, fields: Mapping[str, Any]) -> str:
        versions = {d.version for d in self._catalogue.dataset_versions(fields["name"])}
        return self._catalogue.free_name(Dataset, fields["name"]) if fields["version"] in versions else fields["name"]

    def _prepare_run(self, fields: dict[str, Any]) -> None:
        if fields.get("dataset_id") not in self._catalogue.ids(Dataset):
            fields["dataset_id"] = None
        if fields.get("sweep_id") not in self._catalogue.ids(Sweep):
            fields["sweep_id"] = None
        if fields.get("model_id") not in self._catalogue.ids(Model):
            model = self._catalogue.add_model(
                name=self._catalogue.free_name(Model, fields["model_name"]), reference=fields["model_name"],
                source="hub", status=REMOVED,
            )  # fmt: skip
            fields["model_id"] = model.id

    def _run(self, number: int, folder: Path) -> Mapping[str, Any] | None:
        """As one whose worker is under way: the dispatcher then finds out what became of it."""
        if (request := _request_in(folder, TrainRequest)) is None:
            return None
        model, data = request.model, request.dataset
        base_model = next((m for m in self._catalogue.models() if m.reference == model.reference), None)
        dataset = next((d for d in self._catalogue.dataset_versions(data.name) if d.version == data.version), None)
        began = JobFolder(folder).request.stat().st_mtime
        return {
            "id": number, "name": request.name, "status": RunStatus.RUNNING,
            "spec": request.spec.model_dump(mode="json"),
            "model_id": base_model.id if base_model else None, "model_name": model.name,
            "dataset_id": dataset.id if dataset else None, "dataset_name": data.name, "dataset_version": data.version,
            "mixture": [str(each) for each in request.spec.data.mix],
            "folder": str(folder), "attempt": request.attempt, "resumes": NO_RESUMES, "halvings": request.halvings,
            "placed_on": request.device, "continue_from": request.continue_from or "", "created_at": began,
            "started_at": began,
        }  # fmt: skip

    def _adapter(self, number: int, folder: Path) -> Mapping[str, Any] | None:
        provenance = read_json(folder / PROVENANCE)
        if not (isinstance(provenance, dict) and (folder / CONFIG).is_file()):
            return None
        model, data = provenance["model"], provenance["dataset"]
        base_model = next((m for m in self._catalogue.models() if m.reference == model["reference"]), None)
        step, run = provenance.get("steps", 0), provenance.get("run", number)
        return {
            "name": provenance["name"], "path": str(folder), "size": folder_size(folder), "spec": provenance["spec"],
            "model_id": base_model.id if base_model else None, "base_name": model["name"],
            "base_reference": model["reference"], "base_source": model["source"],
            "base_revision": model.get("revision", ""),
            "dataset_name": data["name"], "dataset_version": data.get("version", 1),
            "dataset_sha256": data["sha256"], "dataset_rows": data["rows"], "run_id": run,
            "mixture": provenance["spec"].get("data", {}).get("mix", []),
            "seed": provenance.get("seed", 0), "versions": provenance.get("versions", {}), "steps": step,
            "created_at": folder.stat().st_mtime, "details": {"datasets": provenance.get("datasets", [])},
            **self._losses_of(run, step, folder),
        }  # fmt: skip

    def _losses_of(self, run: int, step: int, folder: Path) -> Mapping[str, Any]:
        """What the run says of the adapter that it ended with, or of a checkpoint of its that was kept."""
        last = JobFolder(self._home / "runs" / str(run)).last_event()
        if isinstance(last, Finished) and Path(last.path or "").name == folder.name:
            details = last.result(AdapterDetails)
            return {
                "steps": details.from_step or last.step, "train_loss": last.train_loss, "eval_loss": last.eval_loss,
                "best_eval_loss": last.best_eval_loss, "details": details,
            }  # fmt: skip
        losses = self._catalogue.losses_at(run, step)
        return {"checkpoint": step, "train_loss": losses.get("step"), "eval_loss": losses.get("eval")}

    def _dataset(self, number: int, folder: Path) -> Mapping[str, Any] | None:
        """As one that is being read: the next look at its worker's last word says what became of it."""
        if (request := _request_in(folder, IntakeRequest)) is None:
            return None
        at = JobFolder(folder).request.stat().st_mtime
        fields: dict[str, Any] = {
            "id": number, "status": "reading", "format": "", "sha256": "", "rows_path": "", "rows": 0, "size": 0,
            "folder": str(folder), "created_at": at, **_worker(folder),
        }  # fmt: skip
        match request.source:
            case CleanSource(rows_path=rows_path):
                return fields | self._next_version(number, Path(rows_path).parent, at)
            case HubSource() as hub:
                return fields | {
                    "name": name_of_file(hub.repository.rpartition("/")[2] + "."), "version": 1,
                    "file_name": hub.repository, "path": "", "details": DatasetDetails(hub=hub),
                    "steps": [{"action": "add", "at": at, "hub": hub.model_dump(mode="json")}],
                }  # fmt: skip
            case FilesSource(files=files):
                file_names = [file.name for file in files] or ["dataset."]
                originals = [_original(file) for file in files]
                return fields | {
                    "name": name_of_file(file_names[0]), "version": 1,
                    "file_name": file_names[0] if len(file_names) == 1 else f"{file_names[0]} + {len(file_names) - 1}",
                    "path": originals[0].path if originals else "", "details": DatasetDetails(originals=originals),
                    "steps": [{"action": "add", "at": at, "files": file_names}],
                }  # fmt: skip

    def _next_version(self, number: int, parent_folder: Path, at: float) -> dict[str, Any]:
        """The next version of what it was made from, where that is known."""
        parent = next((d for d in self._catalogue.datasets() if d.own_folder.name == parent_folder.name), None)
        if parent is None:
            return {
                "name": f"dataset {number}", "version": 1, "parent_id": None, "steps": [{"action": "clean", "at": at}],
                "file_name": "", "path": "",
            }  # fmt: skip
        return {
            "name": parent.name, "version": self._catalogue.dataset_versions(parent.name)[0].version + 1,
            "parent_id": parent.id, "steps": [*parent.steps, {"action": "clean", "at": at}],
            "file_name": parent.file_name, "path": parent.path, "details": parent.details.of_source(),
        }  # fmt: skip


def _request_in(folder: Path, kind: type[Requested]) -> Requested | None:
    try:
        return JobFolder(folder).read_request(kind)
    except OSError:
        return None


def _model(number: int, folder: Path) -> Mapping[str, Any] | None:
    """As one that is being fetched: the next look at its worker's last word says what became of it."""
    if (request := _request_in(folder, FetchRequest)) is None:
        return None
    return {
        "id": number, "name": folder.name.rpartition("-")[0], "source": request.source,
        "reference": request.reference + (f"@{request.revision}" if request.revision else ""), "status": "preparing",
        "folder": str(folder), "created_at": folder.stat().st_mtime, **_worker(folder),
    }  # fmt: skip


def _worker(folder: Path) -> dict[str, Any]:
    return {"worker": "" if JobFolder(folder).worker else NOBODY}


def _original(file: FileReference) -> SourceFileRecord:
    path = Path(file.path)
    size = path.stat().st_size if path.is_file() else 0
    return SourceFileRecord(name=file.name, path=file.path, sha256=path.parent.name, size=size)
