"""The studio as a person starts it: a process of its own, on a port of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS_TO_START = 300
# No test reaches out: a Hub on a closed port answers at once that it is not there.
OFFLINE = {"HF_ENDPOINT": "http://127.0.0.1:9", "PIP_NO_INDEX": "1"}


def environment(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "STUDIO_HOME", "STUDIO_LOGIN", "SPACE_ID"))}
    return kept | OFFLINE | {"PYTHONPATH": str(ROOT)} | more


def studio(home: Path, *arguments: str, seconds: float = 300, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs one `studio` command on the home to its end."""
    command = [sys.executable, "-m", "studio", *arguments, "--home", str(home)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds, env=environment(**more), check=False
    )


def studio_json(home: Path, *arguments: str, seconds: float = 300, **more: str) -> Any:
    """The JSON on the last line of a command that must succeed."""
    done = studio(home, *arguments, "--json", seconds=seconds, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Server:
    """A running `studio serve`."""

    program = "studio"

    def __init__(self, home: Path, *arguments: str, **more: str) -> None:
        command = [
            sys.executable,
            "-m",
            self.program,
            "serve",
            "--home",
            str(home),
            "--port",
            "0",
            "--no-browser",
            "--json",
        ]
        self.log = home.with_suffix(".log")
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*command, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, env=environment(**more)
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        self.url: str = json.loads(line)["url"]
        self._handlers: dict[str, int] = {}

    def call(self, handler: str, payload: Any = None) -> bytes:
        """What a page's handler answers, asked as its script does. Of a name that several have, the last page's; or
        that of `<view>.<name>`."""
        if not self._handlers:
            with urllib.request.urlopen(f"{self.url}/config", timeout=300) as answer:
                components = json.load(answer)["components"]
            for component in components:
                view = re.search(r'data-view="([^"]*)"', component["props"].get("html_template") or "")
                for function in component["props"].get("server_fns") or ():
                    name = function.removeprefix("do_")
                    self._handlers |= {name: component["id"]} | ({f"{view[1]}.{name}": component["id"]} if view else {})
        name = f"do_{handler.rpartition('.')[2]}"
        asked = {"session_hash": "tests", "component_id": self._handlers[handler], "fn_name": name}
        request = urllib.request.Request(
            f"{self.url}/gradio_api/component_server/",
            json.dumps({**asked, "data": payload}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.read()

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self._bury()

    def stop(self) -> int:
        """As Ctrl-C does; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self._bury()

    def _bury(self) -> int:
        code = self.process.wait(timeout=150)
        if self.process.stdout:
            self.process.stdout.close()
        return code


@contextmanager
def serving(home: Path, *arguments: str, **more: str) -> Iterator[Server]:
    server = Server(home, *arguments, **more)
    try:
        yield server
    finally:
        server.stop()
