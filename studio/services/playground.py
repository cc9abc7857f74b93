"""The playground: base models and adapters answer the same question side by side."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from studio.domain.chat import Message, Sampling
from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput, StudioError
from studio.engines.base import Engine
from studio.services.chat_client import ChatClient, Chunk, Question, Reading, Subject, answers
from studio.services.chat_worker import LOOK, WorkerStatus
from studio.services.chat_workers import ChatWorkers, Seat
from studio.services.model_memory import why_no_room
from studio.store.catalogue import Catalogue
from studio.store.checkpoint_folder import checkpoint_path, damage
from studio.store.run_folder import RunFolder
from studio.store.tables import Adapter, Model, Run

FRAME = 0.05  # seconds between two states that are yielded
WAITING_FOR_TRAINING = "Waiting: a run trains and needs the memory"


@dataclass(frozen=True)
class Asked:
    """What a column is asked. One that is off is not."""

    column: Column
    messages: Sequence[Message]
    on: bool = True


@dataclass(frozen=True)
class ColumnState:
    """What a column shows. `state` is idle, waiting, streaming, done or error; `note` says why it ran alone, `rows` how
    many answers were written in the same batch.

    `pieces`, once it is done, are its tokens: [text, probability, the base's probability, the base's choice], the last
    of these only where the base's likeliest token is another one. `effect` is how far adapter and base are apart: the
    largest difference of a token's log-probability over the answer; None where it was not compared.
    """

    name: str  # of the adapters; empty for the base
    state: str = "idle"
    text: str = ""
    tokens: int = 0
    tokens_per_second: float = 0.0
    first_token_seconds: float = 0.0
    finish: str = ""  # "stop", or "length" where the answer was cut off
    note: str = ""
    rows: int = 1
    label: dict[str, Any] = field(default_factory=dict)
    pieces: list[list[Any]] = field(default_factory=list)
    effect: float | None = None
    error: StudioError | None = None

    @property
    def is_open(self) -> bool:
        return self.state in ("waiting", "streaming")

    def after(self, news: Chunk | StudioError) -> ColumnState:
        if isinstance(news, StudioError):
            return replace(self, state="error", error=news)
        return replace(
            self,
            state="done" if news.finish else "streaming",
            text=self.text + news.text,
            tokens=news.tokens,
            tokens_per_second=news.tokens_per_second,
            first_token_seconds=news.first_token_seconds,
            finish=news.finish,
            note=news.alone,
            rows=news.rows,
            label=self.label | {"seed": news.seed},
        )


@dataclass(frozen=True)
class Comparison:
    """One moment of it. `status` says what is being waited for before anyone can answer; empty afterwards."""

    columns: list[ColumnState]
    status: str = ""


@dataclass(frozen=True)
class Likelihood:
    """Of a given answer with its end: tokens, and the mean negative logarithm of their probabilities."""

    tokens: int
    loss: float


@dataclass
class _Place:
    """A column on its way: who answers it, and the tokens heard of it."""

    asked: Asked
    model: Model | None = None
    request: dict[str, Any] = field(default_factory=dict)
    seat: Seat | None = None
    client: ChatClient | None = None
    subject: Subject | None = None
    heard: list[tuple[int, str, float]] = field(default_factory=list)


class Playground:
    """`folder` is the chat workers'."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path) -> None:
        self._catalogue = catalogue
        self._engine = engine
        self._workers = ChatWorkers(engine, folder)

    def compare(self, asked: Sequence[Asked], sampling: Sampling) -> Iterator[Comparison]:
        """Asks all columns at once and yields their states, at most twenty a second, until all are done and compared
        with their bases.

        What is wrong with one column is its state, and the others go on. Closing the iterator ends all answers.
        """
        states = [ColumnState(a.column.name, "waiting" if a.on else "idle") for a in asked]
        places = [_Place(a) for a in asked]
        yield from self._ready(places, states)
        yield Comparison(list(states))
        answering = [i for i, place in enumerate(places) if place.subject is not None]
        questions = [Question(p.client, p.subject, sampling) for p in places if p.client and p.subject]
        with answers(questions) as heard:
            while any(state.is_open for state in states):
                for index, news in _heard_in_a_frame(heard):
                    at = answering[index]
                    states[at] = states[at].after(self._explained(news, places[at]))
                    if isinstance(news, Chunk):
                        places[at].heard += news.pieces
                yield Comparison(list(states))
        self._compare_with_base(places, states)
        yield Comparison(list(states))

    def likelihoods(self, asked: Sequence[Asked], references: Sequence[str]) -> list[Likelihood | StudioError]:
        """How likely each reference is as the answer of its column. Waits until the models are loaded."""
        states = [ColumnState(a.column.name, "waiting") for a in asked]
        places = [_Place(a) for a in asked]
        for _ in self._ready(places, states):
            pass
        found: list[Likelihood | StudioError] = [
            state.error or StudioError("The model could not answer.") for state in states
        ]
        for client, some in _by_client(places):
            questions = [(subject, references[i]) for i in some if (subject := places[i].subject)]
            for i, reading in zip(some, self._read(client, questions, places[some[0]]), strict=True):
                found[i] = reading if isinstance(reading, StudioError) else _likelihood(reading)
        return found

    def ensure(self, model_name: str, precision: str = "auto") -> ChatClient:
        """A client of a worker that serves this model, which is started where there is none. Waits until it is loaded.

        Raises:
            NotFound: there is no such model.
            StudioError: it is not ready, or the worker cannot load it.
        """
        seat = self._workers.serving([_request(self._model(model_name), precision)])[0]
        while (client := seat.place.client(seat.worker)) is None:
            time.sleep(LOOK)
        return client

    def workers(self) -> Sequence[WorkerStatus]:
        """Of the base models that are in memory, or being loaded."""
        return self._workers.statuses()

    def status(self) -> WorkerStatus:
        """Of the first of them."""
        return next(iter(self.workers()), WorkerStatus("stopped"))

    def dismiss(self) -> bool:
        """Unloads the models where nobody is being answered; see ChatWorker.dismiss."""
        return self._workers.dismiss()

    def close(self) -> None:
        """Ends the chat workers that this server used."""
        self._workers.close()

    def _ready(self, places: Sequence[_Place], states: list[ColumnState]) -> Iterator[Comparison]:
        """Loads the models, waits for memory where a run trains, and puts the adapters on. Fills in the places."""
        for at, place in enumerate(places):
            if place.asked.on:
                try:
                    place.model = self._model(place.asked.column.model)
                    place.request = _request(place.model, place.asked.column.precision)
                except StudioError as fault:
                    states[at] = states[at].after(fault)
        wanted: list[dict[str, Any]] = []
        for place in places:
            if place.request and place.request not in wanted:
                wanted.append(place.request)
        if not wanted:
            return
        if missing := self._workers.missing(wanted):
            self._workers.make_way(wanted)
            models = {place.request["model"]["name"]: place.model for place in places if place.model}
            while short := why_no_room(self._engine.devices(), missing, models):
                if not self._catalogue.runs_with_worker():
                    self._fail(places, states, short)
                    return
                yield Comparison(list(states), WAITING_FOR_TRAINING)
                time.sleep(1.0)
        try:
            seats = self._workers.serving(wanted)
        except StudioError as fault:
            self._fail(places, states, fault)
            return
        for request, seat in zip(wanted, seats, strict=True):
            own = [at for at, place in enumerate(places) if place.request == request]
            try:
                while (client := seat.place.client(seat.worker)) is None:
                    yield Comparison(list(states), seat.place.stage())
                    time.sleep(LOOK)
                about = client.about()
            except StudioError as fault:
                for at in own:
                    states[at] = states[at].after(seat.place.explained(fault, seat.worker))
                continue
            if any(places[at].asked.column.shares for at in own):
                yield Comparison(list(states), "Putting the adapters on the model")
            for at in own:
                places[at].seat, places[at].client = seat, client
                try:
                    self._attach(places[at], client)
                    states[at] = replace(states[at], label=_label(places[at], about))
                except StudioError as fault:
                    states[at] = states[at].after(seat.place.explained(fault, seat.worker))

    def _fail(self, places: Sequence[_Place], states: list[ColumnState], fault: StudioError) -> None:
        for at, place in enumerate(places):
            if place.request:
                states[at] = states[at].after(fault)

    def _attach(self, place: _Place, client: ChatClient) -> None:
        """Raises StudioError where an adapter is not for this model, or cannot be attached."""
        if place.model is None:
            return
        for share in place.asked.column.shares:
            client.attach(share.name, self._path(share, place.model))
        acting = [(share.name, share.strength) for share in place.asked.column.shares]
        place.subject = Subject(acting, place.asked.messages)

    def _path(self, share: Share, model: Model) -> str:
        """The folder of an adapter or of a run's checkpoint. Raises StudioError where it is not for this model."""
        if share.adapter:
            adapter = self._catalogue.adapter(share.adapter)
            check_base(adapter, model)
            return adapter.path
        run = self._catalogue.run(share.run)
        _check_run(run, model)
        path = checkpoint_path(RunFolder(run.folder).checkpoints, share.step)
        if reason := damage(path):
            raise InvalidInput(
                "The checkpoint of step {step} of run {run} cannot be used: {reason}.",
                "Choose a newer one: a run keeps the newest ones and the best.",
                step=share.step,
                run=share.run,
                reason=reason.rstrip("."),
            )
        return str(path)

    def _model(self, name: str) -> Model:
        model = self._catalogue.model(name)
        if model.status != "ready":
            raise StudioError("The base model “{name}” is not ready yet.", "Wait until it is.", name=name)
        return model

    def _explained(self, news: Chunk | StudioError, place: _Place) -> Chunk | StudioError:
        if isinstance(news, StudioError) and place.seat:
            return place.seat.place.explained(news, place.seat.worker)
        return news

    def _compare_with_base(self, places: Sequence[_Place], states: list[ColumnState]) -> None:
        """Tells each token's probability, and for adapters that of the base for the very same tokens."""
        for at, place in enumerate(places):
            pieces = [[text, round(math.exp(log), 4), None, None] for _, text, log in place.heard]
            states[at] = replace(states[at], pieces=pieces)
        for client, some in _by_client(places):
            shown = [i for i in some if states[i].state == "done" and places[i].heard and places[i].asked.column.shares]
            questions: list[tuple[Subject, Sequence[int]]] = []
            for i in shown:
                ids = [id for id, _, _ in places[i].heard]
                subject = places[i].subject
                if subject is not None:
                    questions += [(subject, ids), (replace(subject, adapters=()), ids)]
            read = self._read(client, questions, places[some[0]]) if questions else []
            for number, i in enumerate(shown):
                own, base = read[2 * number], read[2 * number + 1]
                if isinstance(own, Reading) and isinstance(base, Reading):
                    states[i] = _compared(states[i], own, base)

    def _read(self, client: ChatClient, questions: Any, place: _Place) -> list[Reading | StudioError]:
        try:
            return client.read(questions)
        except StudioError as fault:
            explained = place.seat.place.explained(fault, place.seat.worker) if place.seat else fault
            return [explained] * len(questions)


