"""Cleaning a dataset: what the worker is given."""

from __future__ import annotations

from pathlib import Path

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.errors import InvalidInput
from studio.domain.jobs.ingest import CleanSource, DatasetSummary, Tokenizer
from studio.store.datasets.folder import PROBLEMS, REFUSED
from studio.store.tables.datasets import Dataset


def check_something_left(dataset: Dataset, actions: CleanActions) -> None:
    """Raises InvalidInput where it is sure that no row would be left."""
    if not dataset.rows and not any(dataset.details.healable.get(action.name) for action, _ in actions.items()):
        raise InvalidInput(
            "None of the rows of “{name}” can be used, so that nothing would be left of it.",
            "Mend the rows, or choose other columns.", name=dataset.name,
        )  # fmt: skip


def clean_source(
    dataset: Dataset, actions: CleanActions, tokenizer: Tokenizer | None, counts_folder: Path | None
) -> CleanSource:
    """See Datasets.clean."""
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
        tokenizer=tokenizer,
    )
