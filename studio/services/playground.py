"""The playground: the base and its adapters answer the same question side by side."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.domain.chat import Message, Sampling
from studio.domain.errors import InvalidInput, StudioError
from studio.engines.base import Engine
from studio.services.chat_client import BASE, ChatClient, Chunk, Question, answers
from studio.services.chat_worker import LOOK, ChatWorker, WorkerStatus
from studio.store.catalogue import Catalogue
from studio.store.tables import Adapter, Model

FRAME = 0.05  # seconds between two states that are yielded


@dataclass(frozen=True)
class Column:
    """One side of a comparison: the base (`adapter` None) or an adapter by its name. One that is off is not asked."""

    adapter: str | None
    messages: Sequence[Message]
    on: bool = True


@dataclass(frozen=True)
class ColumnState:
    """What a column shows. `state` is idle, waiting, streaming, done or error; `note` says why it ran alone."""

    name: str  # the adapter's; empty for the base
    state: str = "idle"
    text: str = ""
    tokens: int = 0
    tokens_per_second: float = 0.0
    first_token_seconds: float = 0.0
    finish: str = ""  # "stop", or "length" where the answer was cut off
    note: str = ""
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
        )


@dataclass(frozen=True)
class Comparison:
    """One moment of it. `status` says what is being waited for before anyone can answer; empty afterwards."""

    columns: list[ColumnState]
    status: str = ""


class Playground:
    """`folder` is the chat worker's."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path) -> None:
        self._catalogue = catalogue
        self._worker = ChatWorker(engine, folder)

    def compare(
        self, model_name: str, columns: Sequence[Column], sampling: Sampling, *, precision: str = "auto"
    ) -> Iterator[Comparison]:
        """Asks all columns at once and yields their states, at most twenty a second, until all are done.

        What is wrong with one column is its state, and the others go on. Closing the iterator ends all answers.

        Raises:
            NotFound: there is no such model.
            StudioError: it is not ready, or the worker cannot load it.
        """
        states = [ColumnState(c.adapter or "", "waiting" if c.on else "idle") for c in columns]
        model = self._ready(model_name)
        worker = self._worker.serving(_request(model, precision))
        while (client := self._worker.client(worker)) is None:
            yield Comparison(list(states), self._worker.stage())
            time.sleep(LOOK)
        if any(c.on and c.adapter for c in columns):
            yield Comparison(list(states), "Putting the adapters on the model")
        questions, places = [], []  # of each question, the place of its column
        for place, column in enumerate(columns):
            if column.on:
                try:
                    questions.append(Question(self._attach(client, column.adapter, model), column.messages, sampling))
                    places.append(place)
                except StudioError as fault:
                    states[place] = states[place].after(self._worker.explained(fault, worker))
        yield Comparison(list(states))
        with answers(client, questions) as heard:
            while any(state.is_open for state in states):
                for index, news in _heard_in_a_frame(heard):
                    place = places[index]
                    if isinstance(news, StudioError):
                        news = self._worker.explained(news, worker)
                    states[place] = states[place].after(news)
                yield Comparison(list(states))

    def ensure(self, model_name: str, precision: str = "auto") -> ChatClient:
        """A client of a worker that serves this model, which is started where there is none. Waits until it is loaded.

        Raises:
            NotFound: there is no such model.
            StudioError: it is not ready, or the worker cannot load it.
        """
        worker = self._worker.serving(_request(self._ready(model_name), precision))
        while (client := self._worker.client(worker)) is None:
            time.sleep(LOOK)
        return client

    def status(self) -> WorkerStatus:
        return self._worker.status()

    def dismiss(self) -> bool:
        """Unloads the model where nobody is being answered; see ChatWorker.dismiss."""
        return self._worker.dismiss()

    def close(self) -> None:
        """Ends the chat worker, if this server used it."""
        self._worker.close()

    def _ready(self, name: str) -> Model:
        model = self._catalogue.model(name)
        if model.status != "ready":
            raise StudioError("The base model “{name}” is not ready yet.", "Wait until it is.", name=name)
        return model

    def _attach(self, client: ChatClient, adapter_name: str | None, model: Model) -> str:
        """The name that answers. Raises StudioError where the adapter is not for this model, or cannot be attached."""
        if adapter_name is None:
            return BASE
        adapter = self._catalogue.adapter(adapter_name)
        check_base(adapter, model)
        client.attach(adapter.name, adapter.path)
        return adapter.name


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


def _request(model: Model, precision: str) -> dict[str, Any]:
    return {"model": {k: getattr(model, k) for k in ("name", "reference", "path")}, "precision": precision}


def _heard_in_a_frame(heard: queue.SimpleQueue[tuple[int, Chunk | StudioError]]) -> Iterator[tuple[int, Any]]:
    end = time.monotonic() + FRAME
    while (left := end - time.monotonic()) > 0:
        try:
            yield heard.get(timeout=left)
        except queue.Empty:
            return
