"""Client of a server that speaks the OpenAI chat protocol and serves a base model and adapters by name.

The protocol: https://platform.openai.com/docs/api-reference/chat. How vLLM tells of adapters (`root`, `parent`) and
takes new ones: https://docs.vllm.ai/en/stable/features/lora.html.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from studio.domain.chat.sampling import Sampling
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.domain.secrecy import MaskedPieces, keep_secret, mask_secrets, mask_words
from studio.domain.translation import N_
from studio.services.inference.chat_client import ANSWER_SECONDS, ATTACH_SECONDS, ChatRequest, Chunk
from studio.services.inference.server_sent_events import DONE, data_of

_REMEDY = N_("Check that server's log, or remove the server in Settings to answer on this machine.")
_MAX_LISTED = 8  # names in an error


@dataclass(frozen=True)
class Served:
    """A model of the server. `root` is what it was loaded from; `parent` the base of an adapter, else empty."""

    id: str
    root: str = ""
    parent: str = ""


@dataclass(frozen=True)
class ServedModels:
    models: Sequence[Served]

    def base(self, names: Sequence[str], server: Server) -> Served:
        """The model that goes by one of these names. Raises InvalidInput where there is none."""
        for model in self.models:
            if not model.parent and (model.id in names or model.root in names):
                return model
        raise InvalidInput(
            "The server {url} has no model {name}; it has {models}.",
            "Start it with that base model, or under that name (vLLM: --served-model-name {name}).",
            url=server.url,
            name=names[0],
            models=_list_names(model.id for model in self.models if not model.parent),
        )

    def adapter(self, base: Served, name: str, path: str) -> Served | None:
        for model in self.models:
            if model.id != base.id and model.parent in ("", base.id) and (model.id == name or model.root == path):
                return model
        return None


@dataclass(frozen=True)
class Server:
    """`url` ends in /v1; `key` is sent as a bearer token, if there is one."""

    url: str
    key: str

    def __post_init__(self) -> None:
        keep_secret(self.key)

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def models(self) -> ServedModels:
        """Raises StudioError: it cannot be reached, refuses the key, or tells of no models."""
        body = self._ask("GET", "/models", timeout=15.0)
        try:
            return ServedModels(
                [Served(m["id"], m.get("root") or "", m.get("parent") or "") for m in json.loads(body)["data"]]
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StudioError(
                "The server at {url} does not list its models as the OpenAI protocol specifies.",
                "Check the address in Settings.",
                url=self.url,
            ) from error

    def adapter(self, models: ServedModels, base: Served, name: str, path: str) -> str:
        """The name under which it has the adapter in the folder `path`. A server on this machine is asked to load one
        that it does not have; any other could not see the folder.

        Raises:
            StudioError: it does not have it.
        """
        if (entry := models.adapter(base, name, path)) is not None:
            return entry.id
        if _is_here(self.url):
            try:
                self._ask(
                    "POST", "/load_lora_adapter", json={"lora_name": name, "lora_path": path}, timeout=ATTACH_SECONDS
                )
                return name
            except _Refused as refusal:
                if refusal.status not in (404, 405):
                    raise
        raise InvalidInput(
            "The server {url} does not have the adapter “{name}”; it has {models}.",
            "Load it there under this name (vLLM: --lora-modules), or remove the server in Settings.",
            url=self.url,
            name=name,
            models=_list_names(model.id for model in models.models if model.id != base.id),
        )

    def client(self, id: str) -> OpenAIClient:
        return OpenAIClient(self, id)

    def options(self) -> dict[str, Any]:
        """Of httpx's clients."""
        return {"headers": {"Authorization": f"Bearer {self.key}"} if self.key else {}}

    def unreachable(self, error: Exception) -> StudioError:
        return StudioError(
            "The server {url} cannot be reached: {reason}.",
            "Start it, or remove it in Settings to answer on this machine.",
            url=self.url,
            reason=str(error).rstrip(".") or type(error).__name__,
        )

    def refusal(self, status: int, body: bytes) -> StudioError:
        if status in (401, 403):
            return _Refused(status, "The server {url} rejected the key.", N_("Fix the key in Settings."), url=self.url)
        reason = _words(body) or f"HTTP {status}"
        return _Refused(status, "The server {url} replied: {reason}", _REMEDY, url=self.url, reason=reason)

    def _ask(self, method: str, path: str, **options: Any) -> bytes:
        import httpx

        try:
            with httpx.Client(**self.options()) as client:
                response = client.request(method, self.url + path, **options)
        except httpx.HTTPError as error:
            raise self.unreachable(error) from error
        if not response.is_success:
            raise self.refusal(response.status_code, response.content)
        return response.content


