"""How the command line prints: JSON on standard output for programs, short tables for people."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from studio.domain.secrecy import mask_value


def show(arguments: argparse.Namespace, value: Any, text: str | None = None) -> None:
    """`value` as one line of JSON where that is asked, else `text`."""
    if arguments.json:
        print(json.dumps(mask_value(_finite(value)), ensure_ascii=False))
    else:
        print(text if text is not None else details(value))


def say(text: str) -> None:
    """For the person at the terminal, never part of the result."""
    print(text, file=sys.stderr, flush=True)


class ProgressLine:
    """One line that changes in place; on something that is no terminal, a line for each new stage."""

    def __init__(self) -> None:
        self._stage = ""
        self._wide = sys.stderr.isatty()

    def update(self, stage: str, done: int = 0, total: int = 0, note: str = "") -> None:
        share = f" {100 * done // total:3d} %" if total else ""
        if self._wide:
            print(f"\r\033[K{stage}{share} {note}", end="", file=sys.stderr, flush=True)
        elif stage != self._stage:
            say(stage)
        self._stage = stage

    def close(self) -> None:
        if self._wide and self._stage:
            print(file=sys.stderr)
        self._stage = ""


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], nothing: str) -> str:
    """Columns aligned by width; `nothing` where there are no rows."""
    if not rows:
        return nothing
    cells = [[c.replace("_", " ") for c in columns]] + [[_cell(c, r.get(c)) for c in columns] for r in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def details(record: Mapping[str, Any]) -> str:
    """One field a line; nested values as JSON."""
    width = max(len(k) for k in record)
    lines = []
    for key, value in record.items():
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else _cell(key, value)
        lines.append(f"{key.replace('_', ' '):<{width}}  {text}")
    return "\n".join(lines)


def _cell(column: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if column == "size":
        return f"{value / 1e6:.1f} MB"
    if column == "at" or column.endswith("_at"):
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _finite(value: Any) -> Any:
    """JSON has no NaN: such a loss is null."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
