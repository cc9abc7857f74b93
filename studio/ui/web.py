"""The web application: static files, the pages in their frame, and Gradio behind them."""

from __future__ import annotations

import importlib
import json
import secrets
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from studio.settings import Settings, quiet_libraries

quiet_libraries()

import gradio as gr  # noqa: E402
from fastapi import FastAPI, Request  # noqa: E402
from fastapi.middleware.cors import CORSMiddleware  # noqa: E402
from fastapi.responses import JSONResponse, Response  # noqa: E402
from gradio.routes import App  # noqa: E402
from starlette.datastructures import MutableHeaders  # noqa: E402
from starlette.types import ASGIApp, Message, Receive, Scope, Send  # noqa: E402

from studio.ui.access.guard import HEALTH, Guard, content_policy  # noqa: E402
from studio.ui.access.request_body import RequestBody  # noqa: E402
from studio.ui.language import LANGUAGES, dictionary, language_of  # noqa: E402
from studio.ui.page import Page  # noqa: E402
from studio.ui.shell import (  # noqa: E402
    PRODUCT,
    THEME_COOKIE,
    THEMES,
    GradioParts,
    Heading,
    document,
)
from studio.ui.static_files import FOR_EVER, PACKAGE, STATIC, VersionedStatic, static_version  # noqa: E402
from studio.ui.theme import gradio_theme  # noqa: E402

SESSIONS_KEPT = 64  # A session costs 200 KB, and nothing of ours lives in one.

Now = Callable[[Request], dict[str, Any] | None]


def build_web(
    studio: Any, settings: Settings, now: Now | None = None, modules: dict[Page, ModuleType] | None = None
) -> FastAPI:
    """The application, ready for a server.

    Args:
        studio: handed to each page's `build(studio)`.
        now: what runs now, for the pill in the sidebar, or None: as services.runs.Runs.now gives it.
        modules: those of the pages; what is in studio/ui/pages where none are given.
    """
    modules = page_modules() if modules is None else modules
    demo = build_blocks(studio, modules)
    version = static_version()

    app = FastAPI(title=PRODUCT, docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", VersionedStatic(version))

    @app.get(HEALTH)
    async def health() -> dict[str, bool]:  # needs no thread: it answers also where all are taken
        return {"ok": True}

    @app.get("/now")
    def what_runs_now(request: Request) -> JSONResponse:
        return JSONResponse(now(request) if now else None, headers={"Cache-Control": "no-store"})

    @app.get("/text/{language}.js")
    def text(language: str) -> Response:
        entries = json.dumps(dictionary(language), ensure_ascii=False) if language in LANGUAGES else "{}"
        return Response(f"export default {entries};", media_type="text/javascript", headers={"Cache-Control": FOR_EVER})

    @app.post("/gradio_api/upload")
    def no_upload() -> Response:
        """Gradio's own way leads into a folder that the whole machine shares; see upload_route."""
        return Response(status_code=404)

    for module in modules.values():
        if hasattr(module, "routes"):
            module.routes(app, studio)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSR mode is not supported")  # Gradio says so even where it is off.
        gr.mount_gradio_app(
            app,
            demo,
            path="/",
            server_name=settings.host,
            server_port=settings.port,
            theme=gradio_theme(),
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            show_error=False,
            ssr_mode=False,
        )
    app.add_middleware(RequestBody, demo=demo)
    app.add_middleware(Frame, modules=modules, demo=demo, settings=settings, version=version)
    app.add_middleware(
        CORSMiddleware
    )  # Allows no other origin; and where there is one, Gradio leaves out its own, which does.
    app.add_middleware(Guard, settings=settings, version=version)
    return app


def page_modules() -> dict[Page, ModuleType]:
    """The pages, in the order of the navigation. Two files make one: `studio/ui/pages/<name>.py` with a `PAGE`, and
    `static/pages/<name>/index.js`, which draws it."""
    names = (info.name for info in iter_modules([str(PACKAGE / "ui" / "pages")]))
    modules = [importlib.import_module(f"studio.ui.pages.{name}") for name in names]
    pages = {module.PAGE: module for module in modules if hasattr(module, "PAGE")}
    return dict(sorted(pages.items(), key=lambda page: page[0].order))


def build_blocks(studio: Any, modules: dict[Page, ModuleType]) -> gr.Blocks:
    home = next((module for page, module in modules.items() if page.path == ""), None)
    with _no_app_for_each_page():
        with gr.Blocks(title=PRODUCT, fill_width=True, analytics_enabled=False) as demo:
            if home:
                home.build(studio)
        for page, module in modules.items():
            if module is not home:
                with demo.route(page.title, page.path):
                    module.build(studio)
    demo.state_session_capacity = SESSIONS_KEPT
    return demo


@contextmanager
def _no_app_for_each_page() -> Iterator[None]:
    """Whenever a page ends, Gradio makes an app of all pages so far, with its hundred routes. The one that is served is
    made when they are mounted; all others together cost a tenth of the start."""
    create_app = App.__dict__["create_app"]
    App.create_app = staticmethod(lambda *_, **__: None)
    try:
        yield
    finally:
        App.create_app = create_app


class Frame:
    """ASGI middleware: puts what Gradio answers for a page into our own document."""

    def __init__(
        self, app: ASGIApp, modules: dict[Page, ModuleType], demo: gr.Blocks, settings: Settings, version: str
    ) -> None:
        self.app, self.settings, self.version = app, settings, version
        self.pages = {f"/{page.path}": page for page in modules} or {"/": Page("home", PRODUCT, order=0, icon="")}
        self.headings = {
            page: Heading(getattr(module, "TITLE", page.title), getattr(module, "LEAD", ""))
            for page, module in modules.items()
        }
        self.skeletons = {page: skeleton_of(demo, page.path) for page in self.pages.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self.pages.get(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] != "GET" or page is None:
            return await self.app(scope, receive, send)
        scope = {**scope, "headers": [(k, v) for k, v in scope["headers"] if k != b"accept-encoding"]}
        start: Message = {}
        body = bytearray()

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            if message["type"] != "http.response.body":
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            headers = MutableHeaders(scope=start)
            if start["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
                nonce = secrets.token_urlsafe(16)
                content = self.frame(page, body.decode(), Request(scope), nonce).encode()
                body[:] = content
                headers["Content-Length"] = str(len(content))
                headers["Content-Security-Policy"] = content_policy(self.settings, nonce)
                headers["Cache-Control"] = "no-store"
            await send(start)
            await send({"type": "http.response.body", "body": bytes(body)})

        await self.app(scope, receive, send_framed)

    def frame(self, page: Page, html: str, request: Request, nonce: str) -> str:
        theme = request.cookies.get(THEME_COOKIE, "")
        folder = STATIC / "pages" / page.name
        return document(
            page,
            self.headings.get(page, Heading(page.title, "")),
            self.skeletons[page],
            GradioParts.of(html),
            pages=tuple(self.pages.values()),
            script=f"pages/{page.name}/index.js" if (folder / "index.js").is_file() else None,
            styles=tuple(file.relative_to(STATIC).as_posix() for file in sorted(folder.rglob("*.css"))),
            version=self.version,
            language=language_of(request),
            theme=theme if theme in THEMES else "system",
            nonce=nonce,
            can_sign_out=self.settings.login is not None,
        )


def skeleton_of(demo: gr.Blocks, path: str) -> str:
    """What the page's views look like before they are drawn."""
    blocks = (demo.blocks[number] for number in demo.config["page"][path]["components"])
    return "".join(
        block.html_template.replace("data-view=", "data-boot=") for block in blocks if isinstance(block, gr.HTML)
    )
