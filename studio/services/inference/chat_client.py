"""Client of a chat worker: the OpenAI chat protocol with extensions."""

from __future__ import annotations

import asyncio
import json
import queue
import secrets
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from studio.domain.chat.sampling import COMPARISON, Message, Sampling
from studio.domain.columns import BASE
from studio.domain.errors import StudioError
from studio.domain.secrecy import keep_secret
from studio.services.inference.server_sent_events import DONE, data_of

if TYPE_CHECKING:
    import httpx

ATTACH_SECONDS = 600.0  # a batch that is being written goes first
ANSWER_SECONDS = 600.0  # between two pieces of an answer
READINGS_AT_ONCE = 64


class WorkerGone(StudioError):
    """The worker does not answer any more."""


@dataclass(frozen=True)
class Chunk:
    """What is new of an answer, and its figures so far. `alone_reason` says why it shared no batch, `rows` with how
    many it did. `pieces` are the tokens that came with it: their ids, texts, and the logarithms of their
    probabilities."""

    text: str
    finish: str  # "", "stop" or "length"
    tokens: int
    tokens_per_second: float
    first_token_seconds: float
    alone_reason: str
    rows: int = 1
    seed: int | None = None
    pieces: tuple[tuple[int, str, float], ...] = ()


@dataclass(frozen=True)
class ChatPrompt:
    """Who is asked what. `adapters` are names of attached adapters with their strengths; none are the base."""

    adapters: Sequence[tuple[str, float]]
    messages: Sequence[Message]

    def body(self) -> dict[str, Any]:
        acting = [{"name": name, "strength": strength} for name, strength in self.adapters]
        return {
            "model": self.adapters[0][0] if self.adapters else BASE,
            "adapters": acting,
            "messages": [m.model_dump() for m in self.messages],
        }


class Answerer(Protocol):
    """Who can be asked: a chat worker, or a server that stands in for it."""

    def stream(self, question: ChatRequest) -> AsyncIterator[Chunk]:
        """The answer piece by piece. Whoever stops reading it also stops it being written. Raises StudioError."""
        ...


@dataclass(frozen=True)
class ChatRequest:
    """What one column asks `client`."""

    client: Answerer
    subject: ChatPrompt
    sampling: Sampling
    comparison: str = ""  # `id/size` of those that are asked together; see COMPARISON

    def body(self) -> dict[str, Any]:
        settings = self.sampling.model_dump(mode="json", exclude_none=True)
        return {**self.subject.body(), "stream": True, "logprobs": True, **settings}


@dataclass(frozen=True)
class TokenScores:
    """How likely each token of an answer is to a model: logarithms of probabilities, the texts of the tokens, and the
    token (id, text) that was likeliest there."""

    log_probabilities: Sequence[float]
    texts: Sequence[str]
    likeliest: Sequence[tuple[int, str]]


