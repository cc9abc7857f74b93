"""How much memory the web process takes while many clients ask for everything.

    python benchmarks/memory.py [--requests 10000] [--clients 50] [--json]

A real server on a home of its own with a dataset. Each client opens pages, their files and what runs now, calls the
pages' handlers in a session of its own, and follows a stream; after some requests it is another visitor. Prints the
resident memory of the server in MB before, at its highest and after, and the requests per second.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[1]
TARGET = 350  # MB
# What only reads, and the arguments that it needs.
HANDLERS: dict[str, dict[str, Any]] = {
    "state": {}, "listing": {}, "models": {}, "used": {}, "overview": {}, "options": {}, "prompt_sets": {},
    "conversations": {}, "votes_history": {}, "look": {"name": "rows"}, "rows": {"name": "rows"},
    "problems": {"name": "rows"},
}  # fmt: skip
VISIT = 40  # requests of one visitor
LOOK = 0.1  # seconds between two looks at the memory


class Site:
    """What can be asked of the server."""

    def __init__(self, url: str) -> None:
        self.url = url
        configuration = httpx.get(f"{url}/config", timeout=60).json()
        self.handlers = [
            (component["id"], name)
            for component in configuration["components"]
            for name in component["props"].get("server_fns") or ()
            if name.removeprefix("do_") in HANDLERS
        ]
        self.stream, self.stream_of = next(
            (event["id"], event["targets"][0][0]) for event in configuration["dependencies"] if event["outputs"]
        )
        home = httpx.get(url).text
        self.pages = re.findall(r'<a href="\./(\w*)"[^>]*><svg', home)
        texts = (httpx.get(f"{url}/{page}").text for page in self.pages)
        found = (re.findall(r'(?:src|href)="\./(static/[^"]+)"', text) for text in texts)
        self.files = sorted(set(itertools.chain(*found)))


class Client:
    """Asks one thing after the other, by chance; which, the seed says."""

    def __init__(self, site: Site, number: int) -> None:
        self.site, self.chance, self.visits, self.failures = site, random.Random(number), 0, 0
        self.name = f"client{number}"

    async def work(self, left: list[int]) -> None:
        async with httpx.AsyncClient(base_url=self.site.url, timeout=120, trust_env=False) as http:
            while left[0] > 0:
                self.visits += 1
                for _ in range(VISIT):
                    if left[0] <= 0:
                        break
                    left[0] -= 1
                    self.failures += not await self.ask(http, f"{self.name}-{self.visits}")

    async def ask(self, http: httpx.AsyncClient, session: str) -> bool:
        match self.chance.choices(("page", "file", "handler", "now", "stream"), (20, 25, 35, 18, 2))[0]:
            case "page":
                answer = await http.get(f"/{self.chance.choice(self.site.pages)}")
            case "file":
                answer = await http.get("/" + self.chance.choice(self.site.files))
            case "now":
                answer = await http.get("/now")
            case "handler":
                component, name = self.chance.choice(self.site.handlers)
                asked = {"session_hash": session, "component_id": component, "fn_name": name}
                payload = HANDLERS[name.removeprefix("do_")]
                answer = await http.post("/gradio_api/component_server/", json={**asked, "data": payload})
            case _:
                return await self.follow(http, session)
        return answer.status_code == 200

    async def follow(self, http: httpx.AsyncClient, session: str) -> bool:
        """A stream to its end; what it is asked for is not there, which it says."""
        asked = {"session_hash": session, "fn_index": self.site.stream, "trigger_id": self.site.stream_of, "data": []}
        column = {"column": {"model": "nobody"}, "messages": [{"role": "user", "content": "Who are you?"}]}
        event = {"call": 1, "columns": [column], "sampling": {}}
        joined = await http.post("/gradio_api/queue/join", json={**asked, "event_data": event})
        if joined.status_code != 200:
            return False
        async with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as answer:
            async for line in answer.aiter_lines():
                if "close_stream" in line:
                    return True
        return False


async def run(site: Site, server: psutil.Process, requests: int, clients: int) -> dict[str, float]:
    begin = peak = megabytes(server)
    left, since = [requests], time.perf_counter()
    crowd = [Client(site, number) for number in range(clients)]
    work = asyncio.gather(*(client.work(left) for client in crowd))
    while not work.done():
        await asyncio.wait([work], timeout=LOOK)
        peak = max(peak, megabytes(server))
    await work
    seconds = time.perf_counter() - since
    return {
        "start_mb": begin, "peak_mb": peak, "end_mb": megabytes(server), "requests": requests, "clients": clients,
        "requests_per_second": round(requests / seconds, 1), "failures": sum(client.failures for client in crowd),
    }  # fmt: skip


def megabytes(server: psutil.Process) -> float:
    return round(server.memory_info().rss / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        rows = Path(folder) / "rows.jsonl"
        said = ({"prompt": f"Question {n}?", "completion": f"Answer {n}. " * 20} for n in range(500))
        rows.write_text("".join(json.dumps(row) + "\n" for row in said), "utf-8")
        studio = [sys.executable, "-m", "studio"]
        subprocess.run(
            [*studio, "datasets", "add", str(rows), "--name", "rows", "--home", str(home)],
            cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        command = [*studio, "serve", "--port", "0", "--no-browser", "--json", "--home", str(home)]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert server.stdout is not None
            site = Site(json.loads(server.stdout.readline())["url"])
            figures = asyncio.run(run(site, psutil.Process(server.pid), arguments.requests, arguments.clients))
        finally:
            server.terminate()
            server.wait(30)
    print("  ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items()))
    print(f"end {figures['end_mb']} MB (target: at most {TARGET})")
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
