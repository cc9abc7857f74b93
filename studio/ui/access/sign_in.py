"""Sign-in: a page, a cookie, and HTTP Basic for programs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from urllib.parse import parse_qs, urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from studio.domain.translation import N_
from studio.settings import Login, Settings
from studio.ui.access.login_attempts import LoginAttempts
from studio.ui.access.sessions import LIFETIME, Sessions
from studio.ui.access.sign_in_page import sign_in_page
from studio.ui.language import COOKIE as LANGUAGE_COOKIE
from studio.ui.language import LANGUAGES, language_of
from studio.ui.shell import THEME_COOKIE

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
OPEN = re.compile(
    r"/static/(?:[0-9a-f]{12}/)?(?:styles/\w+\.css|icon\.svg|fonts/[\w-]+\.woff2)"
)  # what the page itself is made of
MAX_FORM_BYTES = 8192  # of a form
_NEXT = re.compile(r"[\w-]*(\?[\w=&.,:;~%*+()@/-]*)?", re.ASCII)  # a page of ours: no host, no other folder


class SignIn:
    """Lets in who has signed in, or whose program sends the login; answers all others itself."""

    def __init__(
        self, login: Login, settings: Settings, version: str, attempts: LoginAttempts, sessions: Sessions
    ) -> None:
        self._credentials_digest = _credentials(login.name, login.password)
        self._cookie = f"studio_session_{settings.port}"  # ports of one host share their cookies
        self._is_space = bool(settings.space_id)
        self._version = version
        self._attempts = attempts
        self._sessions = sessions

    async def answer(self, request: Request) -> Response | None:
        """None where the request may come in."""
        path, token = request.scope["path"], request.cookies.get(self._cookie, "")
        if path == SIGN_OUT and request.method == "POST":
            self._sessions.end(token)
            response = _see(request, SIGN_IN[1:])
            self._set_cookie(response, request, self._cookie, "", 0)
            return response
        signed_in = self._sessions.holds(token)
        if path == SIGN_IN:
            if request.method == "POST":
                return await self._try_login(request)
            return _see(request, _next(request.query_params.get("next"))) if signed_in else self._page(request)
        if signed_in or (OPEN.fullmatch(path) and request.method in ("GET", "HEAD")):
            return None
        return self._without_session(request)

    def _without_session(self, request: Request) -> Response | None:
        authorization = request.headers.get("authorization")
        if authorization is None:
            return _ask(request)
        if wait := self._verdict(request, _basic(authorization)):
            return _later(wait)
        return None if wait == 0 else _ask(request)

    def _verdict(self, request: Request, credentials: bytes) -> int | None:
        """0: they are right; None: they are wrong; else the seconds to wait, and which of both stays untold."""
        address = request.client.host if request.client else ""
        if wait := self._attempts.wait(address):
            return wait
        if hmac.compare_digest(credentials, self._credentials_digest):
            self._attempts.record_success(address)
            return 0
        self._attempts.record_failure(address)
        return None

    async def _try_login(self, request: Request) -> Response:
        body = bytearray()
        try:
            async for part in request.stream():
                body += part
                if len(body) > MAX_FORM_BYTES:
                    return PlainTextResponse("That is too much for a login.\n", 413)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        try:
            form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
        except ValueError:
            form = {}
        name, password, onward = (form.get(field, [""])[-1] for field in ("name", "password", "next"))
        wait = self._verdict(request, _credentials(name, password))
        if wait is None:
            return self._page(request, onward, 401, name, N_("Wrong name or password."))
        if wait:
            return self._page(
                request, onward, 429, name, N_("Too many failed attempts. Try again in {seconds} s."), wait
            )
        welcome = _see(request, _next(onward))
        self._set_cookie(welcome, request, self._cookie, self._sessions.begin(), LIFETIME)
        return welcome

    def _set_cookie(self, response: Response, request: Request, name: str, value: str, seconds: int) -> None:
        """A Space is a frame in another site's page, where only such a cookie is kept."""
        cookie = f"{name}={value}; Path=/; Max-Age={seconds}"
        if name == self._cookie:
            cookie += "; HttpOnly"
        if self._is_space:
            cookie += "; SameSite=None; Secure; Partitioned"
        else:
            cookie += "; SameSite=Lax" + ("; Secure" if request.url.scheme == "https" else "")
        response.headers.append("Set-Cookie", cookie)

    def _page(
        self,
        request: Request,
        onward: str | None = None,
        status: int = 200,
        name: str = "",
        problem: str = "",
        wait: int = 0,
    ) -> Response:
        language = request.query_params.get("language", "")
        html = sign_in_page(
            language=language if language in LANGUAGES else language_of(request),
            theme=request.cookies.get(THEME_COOKIE, ""),
            version=self._version,
            onward=_next(request.query_params.get("next") if onward is None else onward),
            name=name,
            problem=problem,
            wait=wait,
        )
        page = HTMLResponse(html, status, {"Cache-Control": "no-store"} | ({"Retry-After": str(wait)} if wait else {}))
        if language in LANGUAGES:
            self._set_cookie(page, request, LANGUAGE_COOKIE, language, 31536000)
        return page


def _see(request: Request, place: str) -> RedirectResponse:
    """Relative to what was asked for: a proxy may have put the studio into a folder."""
    up = "../" * (request.scope["path"].count("/") - 1) or "./"
    return RedirectResponse(up + place, 303, {"Cache-Control": "no-store"})


def _next(page: str | None) -> str:
    """The page to go on to, which cannot be another site's."""
    return page if page and _NEXT.fullmatch(page) and not page.startswith(SIGN_IN[1:]) else ""


def _ask(request: Request) -> Response:
    """A person gets the page. A program gets the status; only one that is no browser also a challenge, which would
    make a browser ask in a window of its own."""
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        query = f"?{request.url.query}" if request.url.query else ""
        return _see(request, f"{SIGN_IN[1:]}?{urlencode({'next': _next(request.scope['path'][1:] + query)})}")
    browser = "sec-fetch-mode" in request.headers or request.headers.get("user-agent", "").startswith("Mozilla/")
    challenge = "Session" if browser else 'Basic realm="Adapter Studio", charset="UTF-8"'
    return PlainTextResponse("Sign in.\n", 401, {"WWW-Authenticate": challenge, "Cache-Control": "no-store"})


def _later(wait: int) -> Response:
    return PlainTextResponse(f"Too many wrong answers. Try again in {wait} s.\n", 429, {"Retry-After": str(wait)})


def _credentials(name: str, password: str) -> bytes:
    """Of one length, whatever was entered: comparing takes the same time."""
    return hashlib.sha256(f"{name}:{password}".encode("utf-8", "replace")).digest()


def _basic(authorization: str) -> bytes:
    scheme, _, parameter = authorization.partition(" ")
    try:
        login = base64.b64decode(parameter, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        login = b""
    return hashlib.sha256(login).digest()
