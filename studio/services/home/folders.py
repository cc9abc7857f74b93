"""The folders of a home that belong to rows of the catalogue, and the ids in their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from studio.store.catalogue import Catalogue
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from studio.store.tables.runs import Run

Kept = Model | Dataset | Run | Adapter

# Which process works there: of no use in any other home.
OF_WORKERS = ("worker.json", "process.json", "endpoint.json", "heartbeat", "stop")

_NAMES: dict[type[Kept], tuple[str, re.Pattern[str]]] = {
    Model: ("models", re.compile(r"[^.].*-(\d{1,9})")),
    Dataset: ("datasets", re.compile(r"(\d{1,9})")),
    Run: ("runs", re.compile(r"(\d{1,9})")),
    Adapter: ("adapters", re.compile(r"[^.].*?-(\d{1,9})(?:-\d+)?")),  # the run's number, and the checkpoint's step
}


def is_original(path: Path) -> bool:
    """Whether that path within a home is of a file that people brought, which may have any name."""
    return path.parts[:2] == ("datasets", "originals")


def folders(home: Path, table: type[Kept]) -> Iterator[tuple[int, Path]]:
    """The number in each folder's name, and the folder, by the number."""
    name, pattern = _NAMES[table]
    root = home / name
    numbered_paths = [
        (int(match[1]), path)
        for path in (root.iterdir() if root.is_dir() else ())
        if (match := pattern.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()
    ]
    yield from sorted(numbered_paths)


def unknown_folders(home: Path, catalogue: Catalogue) -> list[tuple[type[Kept], int, Path]]:
    """Those that no row refers to: of datasets, models and runs by their number, of adapters by their name."""
    unknown: list[tuple[type[Kept], int, Path]] = []
    for table in (Model, Dataset, Run):
        ids = catalogue.ids(table)
        unknown += [(table, id, path) for id, path in folders(home, table) if id not in ids]
    names = {Path(adapter.path).name for adapter in catalogue.adapters()}
    under_way = {run.id for run in catalogue.runs_with_worker()}  # its adapter is written before it is recorded
    return unknown + [(Adapter, n, p) for n, p in folders(home, Adapter) if p.name not in names and n not in under_way]


def reserve_ids(home: Path, catalogue: Catalogue) -> None:
    """What is added from now on gets a number that no folder and no row's file has."""
    for table in (Model, Dataset, Run, Adapter):
        ids = {0} | (catalogue.files.ids(table) if catalogue.files else set())
        if table is not Adapter:
            ids |= {id for id, _ in folders(home, table)}
        if table is Run:
            ids |= {id for id, _ in folders(home, Adapter)}
        catalogue.reserve_ids(table, max(ids))
