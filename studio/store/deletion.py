"""A folder that goes together with the row that tells of it: both, or neither.

The folder is put aside under a marked name, then the row is deleted, then the folder. What was broken off in between is
ended by `finish_deletions`, and the row says how: without it the folder goes, with it the folder is put back.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_BEFORE, _BEHIND = ".", ".deleted"


@contextmanager
def deleting(folder: Path, is_known: Callable[[Path], bool]) -> Iterator[None]:
    """The block deletes the row; `is_known` says of a folder whether a row tells of it.

    Raises OSError where the folder cannot be put aside: nothing has changed then.
    """
    aside = folder.with_name(f"{_BEFORE}{folder.name}{_BEHIND}")
    if folder.exists():
        shutil.rmtree(aside, ignore_errors=True)  # of one of that name before
        folder.rename(aside)
    try:
        yield
    except BaseException:
        if aside.exists() and is_known(folder):  # it may have been broken off behind the row's end
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def finish_deletions(parent: Path, is_known: Callable[[Path], bool]) -> None:
    """For whoever knows that nobody deletes there now."""
    for aside in parent.glob(f"{_BEFORE}*{_BEHIND}"):
        folder = aside.with_name(aside.name.removeprefix(_BEFORE).removesuffix(_BEHIND))
        if is_known(folder) and not folder.exists():
            aside.rename(folder)
        else:
            shutil.rmtree(aside, ignore_errors=True)