class ChatClient:
    def __init__(self, url: str, token: str) -> None:
        keep_secret(token)
        # No proxy of the environment: the worker is one of ours, and near.
        self._options: dict[str, Any] = {
            "base_url": url,
            "headers": {"Authorization": f"Bearer {token}"},
            "trust_env": False,
        }

    def is_alive(self) -> bool:
        try:
            return self._ask("GET", "/health", timeout=5.0).is_success
        except StudioError:
            return False

    def is_busy(self) -> bool:
        """Whether it is writing an answer, or is about to; also where it does not say."""
        try:
            return bool(self._ask("GET", "/health", timeout=2.0).json()["busy"])
        except (StudioError, ValueError, KeyError):
            return True

    def about(self) -> dict[str, Any]:
        """Of the base: its `precision`, its `context` in tokens, and whether its chat `template` is its own."""
        models: list[dict[str, Any]] = self._ask("GET", "/v1/models", timeout=30.0).json()["data"]
        return models[0]

    def read(self, subjects: Sequence[tuple[ChatPrompt, str | Sequence[int]]]) -> list[TokenScores | StudioError]:
        """How likely an answer is: in words, which then ends with the model's end token, or as token ids.

        Raises:
            WorkerGone: there is nobody to read it.
        """
        scores: list[TokenScores | StudioError] = []
        for begin in range(0, len(subjects), READINGS_AT_ONCE):
            part = subjects[begin : begin + READINGS_AT_ONCE]
            body = [
                subject.body() | ({"answer": reply} if isinstance(reply, str) else {"tokens": list(reply)})
                for subject, reply in part
            ]
            answer = self._ask("POST", "/v1/studio/readings", json={"readings": body}, timeout=ANSWER_SECONDS).json()
            scores += [_fault(each["error"]) if "error" in each else _reading(each) for each in answer["readings"]]
        return scores

    def attach(self, name: str, path: str) -> None:
        """Makes the adapter in the folder `path` answer to `name`; the same again costs nothing.

        Raises:
            StudioError: it does not fit the base, or its files are damaged.
            WorkerGone: there is nobody to attach it.
        """
        self._ask("POST", "/v1/adapters", json={"name": name, "path": path}, timeout=ATTACH_SECONDS)

    def detach(self, name: str) -> None:
        """Raises StudioError where no such adapter is attached; WorkerGone."""
        self._ask("DELETE", f"/v1/adapters/{quote(name, safe='')}", timeout=ATTACH_SECONDS)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        import httpx

        try:
            with httpx.Client(**self._options) as client:
                response = client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise _worker_gone() from error
        if response.is_error:
            raise _fault_in(response.content)
        return response

    async def stream(self, question: ChatRequest) -> AsyncIterator[Chunk]:
        """The answer piece by piece. Whoever stops reading it also stops it being written.

        Raises:
            StudioError: what the worker says against the question, or about the answer.
            WorkerGone: it ended before the answer did.
        """
        import httpx

        timeout = httpx.Timeout(10.0, read=ANSWER_SECONDS)
        try:
            async with (
                httpx.AsyncClient(**self._options, timeout=timeout) as client,
                client.stream(
                    "POST",
                    "/v1/chat/completions",
                    json=question.body(),
                    headers={COMPARISON: question.comparison},
                ) as response,
            ):
                if response.is_error:
                    raise _fault_in(await response.aread())
                async for data in data_of(response):
                    if data == DONE:
                        return
                    yield _chunk(data)
        except httpx.HTTPError as error:
            raise _worker_gone() from error
        raise _worker_gone()  # the stream ended without its end


@contextmanager
def answers(
    questions: Sequence[ChatRequest],
) -> Iterator[queue.SimpleQueue[tuple[int, Chunk | StudioError]]]:
    """Asks all at once. The queue gets each chunk, or what went wrong, with the question's index.

    Leaving the block ends all that are still being answered.
    """
    chunks: queue.SimpleQueue[tuple[int, Chunk | StudioError]] = queue.SimpleQueue()
    id, sizes = secrets.token_hex(8), Counter(question.client for question in questions)
    loop = asyncio.new_event_loop()

    async def follow(index: int, question: ChatRequest) -> None:
        try:
            together = replace(question, comparison=f"{id}/{sizes[question.client]}")
            async for chunk in question.client.stream(together):
                chunks.put((index, chunk))
        except StudioError as fault:
            chunks.put((index, fault))

    async def follow_all() -> None:
        await asyncio.gather(*(follow(i, q) for i, q in enumerate(questions)))

    task = loop.create_task(follow_all())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=run, name="answers", daemon=True)
    thread.start()
    try:
        yield chunks
    finally:
        with suppress(RuntimeError):  # it is over already
            loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _chunk(data: str) -> Chunk:
    value = json.loads(data)
    if "error" in value:
        raise _fault(value["error"])
    choice = value["choices"][0] if value.get("choices") else {}
    timings = value.get("timings") or {}
    return Chunk(
        text=choice.get("delta", {}).get("content") or "",
        finish=choice.get("finish_reason") or "",
        tokens=timings.get("tokens", 0),
        tokens_per_second=timings.get("tokens_per_second", 0.0),
        first_token_seconds=timings.get("first_token_seconds", 0.0),
        alone_reason=value.get("alone", ""),
        rows=timings.get("rows", 1),
        seed=value.get("seed"),
        pieces=tuple((t["id"], t["token"], t["logprob"]) for t in (choice.get("logprobs") or {}).get("content", ())),
    )


def _reading(value: dict[str, Any]) -> TokenScores:
    return TokenScores(value["logprobs"], value["tokens"], [(each["id"], each["text"]) for each in value["likeliest"]])


def _fault_in(body: bytes) -> StudioError:
    try:
        return _fault(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return StudioError("The chat worker's response cannot be read.", "See its log.")


def _fault(error: dict[str, Any]) -> StudioError:
    parts = error.get("studio")
    if parts:
        return StudioError.from_dict(parts)
    return StudioError(error.get("message") or "The model could not answer.")


def _worker_gone() -> WorkerGone:
    return WorkerGone(
        "The chat worker ended while it was answering; it may have run out of memory.",
        "Send the prompt again: it starts automatically.",
    )
