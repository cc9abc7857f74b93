"""Where an adapter comes from: base model, dataset, run and settings."""

from __future__ import annotations

from typing import Any

from studio.domain.jobs.training import AdapterDetails, AdapterSummary, TrainRequest
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from studio.store.tables.runs import Run


def lineage(catalogue: Catalogue, run: Run, summary: AdapterSummary) -> dict[str, Any]:
    """Where an adapter of this run comes from, as fields of its record."""
    model = catalogue.model_by_id(run.model_id)
    request = JobFolder(run.folder).read_request(TrainRequest)
    data, base = request.dataset, request.model
    return {
        "model_id": run.model_id,
        "base_name": run.model_name,
        "base_reference": base.reference,
        "base_source": base.source,
        "base_revision": base.revision,
        "base_license": model.license if model else "",
        "dataset_id": run.dataset_id,
        "dataset_name": run.dataset_name,
        "dataset_version": run.dataset_version,
        "dataset_sha256": data.sha256,
        "dataset_rows": data.rows,
        "mixture": run.mixture,
        "run_id": run.id,
        "spec": run.spec,
        "seed": run.spec["training"]["seed"],
        "versions": run.started.versions if run.started else {},
        "details": AdapterDetails.of_run(summary, run.started),
        "owner": run.owner,
        "started_at": run.started_at,
    }
