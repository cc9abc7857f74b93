"""Who may speak to the studio: known hosts, no foreign writes, a login where one is set, and a policy for the page."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.settings import Login, Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
ATTEMPTS, ATTEMPT_SECONDS = 10, 300
HEALTH = "/healthz"


def allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """Host names that the page may be asked for under; None is any, where a login or a Space's own gate keeps the door.

    Refusing the others keeps a foreign page from reaching a local studio under a name of its own (DNS rebinding).
    """
    if settings.space_id or settings.host in ("0.0.0.0", "::"):
        return None
    return LOOPBACK | {settings.host.lower()}


def host_name(host_header: str) -> str:
    """The name in a Host header, without its port and the brackets of IPv6."""
    try:
        return urlsplit(f"//{host_header}").hostname or ""
    except ValueError:
        return ""


def is_foreign_write(method: str, headers: Headers) -> bool:
    """Whether a browser sends this write on behalf of another site's page."""
    if method in SAFE_METHODS:
        return False
    if headers.get("sec-fetch-site") == "cross-site":
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    ours = {_authority(f"//{headers.get(name, '')}") for name in ("host", "x-forwarded-host")}
    return _authority(origin) not in ours - {""}


def _authority(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    return f"{parts.hostname or ''}{'' if port in (None, 80, 443) else f':{port}'}"


class Doorman:
    """Asks for the login, and lets nobody guess for long."""

    def __init__(self, login: Login, now: Callable[[], float] = time.monotonic) -> None:
        self._expected = f"{login.name}:{login.password}".encode()
        self._now = now
        self._failures: dict[str, list[float]] = {}

    def verdict(self, address: str, authorization: str | None) -> int:
        """200 come in, 401 say who you are, 429 too many wrong answers from this address."""
        since = self._now() - ATTEMPT_SECONDS
        failures = [moment for moment in self._failures.pop(address, []) if moment > since]
        verdict = 401
        if len(failures) >= ATTEMPTS:
            verdict = 429
        elif authorization is not None and hmac.compare_digest(_credentials(authorization), self._expected):
            return 200
        elif authorization is not None:
            failures.append(self._now())
        if failures:
            self._failures[address] = failures
        return verdict


def _credentials(authorization: str) -> bytes:
    scheme, _, encoded = authorization.partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        return b""


def content_policy(settings: Settings, nonce: str = "") -> str:
    """Nothing comes from outside. Gradio compiles its templates and our `js_on_load`, hence 'unsafe-eval'."""
    ancestors = "https://huggingface.co https://*.hf.space" if settings.space_id else "'self'"
    script = f"'self' 'unsafe-eval' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'self'; script-src {script}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        f"font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors {ancestors}"
    )


class Guard:
    """ASGI middleware: refuses what must not come in, and adds the security headers to what goes out."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = allowed_hosts(settings)
        self.doorman = Doorman(settings.login) if settings.login else None
        self.policy = content_policy(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Content-Security-Policy", self.policy)
            await send(message)

        await (self.refusal(scope) or self.app)(scope, receive, send_guarded)

    def refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if self.hosts is not None and host_name(headers.get("host", "")) not in self.hosts:
            return PlainTextResponse("The studio does not answer to this host name.\n", 421)
        if is_foreign_write(scope["method"], headers):
            return PlainTextResponse("Another site's page may not write here.\n", 403)
        if self.doorman is None or scope["path"] == HEALTH:
            return None
        address = scope["client"][0] if scope.get("client") else ""
        match self.doorman.verdict(address, headers.get("authorization")):
            case 401:
                return PlainTextResponse(
                    "Sign in.\n", 401, {"WWW-Authenticate": 'Basic realm="Adapter Studio", charset="UTF-8"'}
                )
            case 429:
                return PlainTextResponse(
                    "Too many wrong answers. Wait five minutes.\n", 429, {"Retry-After": str(ATTEMPT_SECONDS)}
                )
        return None
