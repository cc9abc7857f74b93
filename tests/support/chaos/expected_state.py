"""What a studio must still hold and what it must not hold any more, seen by a program beside its server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from studio.app import Studio, build
from studio.services.datasets import export
from studio.settings import read_settings
from studio.store.tables.datasets import Dataset
from tests.support.waiting import wait_for

SECONDS_TO_CLEAR = 20  # what the server removes with its next ticks


class Version(NamedTuple):
    """Of a dataset. `content` is the hash of its rows as they are read from its file."""

    id: int
    status: str
    rows: int
    sha256: str
    content: str


class Holdings:
    """`lost` tells of everything that is not as it must be, `left` of files that belong to nothing; each once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.versions: dict[str, Version] = {}  # by reference
        self.models: dict[str, str] = {}  # path by name
        self._gone: dict[int, str] = {}  # reference by id
        self.lost: list[str] = []
        self.left: list[str] = []
        self._told: set[str] = set()

    def names(self) -> list[str]:
        return sorted({reference.partition("@")[0] for reference in self.versions})

    def of(self, name: str) -> dict[str, Version]:
        return {r: version for r, version in self.versions.items() if r.partition("@")[0] == name}

    def keep(self, dataset: Dataset) -> None:
        self.versions[dataset.reference] = _version(dataset)

    def forget(self, name: str) -> None:
        """It was deleted."""
        for reference in self.of(name):
            self._gone[self.versions.pop(reference).id] = reference

    def look(self, seen: Studio, after: str) -> None:
        listed = {dataset.reference: dataset for dataset in seen.catalogue.datasets()}
        for reference, was in list(self.versions.items()):
            now = _version(listed[reference]) if reference in listed else None
            if now != was:
                self._lose(f"{reference} was {was}, is {now}", after)
                del self.versions[reference]
        known = {dataset.id for dataset in listed.values()}
        for id, reference in list(self._gone.items()):
            if id in known or reference in listed or (self._home / "datasets" / str(id)).exists():
                self._lose(f"{reference}, which was deleted, is there again", after)
                del self._gone[id]
        ready = {model.name: model.path for model in seen.catalogue.models() if model.status == "ready"}
        for name, path in list(self.models.items()):
            if ready.get(name) != path or not Path(path).is_dir():
                self._lose(f"the model {name} is not ready any more", after)
                del self.models[name]
        try:
            wait_for(lambda: not self._leftovers(seen), seconds=SECONDS_TO_CLEAR, what="what is to be removed")
        except AssertionError:
            for path in self._leftovers(seen):
                self._told.add(path)
                self.left.append(f"{path} is left after {after}")

    def _lose(self, words: str, after: str) -> None:
        self.lost.append(f"{words} after {after}")

    def _leftovers(self, seen: Studio) -> list[str]:
        """What belongs to nothing that is listed, as far as it was not told yet."""
        needed = {o.sha256 for d in seen.catalogue.datasets() for o in d.details.originals}
        found = [f for f in (self._home / "datasets" / "originals").glob("*") if f.name not in needed]
        found += (self._home / "uploads").iterdir()
        found += [f for pattern in (".*", "*/.*") for f in self._home.glob(pattern) if f.name != ".lock"]
        paths = {str(path) for path in found} | {f.path for f in seen.doctor.examine() if f.fault == "unknown"}
        return sorted(paths - self._told)


@contextmanager
def seeing(home: Path) -> Iterator[Studio]:
    """The home, opened as a command opens it."""
    studio = build(read_settings({}, home=home))
    try:
        yield studio
    finally:
        studio.close()


def check_rows(dataset: Dataset, rows: Mapping[str, int]) -> None:
    """Fails where it is ready without having all that was sent: `rows` by name."""
    assert dataset.rows == rows[dataset.name], f"{dataset.reference} has {dataset.rows} of {rows[dataset.name]} rows"
    assert _version(dataset).content == dataset.sha256, f"the file of {dataset.reference} is not what its hash says"


def _version(dataset: Dataset) -> Version:
    try:
        content = hashlib.sha256(b"".join(export.clean_lines(dataset))).hexdigest()
    except Exception as error:
        content = f"cannot be read: {error}"
    return Version(dataset.id, dataset.status, dataset.rows, dataset.sha256, content)
