"""The playground: base models and adapters answer the same prompt side by side."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import InvalidInput, StudioError
from studio.engines.base import Engine
from studio.services.inference.chat_client import ChatClient, ChatPrompt, ChatRequest, Chunk, TokenScores, answers
from studio.services.inference.remote_server import RemoteServer
from studio.services.inference.worker_process import POLL_SECONDS, WorkerStatus
from studio.services.models.status import ready_model
from studio.services.playground.columns import ColumnPrompt, ColumnState, Comparison, Likelihood
from studio.services.playground.routing import RoutedColumn, Router, worker_request
from studio.store.catalogue import Catalogue

FRAME = 0.05  # seconds between two states that are yielded


class Playground:
    """`folder` is the chat workers'; `remote_server` may name a server that answers in their place."""

    def __init__(self, catalogue: Catalogue, engine: Engine, folder: Path, remote_server: RemoteServer) -> None:
        self._catalogue = catalogue
        self._router = Router(catalogue, engine, folder, remote_server)

    def compare(self, prompts: Sequence[ColumnPrompt], sampling: Sampling) -> Iterator[Comparison]:
        """As `answer`, and then the columns are compared with their bases, token by token."""
        places = [RoutedColumn(a) for a in prompts]
        states = yield from self._stream_answers(places, sampling)
        _compare_with_base(places, states)
        yield Comparison(list(states))

    def answer(self, prompts: Sequence[ColumnPrompt], sampling: Sampling) -> Iterator[Comparison]:
        """Asks all columns at once and yields their states, at most twenty a second, until all are done.

        What is wrong with one column is its state, and the others go on. Closing the iterator ends all answers.
        """
        yield from self._stream_answers([RoutedColumn(a) for a in prompts], sampling)

    def _stream_answers(
        self, places: Sequence[RoutedColumn], sampling: Sampling
    ) -> Generator[Comparison, None, list[ColumnState]]:
        states = [ColumnState(p.prompt.column.name, "waiting" if p.prompt.on else "idle") for p in places]
        yield from self._router.route(places, states)
        yield Comparison(list(states))
        answering = [i for i, place in enumerate(places) if place.subject is not None]
        questions = [ChatRequest(p.client, p.subject, sampling) for p in places if p.client and p.subject]
        with answers(questions) as chunks:
            while any(state.is_open for state in states):
                for index, news in _chunks_in_a_frame(chunks):
                    at = answering[index]
                    if isinstance(news, StudioError):
                        states[at] = states[at].after(places[at].explain(news))
                    else:
                        states[at] = states[at].after(news)
                        places[at].tokens += news.pieces
                yield Comparison(list(states))
        return states

    def likelihoods(self, prompts: Sequence[ColumnPrompt], references: Sequence[str]) -> list[Likelihood | StudioError]:
        """How likely each reference is as the answer of its column. Waits until the models are loaded."""
        states = [ColumnState(a.column.name, "waiting") for a in prompts]
        places = [RoutedColumn(a) for a in prompts]
        for _ in self._router.route(places, states):
            pass
        results: list[Likelihood | StudioError] = [state.error or _cannot_read() for state in states]
        for reader, some in _by_reader(places):
            questions = [(subject, references[i]) for i in some if (subject := places[i].subject)]
            for i, reading in zip(some, _read(reader, questions, places[some[0]]), strict=True):
                results[i] = reading if isinstance(reading, StudioError) else _likelihood(reading)
        return results

    def ensure(self, model_name: str, precision: str = "auto") -> ChatClient:
        """A client of a worker that serves this model, which is started where there is none. Waits until it is loaded.

        Raises:
            NotFound: there is no such model.
            StudioError: it is not ready, or the worker cannot load it.
        """
        request = worker_request(ready_model(self._catalogue, model_name), precision)
        lease = self._router.workers.lease([request])[0]
        while (client := lease.place.client(lease.worker)) is None:
            time.sleep(POLL_SECONDS)
        return client

    def workers(self) -> Sequence[WorkerStatus]:
        """Of the base models that are in memory, or being loaded."""
        return self._router.workers.statuses()

    def status(self) -> WorkerStatus:
        """Of the first of them."""
        return next(iter(self.workers()), WorkerStatus("stopped"))

    def dismiss(self) -> bool:
        """Unloads the models where nobody is being answered; see ChatWorker.dismiss."""
        return self._router.workers.dismiss()

    def close(self) -> None:
        """Ends the chat workers that this server used."""
        self._router.workers.close()


def _chunks_in_a_frame(chunks: queue.SimpleQueue[tuple[int, Chunk | StudioError]]) -> Iterator[tuple[int, Any]]:
    end = time.monotonic() + FRAME
    while (remaining := end - time.monotonic()) > 0:
        try:
            yield chunks.get(timeout=remaining)
        except queue.Empty:
            return


def _compare_with_base(places: Sequence[RoutedColumn], states: list[ColumnState]) -> None:
    """Tells each token's probability, and for adapters that of the base for the very same tokens."""
    for at, place in enumerate(places):
        pieces = [[text, round(math.exp(log), 4), None, None] for _, text, log in place.tokens]
        states[at] = replace(states[at], pieces=pieces)
    for reader, some in _by_reader(places):
        indices = [i for i in some if states[i].state == "done" and places[i].tokens and places[i].prompt.column.shares]
        questions: list[tuple[ChatPrompt, Sequence[int]]] = []
        for i in indices:
            ids = [id for id, _, _ in places[i].tokens]
            subject = places[i].subject
            if subject is not None:
                questions += [(subject, ids), (replace(subject, adapters=()), ids)]
        read = _read(reader, questions, places[some[0]]) if questions else []
        for number, i in enumerate(indices):
            own, base = read[2 * number], read[2 * number + 1]
            if isinstance(own, TokenScores) and isinstance(base, TokenScores):
                states[i] = _with_base_tokens(states[i], own, base)


def _by_reader(places: Sequence[RoutedColumn]) -> Iterator[tuple[ChatClient, list[int]]]:
    """The places that each worker can read."""
    readers: list[ChatClient] = []
    for place in places:
        if place.subject is not None and place.reader is not None and place.reader not in readers:
            readers.append(place.reader)
    for reader in readers:
        yield reader, [i for i, place in enumerate(places) if place.reader is reader and place.subject is not None]


def _read(reader: ChatClient, questions: Any, place: RoutedColumn) -> list[TokenScores | StudioError]:
    try:
        return reader.read(questions)
    except StudioError as fault:
        return [place.explain(fault)] * len(questions)


def _with_base_tokens(state: ColumnState, own: TokenScores, base: TokenScores) -> ColumnState:
    pieces = []
    for piece, other, mine, bases in zip(
        state.pieces, base.log_probabilities, own.likeliest, base.likeliest, strict=True
    ):
        pieces.append([piece[0], piece[1], round(math.exp(other), 4), None if mine[0] == bases[0] else bases[1]])
    differences = [abs(a - b) for a, b in zip(own.log_probabilities, base.log_probabilities, strict=True)]
    return replace(state, pieces=pieces, effect=round(max(differences), 6))


def _likelihood(reading: TokenScores) -> Likelihood:
    count = len(reading.log_probabilities)
    return Likelihood(count, -sum(reading.log_probabilities) / count)


def _cannot_read() -> InvalidInput:
    return InvalidInput(
        "The other server does not report how likely a given answer is.",
        "Remove the server in Settings to measure it on this machine.",
    )
