"""Datasets: add, read again, clean into a new version, delete. A version never changes once it is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from studio.domain.datasets.clean_actions import CleanActions
from studio.domain.datasets.columns import header_key
from studio.domain.datasets.edits import Edit, read_edits
from studio.domain.datasets.file_format import ReadOptions, check_suffix
from studio.domain.datasets.formats import read_layout
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.ingest import (
    DatasetDetails,
    FileReference,
    FilesSource,
    Tokenizer,
)
from studio.domain.naming import check_name
from studio.engines.base import Engine
from studio.services.datasets.cleaning import check_can_be_cleaned, check_something_left, clean_source
from studio.services.datasets.editing import edit_lines
from studio.services.datasets.intake import DatasetIntakes
from studio.services.datasets.removal import DatasetRemoval
from studio.services.datasets.source_files import SourceFile, SourceFiles, check_regular
from studio.services.datasets.sources import check_hub_source, choices_of, name_of_file, name_taken
from studio.services.datasets.status import still_reading
from studio.services.shared.fault_isolation import each_by_itself
from studio.store.catalogue import Catalogue
from studio.store.datasets.folder import EDITS, NEAR_FILE
from studio.store.disk.reserve import Reserve
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset


class Datasets:
    """`folder` has a folder for each version, by its id, and the original files by their hash."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: Engine,
        folder: Path,
        token: Callable[[], str | None] = lambda: None,
        reserve: Reserve | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._originals = SourceFiles(folder / "originals")
        self._removal = DatasetRemoval(catalogue, engine, folder, self._originals)
        self._intakes = DatasetIntakes(catalogue, engine, folder, self._removal, token)
        self._lock = FileLock(folder / ".lock")
        self._reserve = reserve or Reserve(folder / "reserve", 0)

    # new ones

    def add(
        self,
        files: Path | Sequence[Path],
        name: str | None = None,
        *,
        file_names: Sequence[str] = (),
        reading: ReadOptions | None = None,
        layout: Mapping[str, Any] | None = None,
        owner: str = "",
    ) -> Dataset:
        """A dataset of one file, or of several as one; the files themselves are left alone. It is `reading` at first:
        a worker reads it.

        Args:
            name: What the dataset is called; without one, by its first file. The same files under the same name, or
                again without one, are the dataset that there is already.
            file_names: What the files were called where they came from, when `files` are uploads under other names.
            layout: Which columns hold what, as plain data (see domain.dataset_formats.read_layout).

        Raises:
            InvalidInput: a file or the name cannot be used; nothing is left behind.
            StudioError: there is no room, or the folder cannot be written.
        """
        files = [files] if isinstance(files, Path) else list(files)
        names = [Path(file_name).name for file_name in file_names] or [file.name for file in files]
        if not files:
            raise InvalidInput("There is no file.", "Choose at least one.")
        for file, file_name in zip(files, names, strict=True):
            check_regular(file, file_name)
            check_suffix(file_name)
        new_name = name_of_file(names[0]) if name is None else check_name(name)
        with self._lock, self._keeping(files, names) as originals:
            if existing := self._existing(originals, new_name, names, is_named=name is not None, owner=owner):
                return existing
            free = self._catalogue.free_name(Dataset, new_name)
            if name is not None and new_name != free:
                raise name_taken(new_name)
            source = FilesSource(files=[FileReference(path=str(o.path), name=o.name) for o in originals])
            dataset = self._catalogue.add_dataset(
                name=free, format="", sha256="", path=str(originals[0].path), rows_path="", rows=0, size=0, owner=owner,
                file_name=names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1}",
                details=DatasetDetails(originals=[o.record() for o in originals]),
                steps=[{"action": "add", "files": names, "at": time.time()} | choices_of(reading, layout)],
            )  # fmt: skip
            return self._intakes.start(dataset, source, reading, layout)

    @contextmanager
    def _keeping(self, files: Sequence[Path], names: Sequence[str]) -> Iterator[list[SourceFile]]:
        """Their copies. Where the block fails, those go again that no version comes from."""
        originals: list[SourceFile] = []
        try:
            for file, name in zip(files, names, strict=True):
                originals.append(self._originals.keep(file, name))
            yield originals
        except BaseException:
            with suppress(StudioError):  # who needs them cannot be told now: see `clear_strays`
                self._removal.clear_originals({original.sha256 for original in originals})
            raise

    def add_sample(self, name: str | None = None, owner: str = "") -> Dataset:
        """The dataset that comes with the studio; the one there is where it was added before."""
        from studio.samples import sample_path

        return self.wait(self.add(sample_path(), name, owner=owner))

    def wait(
        self, dataset: Dataset, seconds: float = 30, *, progress: Callable[[Dataset], None] = lambda dataset: None
    ) -> Dataset:
        """The dataset once it is read, or when the time is over."""
        return self._intakes.wait(dataset, seconds, progress)

    def add_from_hub(
        self, repository: str, *, config: str = "", split: str = "train", revision: str = "", name: str | None = None,
        reading: ReadOptions | None = None, layout: Mapping[str, Any] | None = None, owner: str = "",
    ) -> Dataset:  # fmt: skip
        """A dataset on the Hub, `owner/name`; it is `reading` at first: a worker downloads it. For the rest see `add`.

        Raises:
            InvalidInput: the repository's id or the name cannot be used.
        """
        source = check_hub_source(repository, config, split, revision)
        new_name = name_of_file(source.repository.rpartition("/")[2] + ".") if name is None else check_name(name)
        with self._lock:
            free = self._catalogue.free_name(Dataset, new_name)
            if name is not None and new_name != free:
                raise name_taken(new_name)
            dataset = self._catalogue.add_dataset(
                name=free, format="", sha256="", path="", rows_path="", rows=0, size=0, owner=owner,
                file_name=source.repository, details=DatasetDetails(hub=source),
                steps=[
                    {"action": "add", "hub": source.model_dump(mode="json"), "at": time.time()}
                    | choices_of(reading, layout)
                ],
            )  # fmt: skip
            return self._intakes.start(dataset, source, reading, layout)

    def _existing(
        self, originals: Sequence[SourceFile], new_name: str, names: Sequence[str], *, is_named: bool, owner: str
    ) -> Dataset | None:
        """The newest version of what is there already of these files."""
        hashes = [o.sha256 for o in originals]
        for dataset in self._catalogue.datasets():
            same = [o.sha256 for o in dataset.details.originals] == hashes and dataset.owner == owner
            by_name = dataset.name == new_name or (not is_named and dataset.file_name == names[0])
            if same and by_name and dataset.status in ("ready", "reading"):
                return self._catalogue.dataset(dataset.name)
        return None

    # versions

    def read_again(
        self, reference: str, *, reading: ReadOptions | None = None, layout: Mapping[str, Any] | None = None
    ) -> Dataset:
        """The same files, or the same commit on the Hub, read in another way: with another encoding, delimiter or
        sheet, or other columns. Where nothing could be read before it is the same version, else the next. A layout is
        remembered for files with the same header.

        Raises:
            NotFound: there is no such dataset.
            InvalidInput: it comes neither from files nor from the Hub, is still being read, or the layout does not fit
                its columns.
        """
        with self._lock:
            dataset = self._catalogue.dataset(reference)
            details = dataset.details
            if not (details.originals or details.hub):
                raise InvalidInput("“{name}” does not come from files.", "Add it again.", name=dataset.name)
            if dataset.status == "reading":
                raise still_reading(dataset)
            columns = (details.unclear or details).columns
            if layout is not None:
                layout = read_layout(layout, columns or None).as_dict()
                if columns:
                    self._catalogue.remember_column_map(header_key(columns), dict(layout))
            elif reading is None:
                raise InvalidInput("Nothing was changed.", "Choose an encoding or columns.")
            else:
                layout = details.chosen_layout
            source = details.hub or FilesSource(
                files=[FileReference(path=o.path, name=o.name) for o in details.originals]
            )
            step = {"action": "read_again", "at": time.time()} | choices_of(reading, layout)
            if dataset.status != "ready":
                self._catalogue.change_dataset(dataset.id, steps=[*dataset.steps, step])
            else:
                dataset = self._next_version(dataset, [*dataset.steps[:1], step])
            return self._intakes.start(dataset, source, reading or details.reading, layout)

    def clean(
        self,
        reference: str,
        actions: CleanActions,
        *,
        tokenizer: Tokenizer | None = None,
        counts_folder: Path | None = None,
    ) -> Dataset:
        """The next version, without what the actions take away; it is `reading` at first.

        Args:
            tokenizer: That of a base model, for the actions that need one.
            counted: The folder of a token count (see token_counts), whose problems are fixed too.

        Raises:
            NotFound: there is no such dataset.
            InvalidInput: no action was asked, an action has no tokenizer, the dataset is not ready, or nothing would be
                left of it.
        """
        with self._lock:
            dataset = self._catalogue.dataset(reference)
            chosen_actions = list(actions.items())
            if not chosen_actions:
                raise InvalidInput("There is nothing to do.", "Choose what to clean up.")
            if tokenizer is None and any(action.traits.needs_tokenizer for action, _ in chosen_actions):
                raise InvalidInput(
                    "No base model is ready, and only its tokenizer can tell what is too long.", "Add one first."
                )
            check_can_be_cleaned(dataset)
            check_something_left(dataset, actions)
            if isinstance(actions.drop_duplicates, float) and not (dataset.own_folder / NEAR_FILE).exists():
                raise InvalidInput(
                    "How near the rows of “{name}” are to each other is not known.",
                    "Read its files again, or drop near duplicates without a threshold.", name=dataset.name,
                )  # fmt: skip
            step = {"action": "clean", "at": time.time(), **actions.model_dump(mode="json", exclude_defaults=True)}
            source = clean_source(dataset, actions, tokenizer, counts_folder)
            return self._intakes.start(self._next_version(dataset, [*dataset.steps, step]), source)

    def edit(self, reference: str, edits: Sequence[Edit | Mapping[str, Any]]) -> Dataset:
        """The next version, in which single rows are changed, left out or added; it is `reading` at first.

        Raises:
            NotFound: there is no such dataset, or no such row in it.
            InvalidInput: an edit cannot be meant, or a row could not be used as it would be.
        """
        with self._lock:
            dataset = self._catalogue.dataset(reference)
            check_can_be_cleaned(dataset)
            lines, counts = edit_lines(dataset, read_edits(edits))
            step = {"action": "edit", "at": time.time(), **counts}
            source = clean_source(dataset, CleanActions(), edits=True)
            return self._intakes.start(
                self._next_version(dataset, [*dataset.steps, step]), source, files={EDITS: lines}
            )

    def _next_version(self, dataset: Dataset, steps: list[dict[str, Any]]) -> Dataset:
        newest = self._catalogue.dataset_versions(dataset.name)[0]
        return self._catalogue.add_dataset(
            name=dataset.name, version=newest.version + 1, parent_id=dataset.id, steps=steps, format="", sha256="",
            file_name=dataset.file_name, path=dataset.path, rows_path="", rows=0, size=0, owner=dataset.owner,
            details=dataset.details.of_source(),
        )  # fmt: skip

    # what workers say

    def tick(self) -> None:
        """Records what the reading workers say, and ends deletes that were broken off."""
        each_by_itself(self._catalogue.datasets("reading"), self._intakes.look_after, self._intakes.fail)
        self.finish_deletions()

    def list(self) -> Sequence[Dataset]:
        """The newest version of each, newest first."""
        return [versions[0] for versions in self.versions_by_name().values()]

    def versions_by_name(self) -> dict[str, Sequence[Dataset]]:
        """All versions of each dataset, newest first, as are the datasets."""
        by_name: dict[str, Sequence[Dataset]] = {}
        for dataset in self._catalogue.datasets():
            by_name[dataset.name] = [*by_name.get(dataset.name, ()), dataset]
        return {name: sorted(each, key=lambda d: d.version, reverse=True) for name, each in by_name.items()}

    def get(self, reference: str) -> Dataset:
        """By name, the newest version of it; or by `name@version`, or the hash's beginning. Raises NotFound."""
        return self._catalogue.dataset(reference)

    def versions(self, name: str) -> Sequence[Dataset]:
        """Newest first."""
        return self._catalogue.dataset_versions(name)

    def adapters(self, dataset: Dataset) -> Sequence[Adapter]:
        """Those that were trained on this version."""
        return self._catalogue.adapters_of_dataset(dataset)

    def delete(self, reference: str) -> None:
        """Takes a dataset with all its versions out of the catalogue, or the one version of `name@version`, and their
        files off the disk. One that is being read is given up. Adapters keep name, version and hash.

        Raises:
            NotFound: there is no such dataset.
            InvalidInput: a run that waits or is under way needs it.
            StudioError: its files cannot be removed; nothing has changed then.
        """
        with self._lock:
            target = self._catalogue.dataset(reference)
            versions = [target] if reference == target.reference else self._catalogue.dataset_versions(target.name)
            for dataset in versions:
                if self._catalogue.dataset_is_in_use(dataset):
                    raise InvalidInput(
                        "The dataset “{name}” is in use by an unfinished run.",
                        "Wait until the run ends, or stop it.", name=dataset.name,
                    )  # fmt: skip
            with self._reserve.given_up():
                self._removal.remove(versions)

    def finish_deletions(self) -> None:
        """Ends those that were broken off."""
        with suppress(Timeout), self._lock.acquire(timeout=0):
            self._removal.finish()

    def clear_strays(self) -> None:
        """Removes the copies of files that killed processes have left and no version comes from. For whoever knows that
        the catalogue has lost nothing."""
        with suppress(Timeout), self._lock.acquire(timeout=0):
            self._originals.keep_only(self._removal.needed_originals())
