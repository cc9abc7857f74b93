"""Every benchmark runs, on something tiny: what its figures are is for a quiet machine to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import captain_rows

ROOT = Path(__file__).parents[2]

Place = Callable[[], Path]

# How each is made small, by what it needs: a tiny model's folder, the starter's, or a home.
SMALL: dict[str, Callable[[Place, Path, Path], list[Any]]] = {
    "catalogue": lambda tiny, starter, home: ["--runs", 20, "--metrics", 1000, "--rounds", 2],
    "clients": lambda tiny, starter, home: ["--model", tiny(), "--clients", 3, "--seconds", 1],
    "compare": lambda tiny, starter, home: ["--model", tiny(), "--tokens", 4, "--rounds", 1],
    "gpu": lambda tiny, starter, home: ["--scale", "tiny", "--sections", "answers"],
    "ingest": lambda tiny, starter, home: ["--rows", 200],
    "latency": lambda tiny, starter, home: ["--home", home, "--events", 3],
    "memory": lambda tiny, starter, home: ["--requests", 60, "--clients", 3],
    # By this seed: the run's worker is killed once; then a full disk, a killed worker, a locked catalogue.
    "soak": lambda tiny, starter, home: ["--model", starter, "--runs=1", "--kills=0.5", "--adversity=3", "--seed=463"],
    "startup": lambda tiny, starter, home: ["--rounds", 1],
    "train": lambda tiny, starter, home: ["--model", tiny(), "--rows", tiny().parent / "rows.jsonl", "--rounds", 1],
}
MUST_BE_NONE = ("errors", "failures", "mixed_up", "lost", "jammed", "leaked_processes", "leaked_files")


@pytest.fixture
def tiny(tmp_path: Path, starter: Path) -> Place:
    """A tiny model, and beside it the rows that it is trained on."""

    def made() -> Path:
        folder = tmp_path / "tiny"
        if not folder.exists():
            tiny_model(folder, starter)
            rows = "".join(json.dumps(row) + "\n" for row in captain_rows(8))
            (tmp_path / "rows.jsonl").write_text(rows, "utf-8")
        return folder

    return made


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py")))
def test_every_benchmark_ends_with_its_figures_as_one_json_object(
    tiny: Place, starter: Path, starter_home: Path, name: str
):
    arguments = map(str, SMALL[name](tiny, starter, starter_home))
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures and isinstance(figures, dict)
    assert not any(figures.get(key) for key in MUST_BE_NONE)
    for row in figures.get("results", ()):
        assert all(value == value for value in row.values()), "no figure is missing"


@pytest.mark.long
def test_every_section_of_the_gpus_benchmark_runs_without_one():
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "gpu.py"),
        "--scale",
        "tiny",
        "--budget-seconds",
        "900",
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["failures"] == []
    assert figures["correctness"].keys() >= {"fp32", "bf16", "8-bit", "4-bit"}


def test_a_section_of_the_gpus_benchmark_whose_time_is_over_is_told_as_failed():
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "gpu.py"),
        "--scale",
        "tiny",
        "--budget-seconds",
        "1",
        "--json",
    ]
    done = subprocess.run(
        [*command, "--sections", "estimate"], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert any(failure.startswith("estimate") for failure in told["failures"])
