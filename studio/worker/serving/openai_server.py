"""The chat worker as an HTTP server on this machine, with a bearer token."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from studio.domain.chat.sampling import COMPARISON
from studio.domain.chat.spans import target_turns
from studio.domain.chat.template_faults import TemplateRefusal
from studio.domain.columns import BASE
from studio.domain.errors import InvalidInput, StudioError
from studio.rendering.chat_template import Template
from studio.worker.decoding.sequence import Comparison, Delta, GeneratedSequence
from studio.worker.models import kind as model_kind
from studio.worker.models.load import LoadedModel
from studio.worker.serving.adapter_manager import AdapterManager
from studio.worker.serving.log_likelihood import Text
from studio.worker.serving.openai_protocol import (
    ChatRequest,
    ReadingRequest,
    ReadingsRequest,
    Reply,
    Subject,
    comparison_in,
    error_body,
    read_request,
    status_of,
)
from studio.worker.serving.scheduler import Scheduler
from studio.worker.serving.scoring import Scoring
from studio.worker.tokenization.chat_template import TurnEnd
from studio.worker.tokenization.load import renderer, token_ids


class ChatService:
    """One base model and its adapters, as an ASGI application (`app`)."""

    def __init__(
        self, base: LoadedModel, manager: AdapterManager, scheduler: Scheduler, *, name: str, token: str
    ) -> None:
        self._base = base
        self._manager = manager
        self._scheduler = scheduler
        self._name = name
        self._token = token
        self._context = context_of(base)
        self.last_request = time.monotonic()
        routes = [
            Route("/health", self._guard(self._health)),
            Route("/v1/models", self._guard(self._models)),
            Route("/v1/adapters", self._guard(self._attach), methods=["POST"]),
            Route("/v1/load_lora_adapter", self._guard(self._load), methods=["POST"]),
            Route("/v1/adapters/{name:path}", self._guard(self._detach), methods=["DELETE"]),
            Route("/v1/chat/completions", self._guard(self._chat), methods=["POST"]),
            Route("/v1/studio/readings", self._guard(self._read), methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    def _guard(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Asks for the token, and answers a StudioError in the protocol's form."""

        async def wrapper(request: Request) -> Response:
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not secrets.compare_digest(token.encode(), self._token.encode()):
                fault = InvalidInput(
                    "The token is missing or wrong.", "Send the token in endpoint.json as a bearer token."
                )
                return JSONResponse(error_body(fault, 401), 401)
            self.last_request = time.monotonic()
            try:
                return await handler(request)
            except StudioError as error:
                return JSONResponse(error_body(error, status_of(error)), status_of(error))

        return wrapper

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "busy": self._scheduler.is_busy})

    async def _models(self, request: Request) -> Response:
        common = {"object": "model", "created": 0, "owned_by": "studio"}
        adapters = [{"id": name, **common, "parent": BASE} for name in self._manager.names]
        base = {
            "id": BASE,
            **common,
            "root": self._name,
            "precision": self._base.precision,
            "context": self._context,
            "template": "own" if self._base.has_own_template else "added",
        }
        return JSONResponse({"object": "list", "data": [base, *adapters]})

    async def _attach(self, request: Request) -> Response:
        body = await _json(request)
        if not (isinstance(body, dict) and isinstance(body.get("name"), str) and isinstance(body.get("path"), str)):
            raise InvalidInput("An adapter needs a name and a path.", "Fix the request.")
        name = body["name"]
        await self._hold(name, Path(body["path"]))
        return JSONResponse({"name": name, "alone": self._manager.why_alone(((name, 1.0),))})

    async def _load(self, request: Request) -> Response:
        """The same in the words of vLLM's server."""
        body = await _json(request)
        if not (isinstance(body, dict) and all(isinstance(body.get(k), str) for k in ("lora_name", "lora_path"))):
            raise InvalidInput("An adapter needs lora_name and lora_path.", "Fix the request.")
        await self._hold(body["lora_name"], Path(body["lora_path"]))
        return JSONResponse({"name": body["lora_name"]})

    async def _hold(self, name: str, path: Path) -> None:
        if not self._manager.holds(name, path):
            await asyncio.wrap_future(self._scheduler.call(lambda: self._manager.add(name, path)))

    async def _detach(self, request: Request) -> Response:
        name = request.path_params["name"]
        await asyncio.wrap_future(self._scheduler.call(lambda: self._manager.remove(name)))
        return Response(status_code=204)

    async def _chat(self, request: Request) -> Response:
        comparison = comparison_in(request.headers.get(COMPARISON, ""))
        pieces: asyncio.Queue[Delta] = asyncio.Queue()
        try:
            chat_request = read_request(ChatRequest, await _json(request))
            answer = await self._answer(chat_request, pieces, comparison)
        except StudioError:
            self._scheduler.leave_out(comparison)
            raise
        reply = Reply(secrets.token_hex(12), chat_request, answer)
        if chat_request.stream:
            return StreamingResponse(self._stream(answer, pieces, reply), media_type="text/event-stream")
        whole = Delta()
        async with self._writing(answer):
            while not whole.finish:
                whole += await _next(pieces)
                if whole.error:
                    raise whole.error
                if await request.is_disconnected():
                    break
        return JSONResponse(reply.whole(whole))

    async def _answer(
        self, chat_request: ChatRequest, pieces: asyncio.Queue[Delta], comparison: Comparison | None
    ) -> GeneratedSequence:
        """Yet to be written, into `pieces`. Raises StudioError."""
        self._manager.check(chat_request.adapter_set)
        template, end = self._manager.template(chat_request.adapter_set)
        prompt = await asyncio.to_thread(self._prompt, chat_request, template)
        sampling = chat_request.sampling(self._room(prompt))
        loop = asyncio.get_running_loop()
        return GeneratedSequence(
            chat_request.adapter_set,
            prompt,
            sampling.model_copy(update={"stop": (*sampling.stop, *end.strings)}),
            tokenizer=self._base.tokenizer,
            ends=end.stops(self._base.model.generation_config, self._base.tokenizer),
            device=self._base.device,
            deliver=lambda piece: _deliver(loop, pieces, piece),
            comparison=comparison,
        )

    async def _stream(
        self, answer: GeneratedSequence, pieces: asyncio.Queue[Delta], reply: Reply
    ) -> AsyncIterator[str]:
        first = True
        async with self._writing(answer):
            while True:
                piece = await _next(pieces)
                if piece.error:
                    yield _event(error_body(piece.error, status_of(piece.error)))
                else:
                    yield _event(reply.chunk(piece, first=first))
                first = False
                if piece.error or piece.finish:
                    yield "data: [DONE]\n\n"
                    return

    async def _read(self, request: Request) -> Response:
        """How likely each of some answers is; what is wrong with one is its error."""
        readings = read_request(ReadingsRequest, await _json(request)).readings
        results: list[dict[str, Any]] = [{} for _ in readings]
        texts: dict[int, Text] = {}
        for place, reading in enumerate(readings):
            try:
                self._manager.check(reading.adapter_set)
                texts[place] = await asyncio.to_thread(
                    self._text, reading, *self._manager.template(reading.adapter_set)
                )
            except StudioError as fault:
                results[place] = error_body(fault, status_of(fault))
        adapter_sets = {place: readings[place].adapter_set for place in texts}
        read = Scoring(self._base, self._manager, self._scheduler.company, adapter_sets, texts)
        for place, value in (await asyncio.wrap_future(self._scheduler.call(read.all))).items():
            results[place] = error_body(value, status_of(value)) if isinstance(value, StudioError) else value
        self.last_request = time.monotonic()
        return JSONResponse({"readings": results})

    def _text(self, reading: ReadingRequest, template: str | None, end: TurnEnd) -> Text:
        prompt = self._prompt(reading, template)
        answer = self._target_ids(reading, template, end) if reading.tokens is None else reading.tokens
        vocabulary = self._base.model.config.get_text_config().vocab_size
        if not answer or not all(0 <= token < vocabulary for token in answer):
            raise InvalidInput("The answer has no tokens, or one that the model does not know.", "Fix the request.")
        if len(answer) > self._room(prompt):
            raise self._too_long(len(prompt) + len(answer))
        return prompt, answer

    @asynccontextmanager
    async def _writing(self, answer: GeneratedSequence) -> AsyncIterator[None]:
        """From here the answer is being written; whoever leaves early cancels it."""
        self._scheduler.submit(answer)
        try:
            yield
        finally:
            answer.cancel()
            self.last_request = time.monotonic()

    def _target_ids(self, reading: ReadingRequest, template: str | None, end: TurnEnd) -> list[int]:
        """The answer with its end, as training would teach it behind these messages."""
        render = self._render(reading, template)
        messages = [m.model_dump() for m in reading.messages]
        try:
            text, turns = target_turns([*messages, {"role": "assistant", "content": reading.answer}], render)
        except TemplateRefusal:  # a template that takes answers only of some kind
            turns = []
        if not (turns and turns[-1].span and turns[-1].follows_prompt):
            return [*self._encode(reading.answer), *end.target_ids]
        closing = [self._base.tokenizer.eos_token_id] if end.adds_end_token else []
        return [*self._encode(text[slice(*turns[-1].span)]), *closing]

    def _prompt(self, subject: Subject, template: str | None) -> list[int]:
        """The messages under the adapters' own chat template (else the base's). Takes as long as the template does.

        Raises InvalidInput where it does not take them, TemplateExceeds where it takes too much.
        """
        try:
            text = self._render(subject, template)([m.model_dump() for m in subject.messages], True)
        except TemplateRefusal as error:
            raise InvalidInput(
                "The model's chat template does not accept these messages: {reason}.",
                "Start with the user, alternate turns, and leave the system prompt empty if the model does not support "
                "one.",
                reason=error.values.get("reason", ""),
            ) from error
        return self._encode(text)

    def _render(self, subject: Subject, template: str | None) -> Template:
        owner = ", ".join(name for name, _ in subject.adapter_set) if template else self._name
        return renderer(self._base.tokenizer, template, name=owner)

    def _encode(self, text: str) -> list[int]:
        return token_ids(self._base.tokenizer, text)

    def _room(self, prompt: list[int]) -> int:
        """Tokens that the context still holds. Raises InvalidInput where there are none."""
        if len(prompt) >= self._context:
            raise self._too_long(len(prompt))
        return self._context - len(prompt)

    def _too_long(self, tokens: int) -> InvalidInput:
        return InvalidInput(
            "The conversation has {tokens} tokens, and the model reads at most {context}.",
            "Shorten it, or start a new one.",
            tokens=tokens,
            context=self._context,
        )


def context_of(base: LoadedModel) -> int:
    """Tokens that prompt and answer may have together."""
    return model_kind.context_of(base.model.config, base.model, min(int(base.tokenizer.model_max_length), 1 << 20))


async def _json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise InvalidInput("The request is not JSON.", "Fix the request.") from error


async def _next(pieces: asyncio.Queue[Delta]) -> Delta:
    """The next piece, together with all that follow it already."""
    piece = await pieces.get()
    while not (piece.finish or piece.error or pieces.empty()):
        piece += pieces.get_nowait()
    return piece


def _deliver(loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[Delta], piece: Delta) -> None:
    if not loop.is_closed():  # it is while the worker ends
        loop.call_soon_threadsafe(pieces.put_nowait, piece)


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
