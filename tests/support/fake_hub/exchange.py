"""A request on its way to its route, and the answer on its way back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.fake_hub.store import HubError, Repository

if TYPE_CHECKING:
    from tests.support.fake_hub.server import HubServer

_CHUNK = 1 << 20


@dataclass
class Answer:
    """`body`, or `size` bytes from `start` of the file `blob`."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    blob: Path | None = None
    start: int = 0
    size: int = 0

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Answer:
        body = json.dumps(value).encode()
        return cls(status, {"Content-Type": "application/json", **headers}, body, size=len(body))

    @classmethod
    def of(cls, refusal: HubError) -> Answer:
        reply = cls.json({"error": refusal.message, **refusal.body}, refusal.status, **refusal.headers)
        reply.headers["X-Error-Message"] = refusal.message
        if refusal.code:
            reply.headers["X-Error-Code"] = refusal.code
        return reply

    def parts(self) -> Iterator[bytes]:
        if self.blob is None:
            yield self.body
            return
        left = self.size
        with self.blob.open("rb") as file:
            file.seek(self.start)
            while left and (part := file.read(min(left, _CHUNK))):
                left -= len(part)
                yield part


@dataclass(frozen=True)
class Call:
    """A request on its way to its route. `token` is empty for nobody."""

    hub: HubServer
    method: str
    target: str
    token: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def user(self) -> str:
        """Raises HubError where the token is not known; empty for nobody."""
        if not self.token:
            return ""
        if self.token not in self.hub.tokens:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.hub.tokens[self.token]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def owns(self, namespace: str) -> bool:
        return bool(self.user) and (namespace == self.user or self.user in self.hub.organisations.get(namespace, ()))

    def readable(self, id: str) -> Repository:
        """Raises HubError where there is no such repository for this user."""
        repository = self.hub.store.repositories.get(id)
        if repository is None or (repository.private and not self.owns(repository.owner)):
            raise HubError(404 if self.user else 401, "Repository not found", "RepoNotFound")
        return repository

    def writable(self, id: str) -> Repository:
        repository = self.readable(id)
        self.check_write(id)
        return repository

    def check_write(self, id: str) -> None:
        if not self.user:
            raise HubError(401, "Invalid username or password.")
        namespace = id.split("/")[0]
        if self.token in self.hub.read_only or not self.owns(namespace):
            raise HubError(403, f'You don\'t have the rights to create a model under the namespace "{namespace}"')


Route = Callable[..., Answer]
_ROUTES: list[tuple[str, re.Pattern[str], Route]] = []


def route(methods: str, pattern: str) -> Callable[[Route], Route]:
    def register(function: Route) -> Route:
        _ROUTES.append((methods, re.compile(pattern), function))
        return function

    return register


def answer(call: Call) -> Answer:
    """What the hub says; its own mistakes are a 500 with their reason."""
    path = urlsplit(call.target).path
    try:
        with call.hub.lock:
            for methods, pattern, function in _ROUTES:
                if call.method in methods.split() and (match := pattern.fullmatch(path)):
                    return function(call, **{k: unquote(v) for k, v in match.groupdict("").items()})
        raise HubError(404, "Sorry, we can't find the page you are looking for.")
    except HubError as refusal:
        return Answer.of(refusal)
    except Exception as error:
        return Answer.of(HubError(500, f"{type(error).__name__}: {error}"))
