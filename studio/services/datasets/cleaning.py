"""Cleaning a dataset: what the worker is asked to remove, and the entry in the next version's history."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.datasets.problem_kinds import PROBLEM_KINDS, SKIP
from studio.domain.jobs.ingest import CleanSource, DatasetSummary, RowsWithProblems, Trim
from studio.store.datasets.folder import PROBLEMS
from studio.store.tables.datasets import Dataset


@dataclass(frozen=True)
class Cleaning:
    """See Datasets.clean."""

    skip_bad_rows: bool
    drop_duplicates: bool
    near: bool
    drop_leaks: bool
    trim: Trim | None
    examined: Path | None

    def source(self, dataset: Dataset) -> CleanSource:
        """What the worker is given."""
        own = str(dataset.own_folder / PROBLEMS)
        counted = [str(self.examined / PROBLEMS)] if self.examined else []
        errors = [code for code, kind in PROBLEM_KINDS.items() if kind.level == "error" and kind.heals == SKIP]
        twins = ["duplicate", "near_duplicate"] if self.near else ["duplicate"]
        drop = [RowsWithProblems(path=own, codes=twins)] if self.drop_duplicates else []
        drop += [RowsWithProblems(path=path, codes=["leakage"]) for path in counted if self.drop_leaks]
        found = {name: getattr(dataset.details, name) for name in DatasetSummary.model_fields}
        return CleanSource(
            rows_path=dataset.rows_path,
            problems_path=own,
            rows=dataset.rows,
            parent=DatasetSummary(**found | {"left_out": None, "trimmed": None, "bad_rows": dataset.bad_rows}),
            skip_bad_rows=self.skip_bad_rows,
            skip=[RowsWithProblems(path=path, codes=errors) for path in counted if self.skip_bad_rows],
            drop=drop,
            trim=self.trim,
        )

    def as_dict(self) -> dict[str, Any]:
        """What was chosen, for the version's history."""
        step: dict[str, Any] = {"skip_bad_rows": True} if self.skip_bad_rows else {}
        step |= {"drop_duplicates": "near" if self.near else "exact"} if self.drop_duplicates else {}
        step |= {"drop_leaks": True} if self.drop_leaks else {}
        return step | ({"trim": self.trim.max_length} if self.trim else {})
