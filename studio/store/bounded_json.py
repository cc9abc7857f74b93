"""JSON files of settings that may be anything: read up to a size, an object or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.store.arrow_file import DamagedFile

MAX_BYTES = 64_000_000  # bytes; the tokenizers of large vocabularies have some 30 MB
_MAX_LEVELS = 200  # levels; what is deeper would end the readers that come after this one


def read_object(path: str | Path, largest: int = MAX_BYTES) -> dict[str, Any]:
    """What the file says, as a dictionary.

    Raises:
        DamagedFile: it is no JSON object, is nested too deeply, or is larger than that many bytes.
        OSError: it is not there, or cannot be read.
    """
    path = Path(path)
    with path.open("rb") as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise DamagedFile(path, "is too large for what it should be")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(path) from error
    if not isinstance(value, dict):
        raise DamagedFile(path, "is no JSON object")
    if _is_deep(value):
        raise DamagedFile(path, "is nested too deeply")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MAX_LEVELS):
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
        if not level:
            return False
    return True
