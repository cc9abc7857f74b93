"""Routes columns to who answers them: chat workers of this machine, or the remote server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from studio.domain.columns import Column
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.serving import ServedModel, ServeRequest
from studio.domain.translation import N_
from studio.engines.base import Engine
from studio.services.adapters.locate import adapter_folder
from studio.services.inference.chat_client import Answerer, ChatClient, ChatPrompt
from studio.services.inference.memory import why_no_room
from studio.services.inference.openai_client import Server
from studio.services.inference.remote_server import RemoteServer
from studio.services.inference.worker_pool import Lease, WorkerPool
from studio.services.inference.worker_process import POLL_SECONDS
from studio.services.models.status import ready_model
from studio.services.playground.columns import ColumnPrompt, ColumnState, Comparison
from studio.store.catalogue import Catalogue
from studio.store.tables.models import Model

WAITING_FOR_TRAINING = N_("Waiting: a run is training and needs the memory")


@dataclass
class RoutedColumn:
    """A column on its way: who answers it, who can read its tokens again, and the tokens heard of it."""

    prompt: ColumnPrompt
    model: Model | None = None
    request: ServeRequest | None = None
    lease: Lease | None = None
    client: Answerer | None = None
    reader: ChatClient | None = None
    subject: ChatPrompt | None = None
    tokens: list[tuple[int, str, float]] = field(default_factory=list)

    def explain(self, fault: StudioError) -> StudioError:
        return self.lease.place.explain(fault, self.lease.worker) if self.lease else fault


class Router:
    """`folder` is the chat workers'."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path, remote_server: RemoteServer) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._remote_server = remote_server
        self.workers = WorkerPool(engine, folder)

    def route(self, places: Sequence[RoutedColumn], states: list[ColumnState]) -> Iterator[Comparison]:
        """Fills in the places: loads the models, waits for memory where a run trains, and puts the adapters on. What
        is wrong with a column becomes its state."""
        for at, place in enumerate(places):
            if place.prompt.on:
                try:
                    place.model = ready_model(self._catalogue, place.prompt.column.model)
                    place.request = worker_request(place.model, place.prompt.column.precision)
                except StudioError as fault:
                    states[at] = states[at].after(fault)
        if not any(place.request for place in places):
            return
        try:
            server = self._remote_server.server()
        except StudioError as fault:
            _fail(places, states, fault)
            return
        if server:
            yield from self._seat_there(server, places, states)
        else:
            yield from self._seat_here(places, states)

    def _seat_here(self, places: Sequence[RoutedColumn], states: list[ColumnState]) -> Iterator[Comparison]:
        requests: list[ServeRequest] = []
        for place in places:
            if place.request and place.request not in requests:
                requests.append(place.request)
        if missing := self.workers.missing(requests):
            self.workers.evict_others(requests)
            models = {place.request.model.name: place.model for place in places if place.request and place.model}
            while short := why_no_room(self._engine.devices(), missing, models):
                if not self._catalogue.runs_with_worker():
                    _fail(places, states, short)
                    return
                yield Comparison(list(states), WAITING_FOR_TRAINING)
                time.sleep(1.0)
        try:
            leases = self.workers.lease(requests)
        except StudioError as fault:
            _fail(places, states, fault)
            return
        for request, lease in zip(requests, leases, strict=True):
            own = [at for at, place in enumerate(places) if place.request == request]
            try:
                while (client := lease.place.client(lease.worker)) is None:
                    yield Comparison(list(states), lease.place.stage())
                    time.sleep(POLL_SECONDS)
                about = client.about()
            except StudioError as fault:
                for at in own:
                    states[at] = states[at].after(lease.place.explain(fault, lease.worker))
                continue
            if any(places[at].prompt.column.shares for at in own):
                yield Comparison(list(states), N_("Attaching the adapters to the model"))
            for at in own:
                place = places[at]
                column, model = place.prompt.column, place.model
                if model is None:
                    continue
                place.lease, place.client, place.reader = lease, client, client
                try:
                    for share in column.shares:
                        client.attach(share.name, adapter_folder(self._catalogue, share, model))
                except StudioError as fault:
                    states[at] = states[at].after(place.explain(fault))
                    continue
                place.subject = ChatPrompt(
                    [(share.name, share.strength) for share in column.shares], place.prompt.messages
                )
                label = _label(model, column, precision=about["precision"], template=about["template"])
                states[at] = replace(states[at], label=label)

    def _seat_there(
        self, server: Server, places: Sequence[RoutedColumn], states: list[ColumnState]
    ) -> Iterator[Comparison]:
        yield Comparison(list(states), N_("Asking the other server which models it has"))
        try:
            models = server.models()
        except StudioError as fault:
            _fail(places, states, fault)
            return
        for at, place in enumerate(places):
            column, model = place.prompt.column, place.model
            if model is None:
                continue
            try:
                if reason := _not_there(server, column):
                    raise reason
                base = models.base([model.name, model.reference, model.path], server)
                id = base.id
                for share in column.shares:
                    path = adapter_folder(self._catalogue, share, model)
                    id = server.adapter(models, base, share.name, path)
            except StudioError as fault:
                states[at] = states[at].after(fault)
                continue
            place.client = server.client(id)
            place.subject = ChatPrompt([(share.name, 1.0) for share in column.shares], place.prompt.messages)
            states[at] = replace(states[at], label=_label(model, column, server=server.url))


def worker_request(model: Model, precision: str) -> ServeRequest:
    """What a chat worker is asked to serve."""
    return ServeRequest(
        model=ServedModel(name=model.name, reference=model.reference, path=model.path, batches=model.report.batches),
        precision=precision,
    )


def _not_there(server: Server, column: Column) -> InvalidInput | None:
    """What only the chat workers of this machine can do."""
    remedy = N_("Choose one adapter at strength 1 in automatic precision, or remove the server in Settings.")
    if len(column.shares) > 1 or any(share.strength != 1 for share in column.shares):
        return InvalidInput(
            "The server {url} answers with one adapter at a time, as it was trained.", remedy, url=server.url
        )
    if column.precision != "auto":
        return InvalidInput("The server {url} sets its own precision.", remedy, url=server.url)
    return None


def _fail(places: Sequence[RoutedColumn], states: list[ColumnState], fault: StudioError) -> None:
    for at, place in enumerate(places):
        if place.request:
            states[at] = states[at].after(fault)


def _label(
    model: Model, column: Column, *, precision: str = "", template: str = "", server: str = ""
) -> dict[str, Any]:
    """`server` is the address of one that stands in: it has its own revision, precision and template."""
    return {
        "base": model.name,
        "reference": model.reference,
        "revision": "" if server else model.revision,
        "precision": precision,
        "template": template,
        "server": server,
        "seed": None,
        "adapters": [
            {"name": share.name, "strength": share.strength, "checkpoint": share.step} for share in column.shares
        ],
    }
