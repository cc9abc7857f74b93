"""A studio of its own with a tiny model: real workers, a real catalogue, and ways to see whether anything was lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

from studio.app import Studio, build
from studio.domain.events import Resumed, Saved, Step
from studio.domain.spec.run_spec import read_spec
from studio.settings import read_settings
from studio.store.job_folder import JobFolder
from studio.store.tables.runs import Run
from tests.support.training_jobs import all_events, captain_rows, write_rows
from tests.support.workers import process_of

SECONDS = 240
ROWS = 30
TRAINING = {
    "max_length": 64, "per_device_train_batch_size": 2, "save_steps": 4, "eval_steps": 1000, "learning_rate": 1e-3,
}  # fmt: skip


class Bed:
    """`studio` is opened in this process; whoever wants a server starts one on `home` and only looks here."""

    def __init__(self, home: Path, model: Path) -> None:
        self.home = home
        self.studio: Studio = build(read_settings({}, home=home))
        catalogue = self.studio.catalogue
        if not catalogue.models():
            catalogue.add_model(
                name="tiny", reference="tiny", source="folder", status="ready", path=str(model), chat_template=True
            )
            rows = write_rows(home / "rows.arrow", captain_rows(ROWS))
            catalogue.add_dataset(
                name="rows", format="chat", sha256="ab" * 32, file_name="rows.jsonl", path=str(rows),
                rows_path=str(rows), rows=ROWS, size=rows.stat().st_size, details={}, status="ready",
            )  # fmt: skip

    def submit(
        self,
        name: str,
        steps: int,
        *,
        resumes: int = 100,
        watch: dict[str, Any] | None = None,
        lora: dict[str, Any] | None = None,
        **more: Any,
    ) -> int:
        spec = read_spec(
            {
                "model": {"name": "tiny", "precision": "fp32"},
                "data": {"name": "rows"},
                "lora": {"r": 4, "lora_dropout": 0.1} | (lora or {}),
                "training": TRAINING | {"max_steps": steps} | more,
                "watch": {"automatic_resumes": resumes, "samples": 0} | (watch or {}),
            }
        )
        return self.studio.runs.submit(spec, name)

    def run(self, id: int) -> Run:
        return self.studio.runs.get(id)

    def folder(self, id: int) -> JobFolder:
        return JobFolder(self.home / "runs" / str(id))

    def tick_until(self, seen: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
        """What it saw; ticks meanwhile, as a server does."""
        deadline = time.monotonic() + seconds
        while True:
            self.studio.dispatcher.tick()
            if found := seen():
                return found
            assert time.monotonic() < deadline, f"still waiting for {what}"
            time.sleep(0.01)

    def tick_until_over(self, id: int) -> Run:
        return self.tick_until(lambda: (r := self.run(id)).ended_at and r.status != "queued" and r, f"the end of {id}")

    def worker(self, id: int) -> psutil.Process:
        """The worker of the run's present attempt."""
        return process_of(self.run(id).worker)

    def steps_now(self, id: int) -> list[int]:
        """Those that the present attempt has told of."""
        run = self.run(id)
        if not run.worker:
            return []
        return [e.step for e in self.folder(id).read(run.attempt_offset)[0] if isinstance(e, Step)]

    def curve(self, id: int) -> dict[int, float]:
        """Step → loss; fails where a step stands twice."""
        steps = [m for m in self.studio.runs.metrics(id) if m["kind"] == "step"]
        found = {m["step"]: m["loss"] for m in steps}
        assert len(found) == len(steps)
        return found

    def check_whole(self, id: int, steps: int) -> None:
        """Every step is there once, in the run's folder nothing of a checkpoint was lost, and the database is sound."""
        assert list(self.curve(id)) == list(range(1, steps + 1))
        newest = 0
        for event in all_events(self.folder(id)):
            if isinstance(event, Saved):
                newest = event.step
            elif isinstance(event, Resumed):
                assert event.step >= newest, "a whole checkpoint was passed over"
        with closing(sqlite3.connect(self.home / "studio.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def close(self) -> None:
        self.studio.close()
        for process in psutil.process_iter(["cmdline"]):
            if any(str(self.home) in part for part in process.info["cmdline"] or ()):
                process.kill()


@contextmanager
def opened(home: Path, model: Path) -> Iterator[Bed]:
    home.mkdir(parents=True, exist_ok=True)
    bed = Bed(home, model)
    try:
        yield bed
    finally:
        bed.close()
