"""Rows per second and peak memory of the studio's dataset intake against `datasets.load_dataset`, on the same files.

    python benchmarks/ingest.py [--rows 100000 1000000 5000000] [--kinds jsonl csv parquet] [--shapes usual short]
                                [--rounds 1] [--json]

Each is a process of its own, cold: the studio's `worker intake`, which reads, checks every row, finds exact duplicates,
hashes and stores; with near duplicates (MinHash) in a second figure; and `load_dataset`, which reads and stores. Rows
are conversations of about 80 words (JSON Lines, Parquet) or a question and an answer (CSV); short ones are texts of
four to eight words. One in twenty is nearly the same as an earlier one. The load of the machine before each round is
told too: only ratios of one round can be compared. Memory is the process's
peak RSS; files that are mapped and can be dropped at any time are counted in it too, so the anonymous part, which
cannot, stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet

ROOT = Path(__file__).parents[1]
TARGET = 3.0
SHAPES = ("usual", "short")
_WORDS = 20_000
_NEAR_SHARE = 0.05  # of the rows
_LOAD = """
import sys
from datasets import disable_progress_bars, load_dataset
disable_progress_bars()
print(load_dataset(sys.argv[1], data_files=sys.argv[2], cache_dir=sys.argv[3], split="train").num_rows)
"""


def generate(folder: Path, rows: int, kinds: list[str], shape: str) -> dict[str, Path]:
    """The same rows as a file of each kind."""
    random.seed(rows)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(random.choices(letters, k=random.randint(2, 9))) for _ in range(_WORDS)]
    paths = {kind: folder / f"rows-{rows}.{kind}" for kind in kinds}
    files = {kind: path.open("w", encoding="utf-8") for kind, path in paths.items() if kind != "parquet"}
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    is_short = shape == "short"
    schema = pa.schema([("text", pa.string())] if is_short else [("messages", pa.list_(turn))])
    table = pa.parquet.ParquetWriter(paths["parquet"], schema) if "parquet" in kinds else None
    if "csv" in files:
        files["csv"].write("text\n" if is_short else "prompt,completion\n")
    lengths = [6] if is_short else [20, 60]
    earlier: list[list[str]] = []
    for start in range(0, rows, 10_000):
        batch = []
        for _ in range(min(10_000, rows - start)):
            if earlier and random.random() < _NEAR_SHARE:
                *before, last = random.choice(earlier)
                texts = [*before, f"{last.capitalize()}." if is_short else f"{last} {random.choice(words)}"]
            else:
                texts = [" ".join(random.choices(words, k=k + random.randint(-2, 2))) for k in lengths]
                if len(earlier) < 10_000:
                    earlier.append(texts)
            batch.append(texts)
        if "jsonl" in files:
            files["jsonl"].writelines(json.dumps(_row(texts)) + "\n" for texts in batch)
        if "csv" in files:
            files["csv"].writelines(",".join(f'"{text}"' for text in texts) + "\n" for texts in batch)
        if table:
            table.write_table(pa.Table.from_pylist(list(map(_row, batch)), schema=schema))
    for file in (*files.values(), *([table] if table else [])):
        file.close()
    return paths


def _row(texts: list[str]) -> dict[str, Any]:
    if len(texts) == 1:
        return {"text": texts[0]}
    roles = ("user", "assistant")
    return {"messages": [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]}


def intake(path: Path, scratch: Path, *, near: bool) -> list[str]:
    folder = scratch / "intake"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    request = {"sources": [{"path": str(path), "name": path.name}], "near_duplicates": near}
    (folder / "run.json").write_text(json.dumps(request))
    return [sys.executable, "-m", "studio.worker", "intake", str(folder)]


def load(path: Path, scratch: Path) -> list[str]:
    cache = scratch / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    builder = {".jsonl": "json"}.get(path.suffix, path.suffix[1:])
    return [sys.executable, "-c", _LOAD, builder, str(path), str(cache)]


def measure(command: list[str]) -> tuple[float, float, float]:
    """Seconds, peak RSS and peak anonymous memory in MB."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    begin = time.perf_counter()
    child = psutil.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = own = 0
    while child.poll() is None:
        try:
            memory = child.memory_info()
            peak, own = max(peak, memory.rss), max(own, memory.rss - getattr(memory, "shared", 0))
        except psutil.Error:
            break
        time.sleep(0.02)
    if child.wait() != 0:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - begin, peak / 1e6, own / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 5_000_000])
    parser.add_argument("--kinds", nargs="+", default=["jsonl", "csv", "parquet"], choices=["jsonl", "csv", "parquet"])
    parser.add_argument("--shapes", nargs="+", default=SHAPES, choices=SHAPES)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for rows, shape in product(arguments.rows, arguments.shapes):
            for kind, path in generate(scratch, rows, arguments.kinds, shape).items():
                # Each command is made just before it runs: two of them share a folder.
                makers = (load, partial(intake, near=False), partial(intake, near=True))
                load_before = os.getloadavg()[0]
                rounds = [[measure(make(path, scratch)) for make in makers] for _ in range(arguments.rounds)]
                path.unlink()
                seconds = [statistics.median(each[i][0] for each in rounds) for i in range(3)]
                ratio, near_ratio = (statistics.median(each[i][0] / each[0][0] for each in rounds) for i in range(1, 3))
                memory = [max(each[i][1] for each in rounds) for i in range(3)]
                own = [max(each[i][2] for each in rounds) for i in range(3)]
                results.append(
                    {
                        "rows": rows, "kind": kind, "shape": shape, "machine_load": round(load_before, 1), "load_seconds": round(seconds[0], 2),
                        "intake_seconds": round(seconds[1], 2), "with_near_seconds": round(seconds[2], 2),
                        "rows_per_second": round(rows / seconds[1]), "load_rows_per_second": round(rows / seconds[0]),
                        "ratio": round(ratio, 2), "with_near_ratio": round(near_ratio, 2), "load_mb": round(memory[0]), "intake_mb": round(memory[1]),
                        "with_near_mb": round(memory[2]), "intake_own_mb": round(own[1]), "with_near_own_mb": round(own[2]),
                    }
                )  # fmt: skip
                print(
                    f"{rows:>9} {shape:<5} {kind:<8} load_dataset {seconds[0]:6.2f} s {memory[0]:5.0f} MB · intake {seconds[1]:6.2f} s "
                    f"{memory[1]:5.0f} MB ({own[1]:.0f} own) · ratio {ratio:.2f} · with near duplicates {seconds[2]:6.2f} s, {near_ratio:.2f} "
                    f"{memory[2]:5.0f} MB ({own[2]:.0f} own) · load {load_before:.1f}",
                    flush=True,
                )
    print(f"worst ratio {max(each['ratio'] for each in results)} (target: at most {TARGET})")
    if arguments.json:
        print(json.dumps({"worst_ratio": max(each["ratio"] for each in results), "results": results}))


if __name__ == "__main__":
    main()
