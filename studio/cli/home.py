"""`studio doctor`, `backup` and `restore`: the home as a whole."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from studio.cli.commands import Commands
from studio.cli.output import ProgressLine, say, show, table
from studio.cli.session import open_studio
from studio.domain.errors import StudioError
from studio.settings import Settings, read_settings
from studio.store.database import is_damaged, put_aside
from studio.store.lock import HomeLock


def add_parser(commands: Commands) -> None:
    examine = commands.verb("doctor", doctor, "list what the home holds that the catalogue does not know")
    examine.add_argument("--repair", action="store_true", help="add it to the catalogue again; no file is changed")
    copy = commands.verb("backup", backup, "copy the home into one file, even while the studio runs")
    copy.add_argument("file", help="file to write: outside the home, not existing yet")
    back = commands.verb("restore", restore, "restore a backup into an empty --home")
    back.add_argument("file", help="file that `backup` wrote")


def doctor(arguments: argparse.Namespace) -> int:
    """Says what home and catalogue do not agree on, and with --repair rebuilds the catalogue's part. 1 where anything
    is left that is not right."""
    settings = read_settings(home=arguments.home, database_url=arguments.database_url)
    _look_at_database(settings, repair=arguments.repair)
    with open_studio(arguments, quiet=True) as studio:
        if arguments.repair and not studio.lock.is_mine:
            raise _in_use(settings, studio.lock.holder())
        findings = studio.doctor.repair() if arguments.repair else studio.doctor.examine()
        if arguments.repair:
            studio.dispatcher.tick()
    rows = [finding.as_dict() for finding in findings]
    columns = ["kind", "fault", "name", "path", *(["rebuilt"] if arguments.repair else [])]
    show(
        arguments,
        rows,
        table(rows, columns, "All is well: the catalogue and the home agree."),
    )
    if not arguments.repair and any(finding.fault == "unknown" for finding in findings):
        say("`studio doctor --repair` adds what is unknown to the catalogue again. It changes no file.")
    return int(any(not finding.rebuilt for finding in findings))


def _look_at_database(settings: Settings, *, repair: bool) -> None:
    """Raises StudioError where it is damaged and is not to be repaired."""
    path = settings.home / "studio.db"
    if settings.database_url or not is_damaged(path):
        return
    if not repair:
        raise StudioError(
            "The catalogue {path} is damaged.",
            "`studio doctor --repair` sets it aside and makes a new one from what is in the home. Conversations, "
            "votes, prompt sets and evaluations are in the catalogue only: restore a backup if there is one.",
            path=path,
        )
    lock = HomeLock(settings.home)
    if not lock.acquire():
        raise _in_use(settings, lock.holder())
    try:
        aside = put_aside(path, time.strftime("%Y%m%d-%H%M%S"))
    finally:
        lock.release()
    say(f"The damaged catalogue is {aside} now.")


def _in_use(settings: Settings, holder: str) -> StudioError:
    return StudioError(
        "Another studio is using the home {home}: {holder}.",
        "Stop it, or repair from its Home page.",
        home=settings.home,
        holder=holder or "another process",
    )


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
        words = [f"{result['file']} holds the files only. Copy the catalogue with pg_dump at the same time."]
    if result["elsewhere"]:
        words.append(f"Base models outside the home are not in it: {', '.join(result['elsewhere'])}.")
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
        words = [f"{result['home']} holds the files again. Restore the catalogue with pg_restore."]
    if result["missing"]:
        words.append(f"Their files were outside the home and are not in the backup: {', '.join(result['missing'])}.")
    if result["elsewhere"]:
        words.append(f"These base models may have to be added again: {', '.join(result['elsewhere'])}.")
    show(arguments, result, "\n".join(words))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {kind if number != 1 else kind[:-1]}" for kind, number in counts.items())
