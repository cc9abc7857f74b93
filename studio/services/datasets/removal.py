"""Removes datasets: stops their workers, and deletes rows of the catalogue and files together."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from studio.engines.base import Engine
from studio.engines.job import Job
from studio.services.adapters.service import cannot_remove
from studio.services.datasets.source_files import SourceFiles
from studio.store.catalogue import Catalogue
from studio.store.disk.deletion import deleting, finish_deletions
from studio.store.tables.datasets import Dataset


class DatasetRemoval:
    """`folder` is that of all datasets."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path, originals: SourceFiles) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._folder = folder
        self._originals = originals

    def remove(self, datasets: Sequence[Dataset]) -> None:
        """Raises StudioError: their files cannot be removed; nothing has changed then."""
        for dataset in datasets:
            if dataset.status == "reading" and dataset.folder:
                Job(self._engine, dataset.folder, dataset.worker).stop(force=True)
        ids = [dataset.id for dataset in datasets]
        # An old studio kept two versions in one folder.
        kept_folders = {Path(d.rows_path).parent for d in self._catalogue.datasets() if d.id not in ids}
        folders = [folder for folder in map(self._folder_of, datasets) if folder not in kept_folders]
        try:
            with deleting(folders, self._folder, self._is_known):
                self._catalogue.delete_datasets(ids)
        except OSError as error:
            raise cannot_remove(datasets[0].name, self._folder_of(datasets[0]), error) from error
        self.clear_originals({original.sha256 for dataset in datasets for original in dataset.details.originals})

    def finish(self) -> None:
        """Ends removals that were broken off."""
        finish_deletions(self._folder, self._is_known)

    def needed_originals(self) -> set[str]:
        """Hashes of the files that versions come from."""
        return {original.sha256 for dataset in self._catalogue.datasets() for original in dataset.details.originals}

    def clear_originals(self, hashes: Set[str]) -> None:
        """Removes those of them that no version comes from any more. What the catalogue does not know stays."""
        self._originals.remove(hashes - self.needed_originals())

    def _is_known(self, folder: Path) -> bool:
        return any(self._folder_of(dataset).name == folder.name for dataset in self._catalogue.datasets())

    def _folder_of(self, dataset: Dataset) -> Path:
        """Also of one whose server was killed before it could put it down."""
        return dataset.own_folder if dataset.folder or dataset.rows_path else self._folder / str(dataset.id)
