"""Folders that go together with the rows that tell of them: all of it, or none.

The folders are put aside under marked names, then the rows are deleted, then the folders. What was broken off in
between is ended by `finish_deletions`. The row says how: without it the folder goes, with it the folder is put back.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_BEFORE, _BEHIND = ".", ".deleted"


@contextmanager
def deleting(folders: Iterable[Path], parent: Path, is_known: Callable[[Path], bool]) -> Iterator[None]:
    """The block deletes the rows; `is_known` says of a folder whether a row tells of it. Folders that do not lie in
    `parent` stay: they are somebody else's.

    Raises OSError where one of the folders cannot be put aside: nothing has changed then.
    """
    aside: dict[Path, Path] = {}  # by the folder's own path
    try:
        for folder in folders:
            if folder.parent.resolve() == parent.resolve() and folder.exists():
                place = folder.with_name(f"{_BEFORE}{folder.name}{_BEHIND}")
                shutil.rmtree(place, ignore_errors=True)  # of one of that name before
                folder.rename(place)
                aside[folder] = place
        yield
    except BaseException:
        for folder, place in aside.items():
            if is_known(folder):  # it may have been broken off behind the row's end
                place.rename(folder)
        raise
    for place in aside.values():
        shutil.rmtree(place, ignore_errors=True)


def finish_deletions(parent: Path, is_known: Callable[[Path], bool]) -> None:
    """For whoever knows that nobody deletes there now."""
    for aside in parent.glob(f"{_BEFORE}*{_BEHIND}"):
        folder = aside.with_name(aside.name.removeprefix(_BEFORE).removesuffix(_BEHIND))
        if is_known(folder) and not folder.exists():
            aside.rename(folder)
        else:
            shutil.rmtree(aside, ignore_errors=True)
