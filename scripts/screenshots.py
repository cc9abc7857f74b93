"""Takes a picture of every page of a running studio; see scripts/screenshots."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
LOOKS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1360, "height": 860}},
    "narrow": {"viewport": {"width": 390, "height": 844}, "is_mobile": True},
    "dark": {"viewport": {"width": 1360, "height": 860}, "color_scheme": "dark"},
    "zh": {"viewport": {"width": 1360, "height": 860}, "locale": "zh-CN"},
}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def chromium() -> str | None:
    named = os.environ.get("STUDIO_TEST_BROWSER")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def details(home: str | None) -> list[str]:
    """The page of the newest run and that of the newest adapter, where there are any."""
    found = []
    for noun, page, key in (("runs", "runs?id=", "id"), ("adapters", "adapters?name=", "name")):
        command = [sys.executable, "-m", "studio", noun, "list", "--json", *(["--home", home] if home else [])]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        found += [f"{page}{row[key]}" for row in json.loads(listed)[:1]]
    return found


def pages_of(browser: Browser, url: str) -> list[str]:
    """The paths of the pages in the navigation."""
    page = browser.new_page()
    page.goto(url)
    found = page.locator("nav.nav a").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
    page.close()
    return [path.removeprefix("./") for path in found]


def take(browser: Browser, url: str, page_path: str, look: str, out: Path) -> None:
    context = browser.new_context(**LOOKS[look])
    page = context.new_page()
    page.goto(f"{url}/{page_path}")
    page.locator(".view:not([aria-busy])").first.wait_for(timeout=20_000)
    page.wait_for_load_state("networkidle")
    name = page_path.replace("?", "-").replace("=", "-") or "home"
    path = out / f"{name}-{look}.png"
    page.screenshot(path=path, full_page=True)
    print(path)
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", help="pages by their path (default: all)")
    parser.add_argument("--home", help="the studio's home (default: the usual one)")
    parser.add_argument("--url", help="take them of a studio that runs already")
    parser.add_argument("--out", type=Path, default=ROOT / "screenshots")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    server = None
    url = arguments.url
    if not url:
        command = [sys.executable, "-m", "studio", "serve", "--port", "0", "--no-browser", "--json"]
        server = subprocess.Popen(
            [*command, *(["--home", arguments.home] if arguments.home else [])],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
            for path in arguments.pages or [*pages_of(browser, url), *details(arguments.home)]:
                for look in LOOKS:
                    take(browser, url, path, look, arguments.out)
            browser.close()
    finally:
        if server:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main()
