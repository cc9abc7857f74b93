"""A running studio to which bad things happen, one after the other: is anything lost, does anything jam? Prints what
came of it as JSON.

    python -m tests.support.chaos.adversity MODEL ROUNDS SEED
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from studio.app import Studio
from studio.services.models.service import STARTER, STARTER_REFERENCE
from tests.support.chaos.client_requests import Asking, Outcome
from tests.support.chaos.expected_state import Holdings, check_rows, seeing
from tests.support.chaos.small_disk import fill, may_mount, small_disk
from tests.support.hostile_input import damaged_models, whole_model
from tests.support.hostile_templates import HOSTILE
from tests.support.studio_process import ROOT, Server, environment, studio
from tests.support.waiting import wait_for

FULL_DISK = "full disk"
KINDS = (
    "bad model", "bad template", FULL_DISK, "locked catalogue", "lost catalogue", "killed server", "killed worker",
    "aborted upload",
)  # fmt: skip
DISK = "64m"
MAY_FAIL = (FULL_DISK, "killed worker")  # what is taken in while that happens may fail in words; so may what nobody
# was told of that it was taken in
SECONDS = 240  # until what is good must be ready
LOCKED = 3  # seconds
FULL = 2, 6  # seconds, at least and at most
ROWS, MANY_ROWS, MANY_FILES = 40, 5_000, 4
DELETES, CLEANS, MODELS = 0.6, 0.25, 0.2  # chances: one is deleted, one gets a second version, a model is added


class Adversity:
    """`place` is a folder for all that is made, `disk` a small file system for the home, where there is one; `model`
    is a folder with a good model. `counts` says how often each thing happened."""

    def __init__(self, place: Path, model: Path, seed: int, disk: Path | None) -> None:
        self._disk = disk
        self._home = (disk or place) / "home"
        self._aside, self._model = place / "aside", model
        self._aside.mkdir()
        self._chance = random.Random(seed)
        self._number = 0
        self._rows: dict[str, int] = {}  # that were sent, by the dataset's name
        self._adds: dict[str, Future[Outcome]] = {}  # under way, by the dataset's name
        self._deletes: dict[str, Future[Outcome]] = {}
        self._models: dict[str, Future[Outcome]] = {}  # under way, by name
        self._bad: set[str] = set()  # names of models that are not good
        self._started: set[psutil.Process] = set()
        self._pool = ThreadPoolExecutor()
        self.holdings = Holdings(self._home)
        self.jammed: list[str] = []
        self.counts: Counter[str] = Counter()
        self._furnish()
        self._ask = self._serve()

    def rounds(self, count: int) -> None:
        """In each, one thing happens, of all kinds in turn, in an order drawn by chance."""
        kinds = [kind for kind in KINDS if self._disk or kind != FULL_DISK]
        waiting: list[str] = []
        self._recover("the start")
        for number in range(1, count + 1):
            waiting = waiting or self._chance.sample(kinds, len(kinds))
            what, begin = waiting.pop(), time.monotonic()
            self.counts[what] += 1
            try:
                getattr(self, "_" + what.replace(" ", "_"))()
                self._recover(what)
            except Exception as error:
                self._jam(f"everything: {type(error).__name__}: {error}", what)
                break
            sys.stderr.write(f"{number}. {what}: {time.monotonic() - begin:.1f} s\n")
        if self.jammed or self.holdings.lost:
            sys.stderr.write(self._ask.server.log.read_text()[-20_000:])

    def end(self) -> list[str]:
        """Ends the studio; gives the commands of its processes that are left over."""
        self._note_processes()
        self._ask.server.stop()
        self._pool.shutdown(cancel_futures=True)
        self._note_processes()
        _, left = psutil.wait_procs(self._started, timeout=10)
        commands = []
        for process in left:
            with suppress(psutil.NoSuchProcess):
                commands.append(" ".join(process.cmdline()))
                process.kill()
        return commands

    # what happens

    def _bad_model(self) -> None:
        name, content = self._chance.choice(list(damaged_models().values()))
        folder = whole_model(self._folder("bad"))
        (folder / name).write_bytes(content)
        self._add_models(folder)

    def _bad_template(self) -> None:
        folder = self._copied_model("bad")
        (folder / "chat_template.jinja").write_text(self._chance.choice(list(HOSTILE.values())))
        self._add_models(folder)

    def _add_models(self, bad: Path) -> None:
        self._begin(with_model=True)
        self._bad.add(bad.name)
        self._begin_model(bad)

    def _full_disk(self) -> None:
        """Once, or again and again: what the studio keeps back is taken away then, too."""
        assert self._disk is not None
        ballast, again = self._disk / "ballast", self._chance.random() < 0.5
        self._begin()
        self._wait(1)
        begin = time.monotonic()
        fill(ballast)
        while time.monotonic() < begin + (FULL[1] if self._is_busy() else FULL[0]):
            time.sleep(0.05)
            if again:
                fill(ballast)
        ballast.unlink()

    def _locked_catalogue(self) -> None:
        with closing(sqlite3.connect(self._home / "studio.db", isolation_level=None, timeout=30)) as database:
            database.execute("BEGIN IMMEDIATE")
            self._begin()
            if self._chance.random() < 0.5:
                self._begin_add(self._ask.add_by_impatient_command)
            time.sleep(LOCKED)
            database.execute("ROLLBACK")

    def _lost_catalogue(self) -> None:
        self._ask.server.stop()
        damaged = self._chance.random() < 0.3
        for file in self._home.glob("studio.db*"):
            if not damaged:
                file.unlink()
            elif file.name == "studio.db":
                file.write_bytes(b"x" * file.stat().st_size)
        if damaged or self._chance.random() < 0.5:
            done = studio(self._home, "doctor", "--repair")
            assert done.returncode == 0, done.stdout + done.stderr
            self._ask = self._serve()
            self._begin()
        else:
            self._ask = self._serve()
            self._begin(is_known=False)
            self._await(self._adds | self._models)  # the repair must leave alone what was added since
            told = json.loads(self._ask.server.call("home.repair"))
            assert told.get("left") == 0, told

    def _killed_server(self) -> None:
        self._begin()
        self._wait(1)
        for _ in range(MANY_FILES):
            self._begin_add(self._ask.add)
        self._wait(0.5)
        self._note_processes()
        self._ask.server.kill()
        self._await(self._adds | self._deletes | self._models)
        self._ask = self._serve()

    def _killed_worker(self) -> None:
        self._begin(MANY_ROWS)
        adding = next(iter(self._adds.values()))
        wait_for(lambda: self._workers() or adding.done(), seconds=SECONDS, what="a worker")
        self._wait(0.5)
        for process in self._workers():
            process.kill()

    def _aborted_upload(self) -> None:
        self._begin()
        place = urlsplit(self._ask.server.url)
        with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
            connection.sendall(
                b"PUT /uploads HTTP/1.1\r\nHost: %s\r\nContent-Length: 9999999\r\n\r\n" % place.netloc.encode()
                + bytes(1 << 20)
            )

    # what goes on meanwhile

    def _begin(self, rows: int = ROWS, *, is_known: bool = True, with_model: bool = False) -> None:
        """A dataset is added and now and then one is deleted, by the page or by a command; now and then a model is
        added, too."""
        self._begin_add(self._chance.choice((self._ask.add, self._ask.add_by_command)), rows)
        names = self.holdings.names()
        if is_known and len(names) > 1 and self._chance.random() < DELETES:
            ask = self._ask
            delete = self._chance.choice((ask.delete, ask.delete_by_command, ask.delete_by_impatient_command))
            name = self._chance.choice(names)
            self._deletes[name] = self._pool.submit(delete, name)
        if with_model or self._chance.random() < MODELS:
            self._begin_model(self._copied_model("good"))

    def _begin_add(self, add: Callable[[Path], Outcome], rows: int = ROWS) -> None:
        path = self._written(rows)
        self._adds[path.stem] = self._pool.submit(add, path)

    def _begin_model(self, folder: Path) -> None:
        self._models[folder.name] = self._pool.submit(self._ask.add_model, folder)

    def _is_busy(self) -> bool:
        return not all(future.done() for future in (*self._adds.values(), *self._deletes.values()))

    def _await(self, futures: dict[str, Future[Outcome]]) -> None:
        for future in futures.values():
            future.result(SECONDS)

    def _wait(self, most: float) -> None:
        time.sleep(self._chance.uniform(0, most))

    # what must come of it

    def _recover(self, after: str) -> None:
        with seeing(self._home) as seen:
            self._settle(seen, after)
            self._add_good(seen, after)
            self._note_processes()
            self.holdings.look(seen, after)

    def _settle(self, seen: Studio, after: str) -> None:
        """Everything that was under way comes to an end. What its end was is what those were told who had asked."""
        adds = {name: self._outcome(name, future, after) for name, future in self._adds.items()}
        deletes = {name: self._outcome(name, future, after) for name, future in self._deletes.items()}
        models = {name: self._outcome(name, future, after) for name, future in self._models.items()}
        self._adds, self._deletes, self._models = {}, {}, {}
        self._wait_until_read(seen, after)
        for name, outcome in adds.items():
            self._settle_add(seen, name, outcome, after)
        listed = {dataset.reference for dataset in seen.catalogue.datasets()}
        for name, outcome in deletes.items():
            if outcome or (outcome is None and not listed & self.holdings.of(name).keys()):
                self.holdings.forget(name)
            self.counts["delete" if outcome else "delete refused" if outcome is False else "delete broken off"] += 1
        for name, outcome in models.items():
            self._settle_model(seen, name, outcome, after)

    def _outcome(self, name: str, future: Future[Outcome], after: str) -> Outcome:
        try:
            outcome = future.result(SECONDS)
        except Exception as error:
            self._jam(f"{name}: {type(error).__name__}: {error}", after)
            return None
        if outcome is None and after != "killed server":
            self._jam(f"{name}: the server did not answer", after)
        return outcome

    def _wait_until_read(self, seen: Studio, after: str) -> None:
        def under_way() -> list[str]:
            models = [model.name for model in seen.catalogue.models() if model.status == "preparing"]
            return models + [dataset.reference for dataset in seen.catalogue.datasets("reading")]

        try:
            wait_for(lambda: not under_way(), seconds=SECONDS, what="the end of reading")
        except AssertionError:
            for name in under_way():
                self._jam(f"{name} is being read for ever", after)

    def _settle_add(self, seen: Studio, name: str, outcome: Outcome, after: str) -> None:
        dataset = next((d for d in seen.catalogue.datasets() if d.name == name), None)
        if dataset is None:
            if outcome:
                self.holdings.lost.append(f"{name}, which was taken in, is not there after {after}")
            return
        if outcome is False:
            self._jam(f"{name} was refused and is {dataset.status}: {dataset.problem}", after)
        if dataset.status == "ready":
            self._keep(seen, name, after)
            return
        if not (outcome is None or after in MAY_FAIL) or not dataset.problem:
            self._jam(f"{name} is {dataset.status}: {dataset.problem}", after)
        if not self._ask.delete(name):
            self._jam(f"{name} cannot be deleted", after)

    def _keep(self, seen: Studio, name: str, after: str) -> None:
        for dataset in seen.catalogue.dataset_versions(name):
            try:
                check_rows(dataset, self._rows)
            except AssertionError as error:
                self.holdings.lost.append(f"{error} after {after}")
            else:
                self.holdings.keep(dataset)

    def _settle_model(self, seen: Studio, name: str, outcome: Outcome, after: str) -> None:
        """One that is good and was disturbed is ready when it is added once more."""
        found = {model.name: model for model in seen.catalogue.models()}.get(name)
        if found is None and outcome:
            self.holdings.lost.append(f"{name}, which was taken in, is not there after {after}")
        if name in self._bad:
            if found and not self._ask.remove_model(name):
                self._jam(f"{name} cannot be removed", after)
            return
        is_told = found is None or (found.status == "failed" and bool(found.problem))
        if is_told and (outcome is None or after in MAY_FAIL):
            self._ask.add_model(self._aside / name)
            self._wait_until_read(seen, after)
            found = {model.name: model for model in seen.catalogue.models()}.get(name)
        if found and found.status == "ready" and not found.report.problems:
            self.holdings.models[name] = found.path
        else:
            words = f"{found.status}: {found.problem} {found.report}" if found else "not there"
            self._jam(f"{name}, which is good, is {words}", after)

    def _add_good(self, seen: Studio, after: str) -> None:
        path = self._written()
        outcome = self._ask.add(path)
        self._wait_until_read(seen, after)
        found = next((d for d in seen.catalogue.datasets() if d.name == path.stem), None)
        if not outcome or found is None or found.status != "ready":
            words = f"{found.status}: {found.problem}" if found else "not there"
            self._jam(f"{path.stem}, which is good, is {words}", after)
            return
        if self._chance.random() < CLEANS:
            self._ask.clean(path.stem)
            self._wait_until_read(seen, after)
        self._keep(seen, path.stem, after)

    def _jam(self, words: str, after: str) -> None:
        self.jammed.append(f"{words} after {after}")

    # what it takes

    def _furnish(self) -> None:
        """A home without the starter would fetch it."""
        with seeing(self._home) as built:
            folder = built.settings.folder("models") / f"{STARTER}-1"
            path = Path(shutil.copytree(self._model, folder / "model"))
            built.catalogue.add_model(
                name=STARTER, reference=STARTER_REFERENCE, source=STARTER, status="ready", path=str(path),
                folder=str(folder), chat_template=True,
            )  # fmt: skip
            self.holdings.models[STARTER] = str(path)

    def _serve(self) -> Asking:
        return Asking(self._home, Server(self._home), SECONDS)

    def _folder(self, name: str) -> Path:
        self._number += 1
        return self._aside / f"{name}-{self._number}"

    def _copied_model(self, name: str) -> Path:
        """Its weights are the same file."""
        copy = Path(shutil.copytree(self._model, self._folder(name), copy_function=os.link))
        (copy / "chat_template.jinja").unlink(missing_ok=True)
        shutil.copy(self._model / "chat_template.jinja", copy)
        return copy

    def _written(self, count: int = ROWS) -> Path:
        path = self._folder("rows").with_suffix(".jsonl")
        rows = ({"prompt": f"{self._number}: what is {i}?", "completion": f"It is {i}."} for i in range(count))
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self._rows[path.stem] = count
        return path

    def _note_processes(self) -> None:
        """All that the server has started, and what names the home."""
        if self._ask.server.process.poll() is None:
            self._started |= set(psutil.Process(self._ask.server.process.pid).children(recursive=True))
        self._started |= set(self._named())

    def _workers(self) -> list[psutil.Process]:
        return [process for process in self._named() if "studio.worker" in process.info["cmdline"]]

    def _named(self) -> list[psutil.Process]:
        return [
            process for process in psutil.process_iter(["cmdline"])
            if any(str(self._home) in part for part in process.info["cmdline"] or ())
        ]  # fmt: skip


def suffer(model: Path, rounds: int, seed: int) -> dict[str, Any]:
    """Runs this module in a process that may mount a small disk, where any may, and gives what it prints."""
    command = [sys.executable, "-m", __name__, str(model), str(rounds), str(seed)]
    done = subprocess.run(
        [*(may_mount() or ()), *command], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment(), check=True
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def main(model: str, rounds: str, seed: str) -> None:
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            disk: Path | None = stack.enter_context(small_disk(DISK))
        except (OSError, subprocess.CalledProcessError):
            disk = None
        adversity = Adversity(place, Path(model), int(seed), disk)
        try:
            adversity.rounds(int(rounds))
        finally:
            left = adversity.end()
    told = {
        "rounds": {kind: adversity.counts[kind] for kind in KINDS if disk or kind != FULL_DISK},
        "deletes": {name: adversity.counts[name] for name in ("delete", "delete refused", "delete broken off")},
        "left_out": [] if disk else [FULL_DISK],
        "lost": adversity.holdings.lost, "jammed": adversity.jammed, "left_files": adversity.holdings.left,
        "left_processes": left,
    }  # fmt: skip
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
