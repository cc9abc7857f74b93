"""The composition root: the only file that names every concrete class."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from studio.domain.secrecy import keep_secret
from studio.engines.base import Engine
from studio.engines.local import LocalEngine
from studio.services.adapters import Adapters
from studio.services.checkpoints import Checkpoints
from studio.services.conversations import Conversations
from studio.services.datasets import Datasets
from studio.services.device_lease import DeviceLease
from studio.services.dispatcher import Dispatcher
from studio.services.doctor import Doctor
from studio.services.evaluations import Evaluations
from studio.services.examinations import Examinations
from studio.services.home_folders import reserve_ids
from studio.services.hub import Hub
from studio.services.models import Models
from studio.services.moved_home import settle
from studio.services.playground import Playground
from studio.services.prompt_sets import PromptSets
from studio.services.run_control import RunControl
from studio.services.runs import Runs
from studio.services.stand_in import StandIn
from studio.services.sweeps import Sweeps
from studio.services.uploads import Uploads
from studio.services.votes import Votes
from studio.settings import Settings
from studio.store.catalogue import Catalogue
from studio.store.database_faults import CatalogueFull
from studio.store.host_memory import give_back
from studio.store.lock import HomeLock
from studio.store.private import make_private
from studio.store.room import HOME_RESERVE, Reserve

TICK = 1.0  # seconds
TICKS_TO_GIVE_BACK = 20  # memory that was freed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Studio:
    settings: Settings
    catalogue: Catalogue
    lock: HomeLock
    engine: Engine
    datasets: Datasets
    examinations: Examinations
    models: Models
    runs: Runs
    sweeps: Sweeps
    run_control: RunControl
    checkpoints: Checkpoints
    adapters: Adapters
    hub: Hub
    playground: Playground
    stand_in: StandIn
    conversations: Conversations
    votes: Votes
    prompt_sets: PromptSets
    evaluations: Evaluations
    dispatcher: Dispatcher
    doctor: Doctor
    uploads: Uploads
    reserve: Reserve

    @contextmanager
    def dispatching(self) -> Iterator[None]:
        """Ticks each second in the background until the block ends. For whoever holds the home's lock."""
        over = threading.Event()

        def loop() -> None:
            for tick in count(1):
                if over.wait(TICK):
                    return
                if tick % TICKS_TO_GIVE_BACK == 0:
                    give_back()
                # Evaluations work in this process, so that they have no part in the one tick of a passing command.
                for step in (self.dispatcher.tick, self.evaluations.tick):
                    try:
                        step()
                    except Exception:  # the catalogue is locked or its disk full: what was not recorded is read again
                        logger.exception("The dispatcher could not work; it tries again")

        thread = threading.Thread(target=loop, name="dispatcher", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.evaluations.close()

    def close(self) -> None:
        self.playground.close()
        self.lock.release()
        self.catalogue.close()
        self.reserve.keep(beside=0)  # others would take what is left, and the next opening needs some


def _opened(settings: Settings, reserve: Reserve) -> Catalogue:
    try:
        return Catalogue(settings.url, settings.folder("records"), reserve)
    except CatalogueFull:
        reserve.give_up()
        return Catalogue(settings.url, settings.folder("records"), reserve)


def build(settings: Settings) -> Studio:
    """The studio on its home.

    Raises:
        StudioError: the home cannot be written or the catalogue cannot be opened.
    """
    settings.check_home()
    make_private(settings.home)
    keep_secret(settings.login.password if settings.login else None)
    reserve = Reserve(settings.home / "reserve", HOME_RESERVE)
    catalogue = _opened(settings, reserve)
    if not settings.database_url:
        settle(catalogue, settings.home)
    reserve_ids(settings.home, catalogue)
    engine = LocalEngine()
    hub = Hub(catalogue, settings)
    models = Models(catalogue, engine, settings.folder("models"), hub.token, reserve)
    datasets = Datasets(catalogue, engine, settings.folder("datasets"), hub.token, reserve)
    runs = Runs(catalogue)
    stand_in = StandIn(settings)
    adapters = Adapters(catalogue, settings.folder("adapters"), reserve)
    for deleted in (datasets, adapters):
        deleted.finish_deletions()
    reserve.keep()
    playground = Playground(catalogue, engine, settings.folder("playground"), stand_in)
    votes = Votes(catalogue)
    return Studio(
        settings=settings,
        catalogue=catalogue,
        lock=HomeLock(settings.home),
        engine=engine,
        datasets=datasets,
        examinations=Examinations(engine),
        models=models,
        runs=runs,
        sweeps=Sweeps(catalogue, runs),
        run_control=RunControl(catalogue, runs),
        checkpoints=Checkpoints(catalogue, settings.folder("adapters")),
        adapters=adapters,
        hub=hub,
        playground=playground,
        stand_in=stand_in,
        conversations=Conversations(catalogue),
        votes=votes,
        prompt_sets=PromptSets(catalogue),
        evaluations=Evaluations(catalogue, playground, votes),
        dispatcher=Dispatcher(
            catalogue,
            engine,
            [reserve, engine, models, datasets, adapters],
            runs=settings.folder("runs"),
            adapters=settings.folder("adapters"),
            lease=DeviceLease(engine, playground),
        ),
        doctor=Doctor(catalogue, settings.home),
        uploads=Uploads(settings.folder("uploads")),
        reserve=reserve,
    )
