"""The task `fetch`: downloads a base model, or looks at one that is here, and checks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.domain.events import Finished
from studio.domain.jobs.models import FetchRequest, ModelSummary
from studio.domain.translation import N_
from studio.store.job_folder import JobFolder, folder_size
from studio.worker.common.progress import Report, Reporter
from studio.worker.model_check.check import check_model
from studio.worker.models.files import describe_model
from studio.worker.models.hub import download_model
from studio.worker.models.starter import install_starter


def main(path: Path) -> None:
    """Does what the FetchRequest in FOLDER asks. Its last event is Finished, with a ModelSummary.

    Raises:
        StudioError: the model cannot be had, or is none that can be used.
    """
    folder = JobFolder(path)
    request = folder.read_request(FetchRequest)
    report = Reporter(folder)
    model, details = _fetch(request, path / "model", report)
    report(N_("Checking the model"))
    details = describe_model(model) | {k: v for k, v in details.items() if v}
    model_report = check_model(model, report)
    if model_report.refusal is not None:
        raise model_report.refusal
    summary = ModelSummary(**details, report=model_report.report())
    folder.append(Finished(path=str(model), size=folder_size(model), details=summary))


def _fetch(request: FetchRequest, destination: Path, report: Report) -> tuple[Path, dict[str, Any]]:
    """Where the model is, and what is known of it from where it came."""
    match request.source:
        case "folder":
            path = Path(request.reference)
            return path, {"revision": "", "origin": str(path)}
        case "hub":
            return download_model(request.reference, request.revision, report)
        case "starter":
            return install_starter(request.reference, destination, report)
