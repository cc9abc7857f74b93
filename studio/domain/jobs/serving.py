"""The task `serve`."""

from __future__ import annotations

from pydantic import Field

from studio.domain.jobs.message import Message, Request

LOOPBACK = "127.0.0.1"


class ServedModel(Message):
    """`batches` is what a check has found of which rows may share a batch."""

    name: str
    reference: str = ""
    path: str
    batches: dict[str, bool] | None = None


class AdapterReference(Message):
    name: str
    path: str


class ServeRequest(Request):
    """`idle_exit` is after how many seconds without a question the worker ends; `host` is the address that it listens
    on, where the server can reach it; port 0: one that is free."""

    model: ServedModel
    precision: str = "auto"
    idle_exit: float = 1800.0
    host: str = LOOPBACK
    port: int = 0
    adapters: list[AdapterReference] = Field(default_factory=list)


class Endpoint(Message):
    """Where a chat worker listens, and the token that it asks for; `started` is its process's start time in seconds
    since the epoch."""

    host: str = LOOPBACK
    port: int
    token: str
    pid: int
    started: float

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"