class _Refused(StudioError):
    def __init__(self, status: int, problem: str, remedy: str, **values: Any) -> None:
        super().__init__(problem, remedy, **values)
        self.status = status


class OpenAIClient:
    """Asks the model that the server calls `id`."""

    def __init__(self, server: Server, id: str) -> None:
        self._server = server
        self._id = id

    async def stream(self, question: ChatRequest) -> AsyncIterator[Chunk]:
        """The answer piece by piece; figures are taken here, where the pieces arrive.

        Raises:
            StudioError: the server cannot be reached, refuses, or breaks off.
        """
        import httpx

        timeout = httpx.Timeout(15.0, read=ANSWER_SECONDS)
        progress, pieces = _Progress(question.sampling.seed), MaskedPieces()
        try:
            async with (
                httpx.AsyncClient(**self._server.options(), timeout=timeout) as client,
                client.stream("POST", f"{self._server.url}/chat/completions", json=self._body(question)) as response,
            ):
                if not response.is_success:
                    raise self._server.refusal(response.status_code, await response.aread())
                async for data in data_of(response):
                    if data == DONE:
                        break
                    chunk = progress.chunk(self._read(data))
                    yield replace(chunk, text=pieces.feed(chunk.text))
        except httpx.HTTPError as error:
            raise self._server.unreachable(error) from error
        if not progress.finish:
            raise StudioError("The server {url} stopped in the middle of the answer.", _REMEDY, url=self._server.url)
        yield replace(progress.end(), text=pieces.end())

    def _body(self, question: ChatRequest) -> dict[str, Any]:
        return {
            "model": self._id,
            "messages": [message.model_dump() for message in question.subject.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "logprobs": True,
            **_protocol_fields(question.sampling),
        }

    def _read(self, data: str) -> dict[str, Any]:
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise StudioError("The server {url} sent a response that cannot be read.", _REMEDY, url=self._server.url)
        if "error" in value:
            raise self._server.refusal(500, data.encode())
        return value


class _Progress:
    """The figures of an answer so far."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed
        self._began = time.monotonic()
        self._first = 0.0  # when the first token came
        self._tokens = 0
        self.finish = ""

    def chunk(self, value: dict[str, Any]) -> Chunk:
        """What came. Its end is told by `end`, since how many tokens there were may come after it."""
        choice: dict[str, Any] = next(iter(value.get("choices") or []), {})
        text = (choice.get("delta") or {}).get("content") or ""
        logprobs = (choice.get("logprobs") or {}).get("content") or []
        if (text or logprobs) and not self._first:
            self._first = time.monotonic()
        self._tokens = (value.get("usage") or {}).get("completion_tokens") or self._tokens + len(logprobs)
        if reason := choice.get("finish_reason"):
            self.finish = "length" if reason == "length" else "stop"
        return self._chunk(text, "", tuple((-1, mask_secrets(t["token"]), t["logprob"]) for t in logprobs))

    def end(self) -> Chunk:
        return self._chunk("", self.finish, ())

    def _chunk(self, text: str, finish: str, pieces: tuple[tuple[int, str, float], ...]) -> Chunk:
        since = time.monotonic() - self._first
        return Chunk(
            text=text,
            finish=finish,
            tokens=self._tokens,
            tokens_per_second=(self._tokens - 1) / since if self._tokens > 1 and since > 0 else 0.0,
            first_token_seconds=self._first - self._began if self._first else 0.0,
            alone_reason="",
            seed=self._seed,
            pieces=pieces,
        )


def _protocol_fields(sampling: Sampling) -> dict[str, Any]:
    settings = sampling.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in settings.items() if name != "stop" or value}


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(body: bytes) -> str:
    """What the server says is wrong, in any of the forms that such servers have for it."""
    try:
        value = json.loads(body)
    except ValueError:
        return cut(mask_words(body.decode("utf-8", "replace").strip()), 300)
    for _ in range(2):
        if isinstance(value, dict):
            value = value.get("error") or value.get("message") or value.get("detail") or ""
    return cut(mask_words(value if isinstance(value, str) else json.dumps(value)), 300)


def _list_names(names: Iterable[str]) -> str:
    all_names = list(names)
    return ", ".join(all_names[:_MAX_LISTED]) + (" …" if len(all_names) > _MAX_LISTED else "") or "none"
