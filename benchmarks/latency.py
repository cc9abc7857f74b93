"""How long an event of a page takes, with nothing else to do and while a run trains on the same cores.

    python benchmarks/latency.py --home DIR [--events 200] [--json]

The home must hold a ready starter model. The event is the one that the runs page asks for every second, sent over HTTP
as the page sends it. Prints the 50th and 95th percentile in ms, idle and training, and the ratio of the 95th.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TARGET = 3.0
DATASET = "latency-sample"
PAUSE = 0.05  # seconds between two events


def studio(home: Path, *arguments: str, check: bool = True) -> Any:
    command = [sys.executable, "-m", "studio", *arguments, "--home", str(home), "--json"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check).stdout
    return json.loads(said.splitlines()[-1])


def recorded(url: str) -> tuple[str, bytes, dict[str, str]]:
    """The runs page's question for its table, as a browser sends it: address, body, headers."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = os.environ.get("STUDIO_TEST_BROWSER") or shutil.which("chromium")
        options = {"executable_path": found} if found else {}
        browser = playwright.chromium.launch(args=["--no-sandbox", "--disable-gpu"], **options)
        page = browser.new_page()
        with page.expect_request(lambda request: "do_listing" in (request.post_data or ""), timeout=60_000) as caught:
            page.goto(f"{url}/runs")
        request = caught.value
        body, headers = request.post_data_buffer or b"", request.all_headers()
        browser.close()
    kept = {name: value for name, value in headers.items() if name in ("content-type", "cookie", "origin", "referer")}
    return request.url, body, kept


def events(asked: tuple[str, bytes, dict[str, str]], count: int) -> list[float]:
    """Milliseconds of each answer."""
    url, body, headers = asked
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            answer.read()
        times.append((time.perf_counter() - begin) * 1e3)
        time.sleep(PAUSE)
    return sorted(times)


def percentiles(times: list[float]) -> tuple[float, float]:
    return round(times[len(times) // 2], 2), round(times[int(len(times) * 0.95)], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home whose starter model is ready")
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    studio(arguments.home, "datasets", "add", "sample", "--name", DATASET)
    command = [sys.executable, "-m", "studio", "serve", "--port", "0", "--no-browser", "--json"]
    server = subprocess.Popen(
        [*command, "--home", str(arguments.home)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        asked = recorded(json.loads(server.stdout.readline())["url"])
        events(asked, 20)
        idle = percentiles(events(asked, arguments.events))
        print(f"idle      p50 {idle[0]:7.2f} ms   p95 {idle[1]:7.2f} ms")
        run = studio(
            arguments.home, "train", "--model", "starter", "--dataset", DATASET, "--name", f"latency-{time.time():.0f}",
            "--training.max_steps", "100000",
        )["id"]  # fmt: skip
        while studio(arguments.home, "runs", "show", str(run))["step"] < 2:
            time.sleep(1)
        training = percentiles(events(asked, arguments.events))
        print(f"training  p50 {training[0]:7.2f} ms   p95 {training[1]:7.2f} ms")
        studio(arguments.home, "runs", "discard", str(run))
        studio(arguments.home, "runs", "watch", str(run), check=False)
    finally:
        server.terminate()
        server.wait(30)
    studio(arguments.home, "datasets", "delete", DATASET)
    ratio = round(training[1] / idle[1], 2)
    print(f"p95 training / idle {ratio} (target: at most {TARGET})")
    if arguments.json:
        names = ("idle_p50_ms", "idle_p95_ms", "training_p50_ms", "training_p95_ms", "ratio")
        print(json.dumps(dict(zip(names, (*idle, *training, ratio), strict=True))))


if __name__ == "__main__":
    main()
