"""Paths that were written while the home lay elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Rebase = Callable[[Any], Any]


def rebase_to(homes: Iterable[str], home: Path) -> Rebase:
    """Turns paths in one of the `homes` into those in this one, however deep they stand."""
    prefixes = [old.rstrip("/\\") for old in homes if len(old) > 1]

    def rebased(value: Any) -> Any:
        if isinstance(value, str):
            for old in prefixes:
                if value.startswith((f"{old}/", f"{old}\\")):
                    return str(home.joinpath(*value[len(old) + 1 :].replace("\\", "/").split("/")))
        elif isinstance(value, dict):
            return {key: rebased(one) for key, one in value.items()}
        elif isinstance(value, list):
            return [rebased(one) for one in value]
        return value

    return rebased
