"""Request guard: known hosts, no cross-site writes, login, content policy."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.settings import Settings
from studio.ui.access.login_attempts import LoginAttempts
from studio.ui.access.sessions import Sessions
from studio.ui.access.sign_in import SignIn

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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


def content_policy(settings: Settings, nonce: str = "") -> str:
    """Nothing comes from outside. Gradio compiles its templates and our `js_on_load`, hence 'unsafe-eval'."""
    ancestors = "https://huggingface.co https://*.hf.space" if settings.space_id else "'self'"
    script = f"'self' 'unsafe-eval' 'nonce-{nonce}'" if nonce else "'self'"
    return (
        f"default-src 'self'; script-src {script}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        f"font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
        f"form-action 'self'; frame-ancestors {ancestors}"
    )


class Guard:
    """ASGI middleware: refuses what must not come in, and adds the security headers to what goes out."""

    def __init__(self, app: ASGIApp, settings: Settings, version: str = "") -> None:
        self.app = app
        self.hosts = allowed_hosts(settings)
        login = settings.login
        self.sign_in = SignIn(login, settings, version, LoginAttempts(), Sessions()) if login else None
        self.policy = content_policy(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks over one
            return await send({"type": "websocket.close", "code": 1008})
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Content-Security-Policy", self.policy)
            await send(message)

        answer: ASGIApp | None = self.refusal(scope)
        if answer is None and self.sign_in is not None and scope["path"] != HEALTH:
            answer = await self.sign_in.answer(Request(scope, receive))
        await (answer or self.app)(scope, receive, send_guarded)

    def refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if self.hosts is not None and host_name(headers.get("host", "")) not in self.hosts:
            return PlainTextResponse("The studio does not answer to this host name.\n", 421)
        if is_foreign_write(scope["method"], headers):
            return PlainTextResponse("Another site's page may not write here.\n", 403)
        return None
