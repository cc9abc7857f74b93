"""A home that was moved or copied: updates its rows and files to where it is now."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from filelock import FileLock
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from studio.domain.errors import StudioError
from studio.domain.run import RunStatus
from studio.domain.translation import N_
from studio.services.home.folders import OF_WORKERS, is_original
from studio.services.home.relocated_paths import rebase_files, rebase_row, rebase_to
from studio.store.catalogue import Catalogue
from studio.store.tables.adapters import Adapter
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from studio.store.tables.runs import Run, Transition

UNDER_WAY = [status for status in RunStatus if status.has_worker]
_MOVED = N_("The home was moved or copied during the run.")

logger = logging.getLogger(__name__)


def settle(catalogue: Catalogue, home: Path) -> None:
    """Lets rows and files that speak of an earlier home speak of this one, where this one holds what they speak of.
    Runs that were under way are interrupted: they go on from their newest checkpoint. Costs next to nothing where
    nothing was moved.

    Raises:
        StudioError: a file cannot be written; the next start goes on.
    """
    if not earlier_homes(catalogue, home):
        return
    try:
        with FileLock(home / "moving.lock"):
            if homes := earlier_homes(catalogue, home):  # else another process was first
                _settle(catalogue, home, homes)
    except OSError as error:
        raise StudioError(
            "The home {home} was moved, and its files cannot be brought up to date: {reason}.",
            "Free some space or fix its permissions, then start again.",
            home=home, reason=error.strerror or str(error),
        ) from error  # fmt: skip


def _settle(catalogue: Catalogue, home: Path, homes: list[str]) -> None:
    rebase = rebase_to(homes, home, must_exist=True)
    for name in OF_WORKERS:
        for path in home.rglob(name):
            if not is_original(path.relative_to(home)):
                path.unlink(missing_ok=True)
    rebase_files(home, rebase)
    with Session(catalogue.engine) as session, session.begin():
        for table in (Model, Dataset, Run, Adapter):
            for row in session.scalars(select(table)):
                rebase_row(row, rebase)
        leave_workers(session, _MOVED)
    logger.warning("The home %s lay elsewhere before: %s. Its paths say so no more.", home, ", ".join(homes))


def earlier_homes(catalogue: Catalogue, home: Path) -> list[str]:
    """Those in which rows say that what is in this home lies."""
    homes = set()
    with Session(catalogue.engine) as session:
        for table, name in ((Model, "models"), (Dataset, "datasets"), (Run, "runs"), (Adapter, "adapters")):
            column = Adapter.path if table is Adapter else table.__table__.c.folder
            homes |= {_home_of(path, name, home) for path in session.scalars(select(column).distinct())}
    return sorted(homes - {""})


def _home_of(path: str, name: str, home: Path) -> str:
    """The home that the folder of a row of that kind lies in; empty where it is this one, or this one has no such."""
    folder = Path(path or ".")
    old = folder.parent.parent
    if folder.parent.name != name or old == home or not (home / name / folder.name).is_dir():
        return ""
    try:
        return "" if old.samefile(home) else str(old)  # it may have several names
    except OSError:
        return str(old)


def leave_workers(session: Session, reason: str) -> None:
    """Nobody works here at what was under way elsewhere."""
    for table in (Model, Dataset, Run):
        session.execute(update(table).where(table.worker != "").values(worker=""))
    for run in session.scalars(select(Run).where(Run.status.in_(UNDER_WAY))):
        now = time.time()
        run.status, run.ended_at, run.stop_asked, run.ending = RunStatus.INTERRUPTED, now, None, None
        run.placed_on, run.stage = "", ""
        session.add(Transition(run_id=run.id, at=now, status=run.status, reason=reason, values={}))
