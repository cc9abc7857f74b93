"""A running studio to which bad things happen, one after the other: is anything lost, does anything jam?"""

from __future__ import annotations

import json
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.faults.bed import opened
from tests.hostile import damaged_models, whole_model
from tests.hostile_templates import HOSTILE
from tests.served import Server, environment, studio, studio_json

SECONDS = 180  # until what is good must be ready
LOCKED = 3  # seconds
ROWS = 40
Told = dict[str, tuple[Any, ...]]


class Adversity:
    """`model` is a folder with a good model. `counts` says how often each thing happened."""

    def __init__(self, home: Path, model: Path, seed: int) -> None:
        self._home, self._model = home, model
        self._aside = home.with_name("aside")
        self._aside.mkdir()
        self._chance = random.Random(seed)
        with opened(home, model):  # a home without a model fetches one
            pass
        self._server = Server(home)
        self._kept: Told = {}
        self._number = 0
        self.lost: set[str] = set()
        self.jammed: list[str] = []
        self.counts: Counter[str] = Counter()

    def rounds(self, count: int) -> None:
        """In each, one thing happens, of all kinds in turn, in an order drawn by chance."""
        waiting: list[str] = []
        kinds = ["bad model", "bad template", "locked catalogue", "lost catalogue", "killed server", "killed worker",
                 "aborted upload"]  # fmt: skip
        self._add_dataset("before")
        for _ in range(count):
            waiting = waiting or self._chance.sample(kinds, len(kinds))
            what = waiting.pop()
            self.counts[what] += 1
            sys.stderr.write(f"{sum(self.counts.values())}. {what}\n")
            getattr(self, "_" + what.replace(" ", "_"))()
            self._add_dataset(what)
            if what in ("bad model", "bad template"):
                self._add_model(what)
            self._look()

    def end(self) -> int:
        """Ends the studio; gives how many of its processes are left over."""
        self._server.stop()
        time.sleep(2)  # workers that end by themselves
        left = self._processes()
        for process in left:
            process.kill()
        return len(left)

    # what happens

    def _bad_model(self) -> None:
        name, content = self._chance.choice(list(damaged_models().values()))
        folder = whole_model(self._folder())
        (folder / name).write_bytes(content)
        studio(self._home, "models", "add", str(folder))

    def _bad_template(self) -> None:
        folder = self._copied_model()
        (folder / "chat_template.jinja").write_text(self._chance.choice(list(HOSTILE.values())))
        studio(self._home, "models", "add", str(folder))

    def _locked_catalogue(self) -> None:
        adding = self._adding(self._rows())
        with closing(sqlite3.connect(self._home / "studio.db", isolation_level=None, timeout=30)) as database:
            database.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED)
            database.execute("ROLLBACK")
        adding.wait(SECONDS)

    def _lost_catalogue(self) -> None:
        self._server.stop()
        for file in self._home.glob("studio.db*"):
            file.unlink()
        studio_json(self._home, "doctor", "--repair")
        self._server = Server(self._home)

    def _killed_server(self) -> None:
        adding = self._adding(self._rows())
        time.sleep(self._chance.uniform(0, 3))
        self._server.kill()
        adding.wait(SECONDS)
        self._server = Server(self._home)

    def _killed_worker(self) -> None:
        adding = self._adding(self._rows(5_000))
        while adding.poll() is None:
            for process in self._processes():
                if "studio.worker" in process.info["cmdline"]:
                    process.kill()
            time.sleep(0.05)

    def _aborted_upload(self) -> None:
        place = urlsplit(self._server.url)
        with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
            connection.sendall(
                b"PUT /uploads HTTP/1.1\r\nHost: %s\r\nContent-Length: 99999999\r\n\r\n" % place.netloc.encode()
                + bytes(1 << 20)
            )

    # what must come of it

    def _add_dataset(self, after: str) -> None:
        rows = self._rows()
        try:
            studio_json(self._home, "datasets", "add", str(rows), seconds=SECONDS)
            told = self._told()[rows.stem]
            if told[:2] != ("ready", ROWS):
                raise AssertionError(told)
            self._kept[rows.stem] = told
        except (AssertionError, LookupError, subprocess.TimeoutExpired) as error:
            self.jammed.append(f"a dataset after {after}: {str(error)[-300:]}")

    def _add_model(self, after: str) -> None:
        try:
            studio_json(self._home, "models", "add", str(self._copied_model()), seconds=SECONDS)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            self.jammed.append(f"a model after {after}: {str(error)[-300:]}")

    def _look(self) -> None:
        told = self._told()
        self.lost |= {name for name, was in self._kept.items() if told.get(name) != was}

    def _told(self) -> Told:
        listed = studio_json(self._home, "datasets", "list")
        return {row["name"]: (row["status"], row["rows"], row["sha256"]) for row in listed}

    # what it takes

    def _folder(self) -> Path:
        self._number += 1
        return self._aside / f"model-{self._number}"

    def _copied_model(self) -> Path:
        return Path(shutil.copytree(self._model, self._folder()))

    def _rows(self, count: int = ROWS) -> Path:
        self._number += 1
        path = self._aside / f"rows-{self._number}.jsonl"
        rows = ({"prompt": f"{self._number}: what is {i}?", "completion": f"It is {i}."} for i in range(count))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def _adding(self, rows: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "studio", "datasets", "add", str(rows), "--home", str(self._home)]
        return subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _processes(self) -> list[psutil.Process]:
        return [
            process for process in psutil.process_iter(["cmdline"])
            if any(str(self._home) in part for part in process.info["cmdline"] or ())
        ]  # fmt: skip
