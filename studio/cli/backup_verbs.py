"""The verbs that keep a copy of the home, and bring it back."""

from __future__ import annotations

import argparse
from pathlib import Path

from studio.cli.output import ProgressLine, show
from studio.settings import read_settings


def backup(arguments: argparse.Namespace) -> None:
    """Works beside a running server, and needs no lock."""
    from studio.services.home.backup import back_up

    settings = read_settings(home=arguments.home, database_url=arguments.database_url)
    line = ProgressLine()
    try:
        result = back_up(settings, Path(arguments.file), line.update)
    finally:
        line.close()
    words = [f"{result['file']} holds {_counts(result['counts'])} ({result['size'] / 1e6:.1f} MB), and was checked."]
    if result["schema"] is None:
        words = [f"{result['file']} holds the files alone. Copy the catalogue with pg_dump, at the same time."]
    if result["elsewhere"]:
        words.append(f"Base models that lie outside of the home are not in it: {', '.join(result['elsewhere'])}.")
    show(arguments, result, "\n".join(words))


def restore(arguments: argparse.Namespace) -> None:
    from studio.services.home.restore import restore as bring_back

    settings = read_settings(home=arguments.home, database_url=arguments.database_url)
    line = ProgressLine()
    try:
        result = bring_back(settings, Path(arguments.file), line.update)
    finally:
        line.close()
    words = [f"{result['home']} holds {_counts(result['counts'])} again."]
    if not result["database"]:
        words = [f"{result['home']} holds the files again. Bring the catalogue back with pg_restore."]
    if result["missing"]:
        words.append(f"Their files were outside of the home and are not in the backup: {', '.join(result['missing'])}.")
    if result["elsewhere"]:
        words.append(f"These base models may have to be added again: {', '.join(result['elsewhere'])}.")
    show(arguments, result, "\n".join(words))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind if number != 1 else kind[:-1]}" for kind, number in counts.items())
