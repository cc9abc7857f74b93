"""Cleaning a dataset: what the worker is given."""

from __future__ import annotations

from pathlib import Path

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.errors import InvalidInput
from studio.domain.jobs.ingest import CleanSource, DatasetSummary, Tokenizer
from studio.services.datasets.status import check_ready
from studio.store.datasets.folder import PROBLEMS, REFUSED
from studio.store.tables.datasets import Dataset


def problem_paths(dataset: Dataset, counts_folder: Path | None) -> list[Path]:
    """Where the problems of its rows stand, and those that a count of tokens has found."""
    return [folder / PROBLEMS for folder in (dataset.own_folder, counts_folder) if folder]


def check_can_be_cleaned(dataset: Dataset) -> None:
    """Raises InvalidInput where no version can be made of this one."""
    check_ready(dataset)
    if dataset.details.layout is None:
        raise InvalidInput(
            "“{name}” was added by an older version of the studio, which did not keep what cleaning up needs.",
            "Add its file again.", name=dataset.name,
        )  # fmt: skip


def check_something_left(dataset: Dataset, actions: CleanActions) -> None:
    """Raises InvalidInput where it is sure that no row would be left."""
    if not dataset.rows and not any(dataset.details.healable.get(action.name) for action, _ in actions.items()):
        raise InvalidInput(
            "None of the rows of “{name}” can be used, so that nothing would be left of it.",
            "Mend the rows, or choose other columns.", name=dataset.name,
        )  # fmt: skip


def clean_source(
    dataset: Dataset,
    actions: CleanActions,
    tokenizer: Tokenizer | None = None,
    counts_folder: Path | None = None,
    *,
    edits: bool = False,
) -> CleanSource:
    """See Datasets.clean and Datasets.edit."""
    fields = {name: getattr(dataset.details, name) for name in DatasetSummary.model_fields}
    own = {"left_out": None, "trimmed": None, "changed": None, "bad_rows": dataset.bad_rows}
    return CleanSource(
        rows_path=dataset.rows_path,
        problems_path=str(dataset.own_folder / PROBLEMS),
        counted_path=str(counts_folder / PROBLEMS) if counts_folder else "",
        refused_path=str(dataset.own_folder / REFUSED),
        rows=dataset.rows,
        parent=DatasetSummary(**fields | own),
        actions=actions,
        edits=edits,
        tokenizer=tokenizer,
    )
