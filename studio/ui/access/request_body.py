"""Limits on what is posted to Gradio's routes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
import orjson
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 32_000_000  # bytes; files go another way, which writes them to the disk as they come
API = "/gradio_api/"
UPLOAD = API + "upload"


class RequestBody:
    """ASGI middleware: answers what Gradio would fall over, and what nothing of the studio has a use for."""

    def __init__(self, app: ASGIApp, demo: gr.Blocks) -> None:
        self.app, self.demo = app, demo
        self.checks: Mapping[str, Callable[[Any], bool]] = {
            f"{API}component_server": self._is_handler,
            f"{API}queue/join": self._is_event,
            f"{API}cancel": lambda payload: isinstance(payload.get("fn_index"), int),
            f"{API}reset": lambda payload: isinstance(payload.get("event_id"), str),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").rstrip("/")
        is_write = scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if not is_write or not path.startswith(API) or path == UPLOAD:
            return await self.app(scope, receive, send)
        if path not in self.checks:
            return await PlainTextResponse("There is nothing here.\n", 404)(scope, receive, send)
        headers = Headers(scope=scope)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return await PlainTextResponse("Send JSON.\n", 415)(scope, receive, send)
        length = headers.get("content-length", "0")
        body = None if length.isdecimal() and len(length) < 19 and int(length) > MAX_BYTES else await _read(receive)
        if body is None:
            return await PlainTextResponse("That is too much.\n", 413, {"Connection": "close"})(scope, receive, send)
        try:
            payload = orjson.loads(body)
        except orjson.JSONDecodeError:
            return await PlainTextResponse("This is no JSON.\n", 400)(scope, receive, send)
        if not isinstance(payload, dict) or not isinstance(payload.get("session_hash", ""), str):
            return await PlainTextResponse("The studio does not understand this.\n", 400)(scope, receive, send)
        if not self.checks[path](payload):
            return await PlainTextResponse("There is nothing of that kind here.\n", 404)(scope, receive, send)
        waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def read_again() -> Message:
            return waiting.pop() if waiting else await receive()

        await self.app(scope, read_again, send)

    def _is_handler(self, payload: dict[str, Any]) -> bool:
        id, name = payload.get("component_id"), payload.get("fn_name")
        block = self.demo.blocks.get(id) if type(id) is int else None
        return isinstance(name, str) and "data" in payload and "session_hash" in payload and hasattr(block, name)

    def _is_event(self, payload: dict[str, Any]) -> bool:
        index = payload.get("fn_index")
        event = self.demo.fns.get(index) if type(index) is int else None
        fits = isinstance(payload.get("event_data"), dict) and isinstance(payload.get("data"), list)
        return event is not None and event.fn is not None and fits


async def _read(receive: Receive) -> bytes | None:
    """All of the body; None where it is too much."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BYTES:
            return None
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(body)
