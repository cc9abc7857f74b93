"""Many tiny runs with workers killed at random, and a server to which bad things happen: is anything lost or left over?

    python benchmarks/soak.py [--runs 200] [--kills 0.2] [--adversity 24] [--seed 1] [--json] --model DIR

Each run trains a few steps of a tiny random model with the starter's tokenizer, in a worker of its own, so 200 of them
take about half an hour on two cores. `--kills` is the chance that a run's worker is killed (again) at a moment of its
life.

`--adversity` is the number of rounds with a server of its own, about ten seconds each on two cores. In each round one
thing happens while a dataset is added, and now and then one is deleted or a model is added, by the page or by a
command: a damaged model, a hostile chat template, a disk without a byte left, a locked or a lost catalogue, a killed
server or worker, an upload that breaks off. Afterwards all that was there must be there with the same rows, what was
deleted must be gone, what was refused must be whole, and something new that is good must become ready. The full disk is
a file system of its own, which takes root or a user namespace; where none can be mounted, the result names it under
`adversity_left_out`.

Prints runs, kills, rounds by what happened, deletes, and what must be 0: `lost` runs, datasets and models; `jammed`,
which is all that does not become what it must; processes and files that are left over. What they are stands in lines of
their own.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.chaos.adversity import suffer
from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.workers import pid_of, process_of

STEPS = 4


def soak(bed: Bed, runs: int, chance_of_kill: float, seed: int) -> dict[str, Any]:
    """Submits all at once and drives the queue to its end."""
    chance = random.Random(seed)
    ids = [bed.submit(f"soak-{n}", STEPS, save_steps=2) for n in range(runs)]
    me = psutil.Process()
    bed.studio.dispatcher.tick()
    files = me.num_fds()
    fate: dict[tuple[int, int], float | None] = {}  # when the worker of a run's attempt is killed
    kills = 0
    while open_runs := list(bed.studio.catalogue.runs_with_worker()) + list(bed.studio.run_control.queue()):
        bed.studio.dispatcher.tick()
        for run in open_runs:
            if not run.worker:
                continue
            key = (run.id, run.attempt)
            if key not in fate:
                fate[key] = time.monotonic() + chance.uniform(0, 7) if chance.random() < chance_of_kill else None
            due = fate[key]
            if due is not None and time.monotonic() > due and psutil.pid_exists(pid_of(run.worker)):
                process_of(run.worker).kill()
                kills, fate[key] = kills + 1, None
        time.sleep(0.05)
    psutil.wait_procs(me.children(), timeout=30)  # the last one has said its last word, and is still ending
    bed.studio.dispatcher.tick()
    left = {"leaked_processes": len(me.children(recursive=True)), "leaked_files": max(0, me.num_fds() - files)}
    lost = [id for id in ids if bed.run(id).status != "finished" or list(bed.curve(id)) != list(range(1, STEPS + 1))]
    for run in map(bed.run, lost):
        print(f"{run.name} is lost: {run.status}, {run.problem or 'without all its steps'}")
    with closing(sqlite3.connect(bed.home / "studio.db")) as database:
        (sound,) = database.execute("PRAGMA integrity_check").fetchone()
    return {
        "runs": runs,
        "kills": kills,
        "lost": len(lost),
        **left,
        "database_ok": int(sound == "ok"),
    }


def suffered(result: dict[str, Any], model: Path, rounds: int, seed: int) -> dict[str, Any]:
    """The result with what came of bad things."""
    told = suffer(model, rounds, seed)
    for line in [*told["lost"], *told["jammed"], *told["left_files"], *told["left_processes"]]:
        print(line)
    if told["left_out"]:
        print(f"Left out, since nothing can be mounted here: {', '.join(told['left_out'])}")
    return result | {
        **{f"adversity_{what.replace(' ', '_')}": count for what, count in (told["rounds"] | told["deletes"]).items()},
        "adversity_left_out": told["left_out"],
        "lost": result["lost"] + len(told["lost"]),
        "jammed": len(told["jammed"]),
        "leaked_processes": result["leaked_processes"] + len(told["left_processes"]),
        "leaked_files": result["leaked_files"] + len(told["left_files"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=float, default=0.2, help="chance that a worker is killed (default: 0.2)")
    parser.add_argument(
        "--adversity", type=int, default=0, help="rounds with a server to which bad things happen (default: 0)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, required=True, help="a folder with the starter model, for its tokenizer")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    from tests.support.tiny_models import tiny_model

    with tempfile.TemporaryDirectory() as scratch:
        model = tiny_model(Path(scratch) / "tiny", arguments.model)
        begin = time.perf_counter()
        with opened(Path(scratch) / "home", model) as bed:
            result = soak(bed, arguments.runs, arguments.kills, arguments.seed)
        if arguments.adversity:
            result = suffered(result, model, arguments.adversity, arguments.seed)
    result["seconds"] = round(time.perf_counter() - begin, 1)
    print("  ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items()))
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
