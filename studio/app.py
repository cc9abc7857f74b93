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
from studio.platform.host_memory import give_back
from studio.services.adapters.service import Adapters
from studio.services.datasets.service import Datasets
from studio.services.datasets.token_counts import TokenCounts
from studio.services.datasets.uploads import Uploads
from studio.services.evaluation.prompt_sets import PromptSets
from studio.services.evaluation.service import Evaluations
from studio.services.home.doctor import Doctor
from studio.services.home.folders import reserve_ids
from studio.services.home.relocation import settle
from studio.services.hub.datasets import HubDatasets
from studio.services.hub.service import Hub
from studio.services.inference.remote_server import RemoteServer
from studio.services.models.service import Models
from studio.services.playground.conversations import Conversations
from studio.services.playground.service import Playground
from studio.services.playground.votes import Votes
from studio.services.runs.checkpoints import Checkpoints
from studio.services.runs.control import RunControl
from studio.services.runs.dispatcher import Dispatcher
from studio.services.runs.eviction import PlaygroundEviction
from studio.services.runs.service import Runs
from studio.services.runs.sweeps import Sweeps
from studio.settings import Settings
from studio.store.catalogue import Catalogue
from studio.store.database_faults import CatalogueFull
from studio.store.disk.permissions import make_private
from studio.store.disk.reserve import HOME_RESERVE, Reserve
from studio.store.lock import HomeLock

TICK_SECONDS = 1.0  # seconds
TICKS_TO_GIVE_BACK = 20  # memory that was freed

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Studio:
    settings: Settings
    catalogue: Catalogue
    lock: HomeLock
    engine: Engine
    datasets: Datasets
    token_counts: TokenCounts
    models: Models
    runs: Runs
    sweeps: Sweeps
    run_control: RunControl
    checkpoints: Checkpoints
    adapters: Adapters
    hub: Hub
    hub_datasets: HubDatasets
    playground: Playground
    remote_server: RemoteServer
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
                if over.wait(TICK_SECONDS):
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


def _open_catalogue(settings: Settings, reserve: Reserve, lock: HomeLock) -> Catalogue:
    try:
        return Catalogue(settings.url, settings.folder("records"), reserve, lock)
    except CatalogueFull:
        reserve.give_up()
        return Catalogue(settings.url, settings.folder("records"), reserve, lock)


def build(settings: Settings, engine: Engine | None = None) -> Studio:
    """The studio on its home, whose workers run on this machine unless another engine is given.

    Raises:
        StudioError: the home cannot be written, or the catalogue cannot be opened: see open_database.
    """
    settings.check_home()
    make_private(settings.home)
    keep_secret(settings.login.password if settings.login else None)
    reserve = Reserve(settings.home / "reserve", HOME_RESERVE)
    lock = HomeLock(settings.home)
    catalogue = _open_catalogue(settings, reserve, lock)
    if not settings.database_url:
        settle(catalogue, settings.home)
    reserve_ids(settings.home, catalogue)
    engine = engine or LocalEngine()
    hub = Hub(catalogue, settings)
    models = Models(catalogue, engine, settings.folder("models"), hub.token, reserve)
    datasets = Datasets(catalogue, engine, settings.folder("datasets"), hub.token, reserve)
    runs = Runs(catalogue)
    remote_server = RemoteServer(settings)
    adapters = Adapters(catalogue, settings.folder("adapters"), reserve)
    for service in (datasets, adapters):
        service.finish_deletions()
    reserve.keep()
    playground = Playground(catalogue, engine, settings.folder("playground"), remote_server)
    votes = Votes(catalogue)
    return Studio(
        settings=settings,
        catalogue=catalogue,
        lock=lock,
        engine=engine,
        datasets=datasets,
        token_counts=TokenCounts(engine),
        models=models,
        runs=runs,
        sweeps=Sweeps(catalogue, runs),
        run_control=RunControl(catalogue, runs),
        checkpoints=Checkpoints(catalogue, settings.folder("adapters")),
        adapters=adapters,
        hub=hub,
        hub_datasets=HubDatasets(settings.hub_endpoint, hub.token, engine),
        playground=playground,
        remote_server=remote_server,
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
            eviction=PlaygroundEviction(engine, playground),
        ),
        doctor=Doctor(catalogue, settings.home),
        uploads=Uploads(settings.folder("uploads")),
        reserve=reserve,
    )
