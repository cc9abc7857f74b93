"""Rewrites paths that were stored while the home was elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from studio.services.home.folders import is_original
from studio.store.checkpoint_folder import MANIFEST
from studio.store.job_folder import write_json
from studio.store.tables.base import Table

Rebase = Callable[[Any], Any]
_MAX_JSON_BYTES = 64 << 20  # bytes


def rebase_to(homes: Iterable[str], home: Path, *, must_exist: bool = False) -> Rebase:
    """Turns paths in one of the `homes` into those in this one, however deep they stand; with `must_exist` only where
    there is something."""
    prefixes = [old.rstrip("/\\") for old in homes if len(old) > 1]

    def rebase(value: Any) -> Any:
        if isinstance(value, str):
            for old in prefixes:
                if value.startswith((f"{old}/", f"{old}\\")):
                    now = home.joinpath(*value[len(old) + 1 :].replace("\\", "/").split("/"))
                    return str(now) if not must_exist or _exists(now) else value
        elif isinstance(value, dict):
            return {key: rebase(one) for key, one in value.items()}
        elif isinstance(value, list):
            return [rebase(one) for one in value]
        return value

    return rebase


def rebase_row(row: Table, rebase: Rebase) -> None:
    for column, value in row.as_dict().items():
        if column != "name" and (now := rebase(value)) != value:
            setattr(row, column, now)


def rebase_files(root: Path, rebase: Rebase) -> None:
    """What runs, adapters and versions in the home `root` say of their own places; of base models only what their
    worker was told. Raises OSError."""
    for path in root.rglob("*.json"):
        inside = path.relative_to(root)
        if is_original(inside) or (inside.parts[0] == "models" and path.name != "run.json"):
            continue
        if path.stat().st_size > _MAX_JSON_BYTES:
            continue
        if (path.parent / MANIFEST).exists():  # a checkpoint: one whose files are not as they were written is no use
            continue
        with suppress(ValueError, RecursionError):
            content = json.loads(path.read_text("utf-8"))
            if (now := rebase(content)) != content:
                write_json(path, now)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
