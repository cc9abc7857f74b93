"""Workers and servers that are killed in the middle of everything: no step is lost, none stands twice."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from studio.store.checkpoint_folder import checkpoints
from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.studio_process import Server, environment
from tests.support.waiting import wait_for

STEPS = 120


def some(few: int, many: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kills", [few, pytest.param(many, marks=pytest.mark.long)])


def killed_again_and_again(bed: Bed, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    first, *waiting = [bed.submit(name, STEPS) for name in ("first", "second", "third")]
    for kill in range(kills):
        newest = (checkpoints(bed.folder(first).checkpoints) or [None])[0]
        reached = (newest.step if newest else 0) + chance.randint(1, 9)
        bed.tick_until(lambda reached=reached: bed.steps_now(first)[-1:] >= [reached], f"{reached} before kill {kill}")
        attempt = bed.run(first).attempt
        bed.worker(first).kill()
        bed.tick_until(lambda attempt=attempt: bed.run(first).attempt > attempt, "the resumption")
        assert [run.id for run in bed.studio.run_control.queue()] == waiting, "the queue keeps its order"
    run = bed.tick_until_over(first)
    assert (run.status, run.attempt, run.resumes) == ("finished", kills + 1, kills)
    bed.check_whole(first, STEPS)


@some(3, 10)
def test_workers_that_are_killed_at_random_steps_end_with_the_undisturbed_curve(
    tmp_path: Path, tiny: Path, undisturbed: dict[int, float], kills: int
) -> None:
    with opened(tmp_path / "one", tiny) as one, opened(tmp_path / "two", tiny) as two, ThreadPoolExecutor(2) as both:
        list(both.map(killed_again_and_again, (one, two), (kills, kills), (1, 2)))
        assert one.curve(1) == two.curve(1) == undisturbed


@some(6, 20)
def test_a_server_that_is_killed_many_times_and_once_with_its_worker_loses_nothing(
    tmp_path: Path, tiny: Path, kills: int
) -> None:
    """Whoever holds the home's lock is its server: `studio serve`, or a command that follows a run."""
    chance = random.Random(3)
    with opened(tmp_path / "home", tiny) as bed:
        bed.studio.lock.release()
        first, second, third = (bed.submit(name, n, save_steps=50) for name, n in (("a", 10**6), ("b", 3), ("c", 3)))
        bed.studio.run_control.move(third, before=second)
        for kill in range(kills):
            server = Server(bed.home) if kill % 5 == 0 else Follower(bed.home, first)
            if kill == 0:
                wait_for(lambda: bed.run(first).step > 0, seconds=120, what="the first step")
            else:
                before = bed.run(first).step
                wait_for(lambda before=before: bed.run(first).step > before, seconds=60, what="a step that it recorded")
            time.sleep(chance.uniform(0, 0.2))  # a moment that nothing announces
            if kill == kills - 1:  # a power cut: both at once
                bed.worker(first).kill()
            server.kill()
        server = Server(bed.home)
        try:
            wait_for(lambda: bed.run(first).attempt == 2 and bed.run(first).status == "running", seconds=60, what="it")
            assert [run.id for run in bed.studio.run_control.queue()] == [third, second]
            bed.studio.run_control.stop(first)
            done = wait_for(lambda: (r := bed.run(first)).ended_at and r, seconds=60, what="the end of the first")
            assert (done.status, done.attempt) == ("stopped", 2), "many servers, and one worker until the power cut"
            bed.check_whole(first, done.step)
        finally:
            server.stop()


class Follower:
    """`studio runs watch`, which dispatches where no server does."""

    def __init__(self, home: Path, run: int) -> None:
        command = [sys.executable, "-m", "studio", "runs", "watch", str(run), "--home", str(home)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


def test_a_worker_that_sleeps_with_the_laptop_goes_on_when_it_wakes(bed: Bed) -> None:
    id = bed.submit("sleeper", STEPS)
    bed.tick_until(lambda: bed.run(id).step > 1, "the second step")
    worker = bed.worker(id)
    worker.send_signal(signal.SIGSTOP)
    reached = bed.run(id).step
    for _ in range(20):
        bed.studio.dispatcher.tick()
    assert bed.run(id).status == "running", "it is quiet, not dead"
    worker.send_signal(signal.SIGCONT)
    assert bed.tick_until_over(id).status == "finished"
    assert reached < STEPS
    bed.check_whole(id, STEPS)


def test_a_worker_that_is_told_to_end_saves_its_adapter(bed: Bed) -> None:
    id = bed.submit("told", 1_000_000)
    bed.tick_until(lambda: bed.run(id).step > 1, "the second step")
    bed.worker(id).terminate()
    run = bed.tick_until_over(id)
    assert run.status == "stopped"
    assert (Path(bed.studio.catalogue.adapter("told").path) / "adapter_model.safetensors").is_file()
    bed.check_whole(id, run.step)


def test_a_worker_that_is_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(bed: Bed) -> None:
    id = bed.submit("writer", STEPS, save_steps=3)
    folder = bed.folder(id)
    bed.tick_until(
        lambda: checkpoints(folder.checkpoints) and (folder.checkpoints / ".partial").exists(),
        "a checkpoint being written",
    )
    bed.worker(id).kill()
    assert bed.tick_until_over(id).status == "finished"
    bed.check_whole(id, STEPS)


def test_a_pid_that_another_program_has_by_now_is_no_worker(bed: Bed) -> None:
    id = bed.submit("reused", STEPS)
    bed.tick_until(lambda: bed.run(id).step > 1, "the second step")
    worker = bed.worker(id)
    started = bed.run(id).worker.partition("@")[2]
    worker.kill()
    worker.wait(30)
    bed.studio.catalogue.change_run(id, worker=f"{psutil.Process().pid}@{started}")  # this very test
    run = bed.tick_until_over(id)
    assert (run.status, run.attempt) == ("finished", 2)
    bed.check_whole(id, STEPS)
