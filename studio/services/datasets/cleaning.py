"""Healing a dataset: what a worker is asked to take away, and what the next version's history says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.domain.datasets.problem_kinds import PROBLEM_KINDS, SKIP
from studio.store.tables.datasets import Dataset

PROBLEMS = "problems.arrow"


@dataclass(frozen=True)
class Healing:
    """See Datasets.clean."""

    skip_bad_rows: bool
    drop_duplicates: bool
    near: bool
    drop_leaks: bool
    trim: Mapping[str, Any] | None
    examined: Path | None

    def request(self, dataset: Dataset) -> dict[str, Any]:
        """What the worker is given."""
        found = str(dataset.own_folder / PROBLEMS)
        counted = [str(self.examined / PROBLEMS)] if self.examined else []
        errors = [code for code, kind in PROBLEM_KINDS.items() if kind.level == "error" and kind.heals == SKIP]
        twins = ["duplicate", "near_duplicate"] if self.near else ["duplicate"]
        return {
            "parent": {
                "rows_path": dataset.rows_path, "problems_path": found, "rows": dataset.rows,
                "layout": dataset.details["layout"], "bad_rows": dataset.bad_rows,
                "details": {k: v for k, v in dataset.details.items() if k not in ("left_out", "trimmed")},
            },
            "actions": {
                "skip_bad_rows": self.skip_bad_rows,
                "skip": [{"path": path, "codes": errors} for path in counted if self.skip_bad_rows],
                "drop": [
                    *([{"path": found, "codes": twins}] if self.drop_duplicates else []),
                    *({"path": path, "codes": ["leakage"]} for path in counted if self.drop_leaks),
                ],
                "trim": self.trim and dict(self.trim),
            },
        }  # fmt: skip

    def told(self) -> dict[str, Any]:
        """What was chosen, for the version's history."""
        step: dict[str, Any] = {"skip_bad_rows": True} if self.skip_bad_rows else {}
        step |= {"drop_duplicates": "near" if self.near else "exact"} if self.drop_duplicates else {}
        step |= {"drop_leaks": True} if self.drop_leaks else {}
        return step | ({"trim": self.trim["max_length"]} if self.trim else {})
