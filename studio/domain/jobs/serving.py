"""The task `serve`."""

from __future__ import annotations

from pydantic import Field

from studio.domain.jobs.message import Message, Request


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
    """`idle_exit` is after how many seconds without a question the worker ends; port 0: one that is free."""

    model: ServedModel
    precision: str = "auto"
    idle_exit: float = 1800.0
    port: int = 0
    adapters: list[AdapterReference] = Field(default_factory=list)


class Endpoint(Message):
    """Where a chat worker listens on this machine, and the token that it asks for; `started` is its process's start
    time in seconds since the epoch."""

    port: int
    token: str
    pid: int
    started: float
