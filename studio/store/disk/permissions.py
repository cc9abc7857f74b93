"""The studio's home is its owner's alone: folders 0700, files 0600."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

UMASK = 0o077
OWN = (
    "adapters", "datasets", "models", "playground", "records", "reserve", "runs", "secrets", "serving", "uploads",
    "studio.holder", "studio.lock",
)  # fmt: skip
DATABASE = "studio.db"  # and what SQLite puts beside it


@contextmanager
def private_files() -> Iterator[int]:
    """What this process and its children write meanwhile, nobody else can read; gives the umask that was before."""
    before = os.umask(UMASK)
    try:
        yield before
    finally:
        os.umask(before)


def make_private(home: Path) -> None:
    """Takes from all others what earlier studios, and whoever copied the home, let them read.

    A folder that holds other things beside the studio's was made for more than the studio: it stays as it is, and the
    studio's part of it is closed.
    """
    if os.name != "posix":
        return
    entries = [entry.name for entry in os.scandir(home)]
    own = [name for name in entries if name in OWN or name.startswith(DATABASE)]
    others = set(entries) - set(own)
    if others:
        logger.info("%s holds %s, too: the folder itself stays open to others", home, ", ".join(sorted(others)[:3]))
    else:
        _close(home)
    for name in own:
        path = home / name
        _close(path)
        if path.is_dir() and not path.is_symlink():
            for folder, folders, files in os.walk(path):
                for entry in (*folders, *files):
                    _close(Path(folder, entry))


def _close(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
        # What a link leads to, such as a model of the user's, is not the studio's.
        if not stat.S_ISLNK(mode) and mode & UMASK:
            path.chmod(stat.S_IMODE(mode) & ~UMASK)
    except OSError:  # gone meanwhile, or somebody else's
        logger.debug("The mode of %s stays", path, exc_info=True)


def write_private(path: Path, text: str) -> None:
    """Replaces the file in one step, and never lets others read it. Raises OSError; nothing is left behind then."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
