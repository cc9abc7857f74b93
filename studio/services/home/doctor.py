"""Compares the home with its catalogue, and repairs the catalogue from the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from studio.services.home.folders import Kept, reserve_ids, unknown_folders
from studio.services.home.rebuild import Rebuilding
from studio.store.catalogue import Catalogue
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import REMOVED, Model
from studio.store.tables.runs import Run

Fault = Literal["unknown", "missing"]
WORDS: dict[type[Kept], str] = {Model: "base model", Dataset: "dataset", Run: "run", Adapter: "adapter"}


@dataclass(frozen=True)
class Finding:
    """`fault`: a folder is "unknown" to the catalogue, or what the catalogue knows is "missing" on the disk.
    `name` is empty where it is not known; `rebuilt` says whether a repair has made the row anew."""

    kind: str
    fault: Fault
    path: str
    name: str = ""
    rebuilt: bool = False

    def as_dict(self) -> dict[str, Any]:
        return self.__dict__.copy()


class Doctor:
    def __init__(self, catalogue: Catalogue, home: Path) -> None:
        self._catalogue = catalogue
        self._home = home

    def unknown(self) -> dict[str, int]:
        """How many folders there are that the catalogue does not know, by what they hold."""
        counts: dict[str, int] = {}
        for table, _, _ in unknown_folders(self._home, self._catalogue):
            counts[WORDS[table]] = counts.get(WORDS[table], 0) + 1
        return counts

    def examine(self) -> Sequence[Finding]:
        """Nothing is changed."""
        findings = [
            Finding(WORDS[table], "unknown", str(path))
            for table, _, path in unknown_folders(self._home, self._catalogue)
        ]
        return [*findings, *self._missing()]

    def repair(self) -> Sequence[Finding]:
        """Rebuilds the rows of unknown folders. No folder is changed or removed; what is missing on the disk stays as
        it is in the catalogue. For whoever holds the home's lock."""
        rebuilding, findings = Rebuilding(self._catalogue, self._home), []
        for table, number, path in unknown_folders(self._home, self._catalogue):
            finding = Finding(WORDS[table], "unknown", str(path))
            record = rebuilding.rebuild(table, number, path)
            findings.append(replace(finding, name=record.name, rebuilt=True) if record else finding)
        findings += [Finding("run", "unknown", "", run.name, rebuilt=True) for run in rebuilding.add_queued_runs()]
        reserve_ids(self._home, self._catalogue)
        return [*findings, *self._missing()]

    def _missing(self) -> Sequence[Finding]:
        places: list[tuple[type[Kept], str, str]] = [
            (Model, m.name, m.path) for m in self._catalogue.models() if m.status not in (REMOVED, "preparing")
        ]
        places += [(Dataset, d.reference, d.rows_path) for d in self._catalogue.datasets() if d.status == "ready"]
        places += [(Run, run.name, run.folder) for run in self._catalogue.runs()]
        places += [(Adapter, adapter.name, adapter.path) for adapter in self._catalogue.adapters()]
        return [
            Finding(WORDS[table], "missing", path, name)
            for table, name, path in places
            if path and not Path(path).exists()
        ]


def unknown_words(counts: Mapping[str, int]) -> str:
    listing = ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counts.items())
    return (
        f"This home holds what its catalogue does not know: {listing}. Nothing of it is touched. "
        "`studio doctor` says what it is, and `studio doctor --repair` takes it into the catalogue again."
    )
