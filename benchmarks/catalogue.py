"""What the dispatcher's tick and the runs pages cost with many finished runs and many figures in the catalogue.

    python benchmarks/catalogue.py [--runs 10000] [--metrics 1000000] [--json]

Fills a scratch catalogue, then times, with one run in training and a few waiting: a tick, a page of the runs table, a
search, a whole curve, and what a page that follows a run reads each second. Prints median and 99th percentile in ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

from studio.app import Studio, build
from studio.domain.events import Started, Step
from studio.domain.jobs.ingest import DatasetReference
from studio.domain.jobs.models import ModelReference
from studio.domain.jobs.training import TrainRequest
from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import read_spec
from studio.settings import read_settings
from studio.store.job_folder import JobFolder
from studio.store.tables.runs import Metric, Run, Transition
from tests.support.workers import handle_of

TARGET_MS = 5.0
LONG_CURVE = 50_000  # steps of one of the runs
WAITING = 5
BATCH = 20_000


def fill(studio: Studio, runs: int, metrics: int) -> int:
    """Finished runs with their figures, one of them with a long curve; returns that one's id."""
    studio.catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(studio.settings.home))
    studio.catalogue.add_dataset(
        name="rows", format="chat", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=100, size=1,
        details={}, status="ready",
    )  # fmt: skip
    spec = read_spec({"model": {"name": "m"}, "data": {"name": "rows"}}).model_dump(mode="json")
    now = time.time()
    with studio.catalogue.engine.begin() as connection:
        for start in range(0, runs, BATCH):
            ids = range(start + 1, min(runs, start + BATCH) + 1)
            connection.execute(
                insert(Run),
                [
                    {"id": i, "name": f"run-{i}", "status": "finished", "spec": spec, "model_id": 1, "dataset_id": 1,
                     "model_name": "m", "dataset_name": "rows", "step": 100, "total_steps": 100, "position": i,
                     "created_at": now - i, "started_at": now - i, "ended_at": now - i}
                    for i in ids
                ],
            )  # fmt: skip
            connection.execute(
                insert(Transition),
                [{"run_id": i, "at": now, "status": s, "reason": "", "values": {}} for i in ids for s in RunStatus][
                    : BATCH * 4
                ],
            )
        each = max(1, (metrics - LONG_CURVE) // runs)
        rows = [(1, n) for n in range(LONG_CURVE)] + [(i, n) for i in range(2, runs + 1) for n in range(each)]
        for start in range(0, len(rows), BATCH):
            connection.execute(
                insert(Metric),
                [
                    {"run_id": i, "kind": "step", "step": n, "seq": n * 150, "at": now, "loss": 2 / (n + 1), "memory": 1,
                     "learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 50.0}
                    for i, n in rows[start : start + BATCH]
                ],
            )  # fmt: skip
    return 1


def one_in_training(studio: Studio) -> JobFolder:
    """A run whose worker is this process, so that each tick looks after it, and a few that wait behind it."""
    spec = read_spec({"model": {"name": "m"}, "data": {"name": "rows"}})
    ids = [studio.runs.submit(spec, f"now-{n}") for n in range(1 + WAITING)]
    folder = JobFolder(studio.settings.folder("runs") / str(ids[0]))
    folder.prepare(
        TrainRequest(
            run=ids[0], name="now", spec=spec, model=ModelReference(name="m"),
            dataset=DatasetReference(name="rows", sha256=""), adapter="",
        )
    )  # fmt: skip
    studio.catalogue.change_run(ids[0], RunStatus.STARTING, folder=str(folder.path), placed_on="cpu")
    import psutil

    studio.catalogue.change_run(ids[0], worker=handle_of(psutil.Process()))
    folder.append(
        Started(
            total_steps=10**6,
            trainable=1,
            parameters=2,
            device="cpu",
            precision="fp32",
            train_rows=1,
            eval_rows=0,
            tokens_per_epoch=1,
            versions={},
        )
    )
    return folder


def timed(
    work: Callable[[], object], rounds: int, before: Callable[[int], object] = lambda _: None
) -> dict[str, float]:
    times = []
    for number in range(rounds):
        before(number)
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return {"median_ms": round(statistics.median(times), 3), "p99_ms": round(sorted(times)[int(len(times) * 0.99)], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--metrics", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        studio = build(read_settings({}, home=Path(scratch) / "home"))
        begin = time.perf_counter()
        long = fill(studio, arguments.runs, arguments.metrics)
        print(f"{arguments.runs} runs and {arguments.metrics} figures written in {time.perf_counter() - begin:.1f} s")
        folder = one_in_training(studio)

        def says(number: int) -> None:
            folder.append(Step(step=number + 1, epoch=0.1, loss=1.0, learning_rate=1e-4))

        newest = studio.catalogue.newest_seq(long)
        result = {
            "tick": timed(studio.dispatcher.tick, arguments.rounds, says),
            "tick_nothing_new": timed(studio.dispatcher.tick, arguments.rounds),
            "runs_page": timed(lambda: studio.catalogue.runs_page(), arguments.rounds),
            "runs_last_page": timed(lambda: studio.catalogue.runs_page(offset=arguments.runs - 50), arguments.rounds),
            "runs_search": timed(lambda: studio.catalogue.runs_page(search="run-77"), arguments.rounds),
            "follow": timed(lambda: studio.runs.metrics(long, after=newest), arguments.rounds),
            "curve": timed(lambda: studio.runs.curve(long), 20),
        }
        points = len(studio.runs.curve(long)[0])
        studio.close()
    for name, times in result.items():
        print(f"{name:<18} median {times['median_ms']:8.3f} ms   p99 {times['p99_ms']:8.3f} ms")
    print(f"a curve of {LONG_CURVE} steps is drawn with {points} points; target for a tick: {TARGET_MS} ms")
    if arguments.json:
        print(json.dumps({**{f"{k}_{m}": v for k, t in result.items() for m, v in t.items()}, "curve_points": points}))


if __name__ == "__main__":
    main()
