"""A command that waits goes on where the process that held the home is killed. Real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app import Studio, build
from studio.domain.chat.sampling import Sampling
from studio.domain.columns import Column
from studio.domain.spec.run_spec import read_spec
from studio.settings import read_settings
from tests.support.home_holder import holding
from tests.support.studio_process import environment
from tests.support.weight_files import write_weights

SECONDS = 120


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def holder(home: Path) -> Iterator[subprocess.Popen[str]]:
    with holding(home) as process:
        yield process


def with_a_run(studio: Studio, home: Path) -> None:
    """One that waits, and fails as soon as somebody begins it: its rows are gone."""
    studio.catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(home))
    dataset = studio.catalogue.add_dataset(
        name="rows", format="chat", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=40, size=1,
        details={}, status="ready",
    )  # fmt: skip
    studio.runs.submit(read_spec({"model": {"name": "m"}, "data": {"name": "rows"}}), "a")
    studio.catalogue.delete_datasets([dataset.id])


def with_an_evaluation(studio: Studio, home: Path) -> None:
    """One that waits, and fails as soon as somebody works on it: its model's folder is gone."""
    gone = home / "gone"
    gone.mkdir()
    studio.catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(gone))
    prompts = studio.prompt_sets.add("few", "One?\n")
    kept = studio.evaluations.submit(prompts, [Column(model="m")], Sampling())
    studio.evaluations.stop(kept)
    gone.rmdir()


def with_a_model(studio: Studio, home: Path) -> None:
    """A folder that holds none that can be loaded."""
    folder = home / "broken"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    write_weights(folder / "model.safetensors", {"w": [1]})


def with_rows(studio: Studio, home: Path) -> None:
    (home / "rows.txt").write_text("One.\n\nTwo.\n")


@pytest.mark.parametrize(
    ("prepare", "words", "begun", "code"),
    [
        (with_a_run, ["runs", "watch", "1"], "Run 1 queued\n", 1),
        (with_an_evaluation, ["evaluations", "resume", "1", "--wait"], "Evaluation 1 queued\n", 1),
        (with_a_model, ["models", "add", "{home}/broken"], "broken: preparing\n", 1),
        (with_rows, ["datasets", "add", "{home}/rows.txt"], "rows: reading\n", 0),
    ],
    ids=["run", "evaluation", "model", "dataset"],
)
def test_what_waits_takes_the_home_over_when_its_holder_is_killed(home, holder, prepare, words, begun, code):
    studio = build(read_settings({}, home=home))
    prepare(studio, home)
    studio.close()
    words = [word.format(home=home) for word in words]
    waiting = subprocess.Popen(
        [sys.executable, "-m", "studio", *words, "--home", str(home)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert waiting.stderr
    assert waiting.stderr.readline() == begun  # it waits, and nothing happens as long as the home is held
    holder.kill()
    _, said = waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == code, said
