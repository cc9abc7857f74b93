"""Several files as one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.notes import Notes
from studio.worker.ingest.readers.open import open_source
from studio.worker.ingest.readers.source import Classes, OpenSource, as_one


def open_several(files: Sequence[tuple[Path, str]], reading: ReadOptions, classes: Classes | None = None) -> OpenSource:
    """The files, given by their path and name, one after the other; how they are read is told of the first.

    Args:
        classes: Names of classes for columns that hold their numbers, from 0 on. What is no such number stays without
            a class: -1 means that none is known.

    Raises:
        InvalidInput: nothing can be read of one of them; also while its rows are gone through.
        OSError: one is gone, or may not be read.
    """
    notes = Notes()
    before, current = 0, 0

    def opener(path: Path, name: str) -> Callable[[], OpenSource]:
        def open_next() -> OpenSource:
            nonlocal before, current
            before += current
            source = open_source(path, name, reading, notes)
            current = source.total
            return source

        return open_next

    combined = as_one([opener(path, name) for path, name in files], classes)
    position = combined.position
    combined.total = sum(path.stat().st_size for path, _ in files)
    combined.position = lambda: before + position()
    return combined
