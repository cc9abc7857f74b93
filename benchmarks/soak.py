"""Many tiny runs through the real queue, with workers killed at random: is any lost, is anything left behind?

    python benchmarks/soak.py [--runs 200] [--kills 0.2] [--adversity 5] [--model DIR] [--json]

Each run trains a few steps of a tiny random model with the starter's tokenizer, in a worker of its own, so 200 of them
take about half an hour on two cores. `--kills` is the chance that a run's worker is killed (again) at a moment of its
life. `--adversity` is how many bad things happen to a running studio: a bad model or template, a locked or lost
catalogue, a server or worker that is killed, an upload that breaks off; something good is added after each, and is
jammed (must be 0) where it does not become ready. Prints runs, kills, lost runs (must be 0), and processes and open files
that are left over (must be 0).
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

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.faults.adversity import Adversity
from tests.faults.bed import Bed, opened

STEPS = 4


def soak(bed: Bed, runs: int, chance_of_kill: float, seed: int) -> dict[str, float]:
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
            if not run.pid:
                continue
            key = (run.id, run.attempt)
            if key not in fate:
                fate[key] = time.monotonic() + chance.uniform(0, 7) if chance.random() < chance_of_kill else None
            due = fate[key]
            if due is not None and time.monotonic() > due and psutil.pid_exists(run.pid):
                psutil.Process(run.pid).kill()
                kills, fate[key] = kills + 1, None
        time.sleep(0.05)
    psutil.wait_procs(me.children(), timeout=30)  # the last one has said its last word, and is still ending
    bed.studio.dispatcher.tick()
    left = {"leaked_processes": len(me.children(recursive=True)), "leaked_files": max(0, me.num_fds() - files)}
    lost = [id for id in ids if bed.run(id).status != "finished" or list(bed.curve(id)) != list(range(1, STEPS + 1))]
    with closing(sqlite3.connect(bed.home / "studio.db")) as database:
        (sound,) = database.execute("PRAGMA integrity_check").fetchone()
    return {
        "runs": runs,
        "kills": kills,
        "lost": len(lost),
        **left,
        "database_ok": int(sound == "ok"),
    }


def suffer(result: dict[str, float], home: Path, model: Path, rounds: int, seed: int) -> None:
    """Adds what came of bad things to the result."""
    adversity = Adversity(home, model, seed)
    try:
        adversity.rounds(rounds)
    finally:
        left = adversity.end()
    for line in [*adversity.jammed, *(f"{name} is lost" for name in sorted(adversity.lost))]:
        print(line)
    result |= {f"adversity_{what.replace(' ', '_')}": count for what, count in adversity.counts.items()}
    result["lost"] += len(adversity.lost)
    result["jammed"] = len(adversity.jammed)
    result["leaked_processes"] += left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--kills", type=float, default=0.2, help="chance that a worker is killed (default: 0.2)")
    parser.add_argument("--adversity", type=int, default=0, help="bad things that happen to a server (default: 0)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", type=Path, required=True, help="a folder with the starter model, for its tokenizer")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    from tests.ml.tiny import tiny_model

    with tempfile.TemporaryDirectory() as scratch:
        model = tiny_model(Path(scratch) / "tiny", arguments.model)
        begin = time.perf_counter()
        with opened(Path(scratch) / "home", model) as bed:
            result = soak(bed, arguments.runs, arguments.kills, arguments.seed)
        if arguments.adversity:
            suffer(result, Path(scratch) / "adversity", model, arguments.adversity, arguments.seed)
    result["seconds"] = round(time.perf_counter() - begin, 1)
    print("  ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items()))
    if arguments.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
