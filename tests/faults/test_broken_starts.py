"""A server that is killed while it starts a worker: what the worker does is found again, and what never got one can be
deleted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio, build
from studio.settings import read_settings
from studio.store.tables.datasets import Dataset
from studio.store.tables.models import Model
from tests.support.small_home import copies, filled, written
from tests.support.studio_process import studio
from tests.support.waiting import wait_for

ENDED = 77
Adding = Callable[[Studio], Dataset | Model]


def killed_at_start(home: Path, add: Adding, *, has_worker: bool) -> None:
    """A process adds something and is killed when it would put its worker down; `has_worker` says whether there is
    one."""
    pid = os.fork()
    if pid == 0:
        try:
            built = build(read_settings({}, home=home))
            start = built.engine.start

            def killed(*arguments: Any, **more: Any) -> None:
                if has_worker:
                    start(*arguments, **more)
                os.kill(os.getpid(), signal.SIGKILL)

            built.engine.start = killed  # type: ignore[method-assign, assignment]
            add(built)
        finally:
            os._exit(ENDED)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)


def settled(home: Path, look: Adding, under_way: str) -> Dataset | Model:
    """What became of it, for those that start anew."""
    built = build(read_settings({}, home=home))

    def ended() -> Dataset | Model | None:
        built.dispatcher.tick()
        found = look(built)
        return None if found.status == under_way else found

    try:
        return wait_for(ended, seconds=120, what="the worker's end")
    finally:
        built.close()


def test_a_dataset_whose_server_was_killed_as_its_worker_began_is_ready_after_the_next_start(tmp_path: Path) -> None:
    home, good = filled(tmp_path / "home"), written(tmp_path / "good.jsonl")
    killed_at_start(home, lambda built: built.datasets.add(good), has_worker=True)
    found = settled(home, lambda built: built.datasets.get("good"), "reading")
    assert (found.status, found.problem) == ("ready", "")


def test_a_model_whose_server_was_killed_as_its_worker_began_is_ready_after_the_next_start(
    tmp_path: Path, tiny: Path
) -> None:
    home = filled(tmp_path / "home")
    killed_at_start(home, lambda built: built.models.add(str(tiny)), has_worker=True)
    found = settled(home, lambda built: built.models.get("tiny"), "preparing")
    assert (found.status, found.problem) == ("ready", "")


@pytest.mark.parametrize("noun", ["datasets", "models"])
def test_what_never_got_a_worker_can_be_deleted(noun: str, tmp_path: Path, tiny: Path) -> None:
    home, good = filled(tmp_path / "home"), written(tmp_path / "good.jsonl")
    before = copies(home)
    add: Adding = (lambda built: built.datasets.add(good)) if noun == "datasets" else lambda b: b.models.add(str(tiny))
    killed_at_start(home, add, has_worker=False)
    deleted = studio(home, noun, "delete", "good" if noun == "datasets" else "tiny")
    assert deleted.returncode == 0, deleted.stderr
    assert copies(home) == before
    assert studio(home, "doctor").returncode == 0, "nothing is left in the home"
