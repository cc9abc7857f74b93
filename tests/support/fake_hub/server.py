"""A small hub on this machine that speaks to the real client: accounts, repositories, commits, LFS, downloads.

It listens on a free port of 127.0.0.1. Faults can be ordered, and every request is recorded without its secrets.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.fake_hub import routes  # noqa: F401  registers them
from tests.support.fake_hub.exchange import Answer, Call, answer
from tests.support.fake_hub.store import HubError, Repository, Store


@dataclass
class Request:
    """A recorded request. `status` is 0 where the connection was dropped, or as long as it is not answered."""

    method: str
    path: str
    user: str
    status: int = 0


@dataclass
class Fault:
    pattern: re.Pattern[str]
    left: int
    refusal: HubError | None  # None: the connection is closed
    after_work: bool = False


class HubServer:
    """`tokens` gives the user of each token; a token in `read_only` may not write.

    A namespace belongs to the user of that name, and to the members of the organisation of that name.
    """

    def __init__(
        self,
        folder: Path,
        tokens: Mapping[str, str],
        *,
        read_only: Sequence[str] = (),
        organisations: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.store = Store(folder)
        self.tokens = dict(tokens)
        self.read_only = frozenset(read_only)
        self.organisations = {name: tuple(members) for name, members in (organisations or {}).items()}
        self.requests: list[Request] = []
        self.targets: list[str] = []  # with their queries
        self.lock = threading.RLock()
        self._faults: list[Fault] = []
        self._listener = _Listener(self)
        self.endpoint = f"http://127.0.0.1:{self._listener.server_port}"
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), name="hub")

    def start(self) -> HubServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        """No connection and no thread is left afterwards."""
        self._listener.shutdown()
        self._thread.join()
        self._listener.close_connections()
        self._listener.server_close()

    # what a test sees

    def repository(self, id: str) -> Repository:
        """Raises HubError (404) where there is none."""
        return self.store.find(id)

    def count(self, pattern: str) -> int:
        """How many requests there were whose "METHOD /path" the pattern is found in."""
        return sum(bool(re.search(pattern, f"{r.method} {r.path}")) for r in self.requests)

    # what a test orders

    def add_repository(
        self, id: str, files: Mapping[str, bytes] | Path, *, private: bool = False, gated: bool = False,
        downloads: int = 0, likes: int = 0, tags: Sequence[str] = (),
    ) -> Repository:  # fmt: skip
        """A repository that was there before, with one commit of these files, or of a folder's."""
        if isinstance(files, Path):
            files = {str(f.relative_to(files)): f.read_bytes() for f in files.rglob("*") if f.is_file()}
        with self.lock:
            repository = self.store.create(id, private=private)
            repository.gated, repository.tags = gated, tuple(tags)
            repository.downloads, repository.likes = downloads, likes
            kept = {path: self.store.keep(path, content) for path, content in files.items()}
            repository.commit("Add files", {**repository.head.files, **kept})
        return repository

    def fail_next(
        self, pattern: str, status: int, *, times: int = 1, message: str = "", code: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """The next requests whose "METHOD /path" the pattern is found in get this status, and nothing is done."""
        refusal = HubError(status, message or f"Ordered failure {status}", code)
        refusal.headers.update(headers or {})
        self._faults.append(Fault(re.compile(pattern), times, refusal))

    def drop_next(self, pattern: str, *, times: int = 1, after_work: bool = False) -> None:
        """The next such requests get no answer: the connection is closed.

        `after_work`: what was asked is done first, so that only the answer is lost.
        """
        self._faults.append(Fault(re.compile(pattern), times, None, after_work))

    def take_fault(self, request: Request) -> Fault | None:
        with self.lock:
            for fault in self._faults:
                if fault.left and fault.pattern.search(f"{request.method} {request.path}"):
                    fault.left -= 1
                    return fault
        return None


class _Listener(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, hub: HubServer) -> None:
        self.hub = hub
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may hang up when they like; what else goes wrong answers 500 with its reason."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the acknowledgement of its head

    def _serve(self) -> None:
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        request = Request(self.command, path, hub.tokens.get(token, ""))
        with hub.lock:
            hub.requests.append(request)
            hub.targets.append(self.path)
        fault = hub.take_fault(request)
        if fault and not fault.refusal and not fault.after_work:
            self.close_connection = True
            return
        call = Call(hub, self.command, self.path, token, self.headers, self._body())
        reply = Answer.of(fault.refusal) if fault and fault.refusal else answer(call)
        if fault and fault.after_work:
            self.close_connection = True
            return
        request.status = reply.status
        self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _send(self, reply: Answer) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(reply.size))
        self.end_headers()
        if self.command != "HEAD":
            for part in reply.parts():
                self.wfile.write(part)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running_hub(folder: Path, tokens: Mapping[str, str], **options: Any) -> Iterator[HubServer]:
    hub = HubServer(folder, tokens, **options).start()
    try:
        yield hub
    finally:
        hub.stop()
