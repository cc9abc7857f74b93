"""Runs on the command line: what a state is called there."""

import re
from pathlib import Path

import pytest

from studio.app import build
from studio.cli import main
from studio.cli.output import table
from studio.domain.spec.run_spec import read_spec
from studio.settings import read_settings
from tests.support.training_jobs import started


@pytest.fixture
def home(stocked_home: Path) -> Path:
    """With two runs on hold."""
    studio = build(read_settings({}, home=stocked_home))
    for name in ("first", "second"):
        studio.runs.submit(read_spec({"model": {"name": "m"}, "data": {"name": "d"}}), name, hold=True)
    studio.close()
    return stocked_home


def test_a_run_on_hold_is_not_said_to_be_queued(home, capsys):
    def said(*words: str) -> str:
        capsys.readouterr()
        assert main([*words, "--home", str(home)]) == 0
        return capsys.readouterr().out

    assert said("runs", "hold", "2").strip() == "Run 2 is on hold."
    for words in (["list"], ["compare", "1", "2"]):
        table = said("runs", *words)
        assert table.count("on hold") == 2
        assert "queued" not in table
    assert "\nstatus           on hold\n" in said("runs", "show", "2")


def test_whoever_follows_a_run_is_told_how_many_rows_were_left_out(home, capsys):
    studio = build(read_settings({}, home=home))
    studio.run_control.stop(1)
    studio.catalogue.change_run(1, started=started(train_rows=3, eval_rows=0, dropped_rows=9))
    studio.close()
    main(["runs", "watch", "1", "--home", str(home)])
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["train", "rows", "3"] in told and ["eval", "rows", "0"] in told and ["dropped", "rows", "9"] in told


def test_what_an_objective_measures_is_among_the_latest_figures(home, capsys):
    studio = build(read_settings({}, home=home))
    step = {"kind": "step", "step": 1, "seq": 1, "at": 1.0, "loss": 2.0}
    figures = {"learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 9.0, "memory": 1}
    studio.catalogue.record_progress(1, [step | figures | {"figures": {"accuracy": 0.75, "margin": None}}], step=1)
    studio.close()
    assert main(["runs", "show", "1", "--home", str(home)]) == 0
    latest = capsys.readouterr().out.rpartition("Latest figures:\n")[2].splitlines()
    assert latest[0].split()[:5] == ["kind", "step", "loss", "accuracy", "margin"]
    assert latest[1].split()[:5] == ["step", "1", "2", "0.75", "–"]


def test_the_times_of_a_runs_history_are_dates():
    assert re.search(r"\n20\d\d-\d\d-\d\d \d\d:\d\d$", table([{"at": 1_796_000_000.5}], ["at"], ""))