def check_base(adapter: Adapter, model: Model) -> None:
    """Raises InvalidInput where the adapter was trained on another base model."""
    same_model = adapter.model_id == model.id
    same_base = (adapter.base_source, adapter.base_reference) == (model.source, model.reference)
    if not (same_model or same_base):
        raise InvalidInput(
            "The adapter “{name}” was trained on {base}, not on {model}.",
            "Choose the base model that it was trained on, or another adapter.",
            name=adapter.name,
            base=adapter.base_name,
            model=model.name,
        )


def _check_run(run: Run, model: Model) -> None:
    if run.model_id != model.id:
        raise InvalidInput(
            "Run {run} trains on {base}, not on {model}.",
            "Choose the base model that it trains on.",
            run=run.id,
            base=run.model_name,
            model=model.name,
        )


def _request(model: Model, precision: str) -> dict[str, Any]:
    return {"model": {k: getattr(model, k) for k in ("name", "reference", "path")}, "precision": precision}


def _label(place: _Place, about: dict[str, Any]) -> dict[str, Any]:
    model = place.model
    return {
        "base": model.name if model else "",
        "reference": model.reference if model else "",
        "revision": model.revision if model else "",
        "precision": about.get("precision", ""),
        "template": about.get("template", ""),
        "seed": None,
        "adapters": [
            {"name": share.name, "strength": share.strength, "checkpoint": share.step}
            for share in place.asked.column.shares
        ],
    }


