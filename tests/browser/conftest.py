"""A page in a real Chromium."""

import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

STATIC = Path(__file__).parents[2] / "static"
# A page without the studio, from which a test imports the modules that it is about.
BARE = """<!doctype html><html lang="en"><head><script type="importmap">
{"imports": {"studio/text": "./text.js", "studio/": "./static/"}}
</script></head><body></body></html>"""
PATIENCE = 60_000  # milliseconds: behind much that is awaited, a worker starts and imports its libraries
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("STUDIO_TEST_BROWSER", "")
    assert path, "Run scripts/test, or set STUDIO_TEST_BROWSER to the path of a Chromium."
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor. Fails the test where the page's own scripts raised an error."""
    context = browser.new_context(viewport={"width": 1360, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def alone(page: Page) -> Page:
    """The page's modules without a server: `await import("studio/lib/dom.js")`."""

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/")
        if not path.startswith("static/"):
            texts = {"": (BARE, "text/html"), "text.js": ("export default {};", "text/javascript")}
            body, kind = texts[path]
            return route.fulfill(body=body, content_type=kind)
        file = STATIC / path.removeprefix("static/")
        return route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0])

    page.route("http://studio.test/**", answer)
    page.goto("http://studio.test/")
    return page