def _by_client(places: Sequence[_Place]) -> Iterator[tuple[ChatClient, list[int]]]:
    """The places that each worker answers."""
    clients: list[ChatClient] = []
    for place in places:
        if place.subject is not None and place.client is not None and place.client not in clients:
            clients.append(place.client)
    for client in clients:
        yield client, [i for i, place in enumerate(places) if place.client is client and place.subject is not None]


def _compared(state: ColumnState, own: Reading, base: Reading) -> ColumnState:
    pieces = []
    for piece, other, mine, bases in zip(
        state.pieces, base.log_probabilities, own.likeliest, base.likeliest, strict=True
    ):
        pieces.append([piece[0], piece[1], round(math.exp(other), 4), None if mine[0] == bases[0] else bases[1]])
    apart = [abs(a - b) for a, b in zip(own.log_probabilities, base.log_probabilities, strict=True)]
    return replace(state, pieces=pieces, effect=round(max(apart), 6))


def _likelihood(reading: Reading) -> Likelihood:
    count = len(reading.log_probabilities)
    return Likelihood(count, -sum(reading.log_probabilities) / count)


def _heard_in_a_frame(heard: queue.SimpleQueue[tuple[int, Chunk | StudioError]]) -> Iterator[tuple[int, Any]]:
    end = time.monotonic() + FRAME
    while (left := end - time.monotonic()) > 0:
        try:
            yield heard.get(timeout=left)
        except queue.Empty:
            return
