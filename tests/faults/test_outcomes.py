"""Everything else that goes wrong around a run: each has an outcome, words for it, and nothing is lost."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file, save_file

from studio.domain.chat.sampling import Message, Sampling
from studio.domain.columns import Column, Share
from studio.domain.errors import InvalidInput
from studio.domain.events import Step
from studio.services.playground.columns import ColumnPrompt
from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.studio_process import ROOT, Server, environment
from tests.support.training_jobs import events_of
from tests.support.waiting import wait_for

STEPS = 60


def begun(bed: Bed, name: str = "run", steps: int = STEPS, **more: object) -> int:
    """A run that has saved a checkpoint and goes on."""
    id = bed.submit(name, steps, **more)
    bed.tick_until(lambda: bed.run(id).checkpoint_step > 0, "a checkpoint")
    return id


def killed(bed: Bed, id: int) -> None:
    worker = bed.worker(id)
    worker.kill()
    worker.wait(30)


def test_a_full_disk_and_a_read_only_one_are_told_and_the_run_goes_on_once_there_is_room(tiny: Path) -> None:
    alone = [] if os.geteuid() == 0 else ["unshare", "-rm"]
    done = subprocess.run(
        [*alone, sys.executable, "-m", "tests.support.chaos.full_disk", str(tiny)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"][:2] == ["failed", "The disk is full."]
    assert "resume" in told["failed"][2]
    assert told["then"] == "finished"
    assert told["read_only"][0] == 2
    assert "cannot be written" in told["read_only"][1]


def test_half_a_line_and_a_damaged_one_spoil_nothing_but_themselves(bed: Bed) -> None:
    id = begun(bed, steps=10**6)
    killed(bed, id)
    with bed.folder(id).events.open("ab") as events:
        events.write(b'\xff\xfe{"kind": "step", "step": \x00 7}\n{"kind": "step", "step": 99999, "loss": 1.')
    bed.tick_until(lambda: bed.run(id).attempt == 2 and bed.run(id).status == "running", "the resumption")
    reached = bed.run(id).step
    bed.tick_until(lambda: bed.run(id).step > reached + 2, "further steps")
    bed.studio.run_control.stop(id)
    run = bed.tick_until_over(id)
    bed.check_whole(id, run.step)


def test_a_run_folder_that_is_deleted_ends_the_run_with_words_and_lets_the_next_begin(bed: Bed) -> None:
    id = begun(bed, steps=10**6)
    later = bed.submit("later", 2)
    worker = bed.worker(id)
    bed.folder(id).path.rename(bed.home / "gone")  # at once: the worker writes into it all the time
    # As the worker itself does where it was just saving a checkpoint: it finds a folder to write into, and goes on.
    bed.folder(id).checkpoints.mkdir(parents=True, exist_ok=True)
    run = bed.tick_until_over(id)
    assert run.status == "failed"
    assert "was deleted while it was training" in run.problem and run.remedy
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert bed.tick_until_over(later).status == "finished"


def test_a_catalogue_that_another_program_locks_delays_what_is_recorded_and_loses_nothing(bed: Bed) -> None:
    id = begun(bed, steps=10**6)
    bed.studio.lock.release()
    server = Server(bed.home)
    try:
        other = sqlite3.connect(bed.home / "studio.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        reached = events_of(bed.folder(id), Step)[-1].step
        wait_for(
            lambda: events_of(bed.folder(id), Step)[-1].step > reached + 20,
            seconds=60,
            what="steps that nobody records",
        )
        other.execute("COMMIT")
        other.close()
        wait_for(lambda: bed.run(id).step > reached + 20, seconds=60, what="that they are recorded")
        bed.studio.run_control.stop(id)
        run = wait_for(lambda: (r := bed.run(id)).ended_at and r, seconds=60, what="its end")
    finally:
        server.stop()
    assert run.status == "stopped"
    bed.check_whole(id, run.step)


def test_a_lock_that_a_killed_server_left_keeps_nobody_out(bed: Bed) -> None:
    bed.studio.lock.release()
    Server(bed.home).kill()
    (bed.home / "studio.holder").write_text("process 1 at http://nowhere")
    server = Server(bed.home)
    try:
        assert server.url.startswith("http://127.0.0.1")
    finally:
        server.stop()


def test_a_clock_that_jumps_back_changes_neither_the_curve_nor_the_stop(bed: Bed) -> None:
    id = begun(bed, steps=10**6)
    yesterday = time.time() - 86_400
    bed.studio.run_control.stop(id, now=time.time() + 5)
    bed.studio.dispatcher.tick(now=yesterday)
    run = bed.tick_until(
        lambda: bed.studio.dispatcher.tick(now=yesterday) or ((r := bed.run(id)).ended_at and r), "its end"
    )
    assert run.status == "stopped"
    bed.check_whole(id, run.step)


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_checkpoint(tmp_path: Path, tiny: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny, model)
    with opened(tmp_path / "home", model) as bed:
        id = begun(bed, steps=10**6)
        bed.studio.run_control.end_now(id)
        assert bed.tick_until_over(id).status == "stopped"
        weights = load_file(model / "model.safetensors")
        save_file(
            weights | {"lm_head.weight": weights["lm_head.weight"] * np.nan},
            model / "model.safetensors",
            {"format": "pt"},
        )
        bed.studio.run_control.resume(id)
        run = bed.tick_until_over(id)
        kept = bed.studio.checkpoints.list(id)
        assert run.status == "failed"
        assert "no longer a number" in run.problem and "learning rate" in run.remedy
        assert f"at step {kept[0].step} is still good" in run.problem
        adapter = bed.studio.checkpoints.promote(id, kept[0].step, "still-good")
        assert (Path(adapter.path) / "adapter_model.safetensors").is_file()


def test_a_checkpoint_is_a_column_and_becomes_an_adapter_while_its_run_goes_on(bed: Bed) -> None:
    id = begun(bed, steps=10**6, save_steps=50, watch={"keep_checkpoints": 100})
    step = bed.studio.checkpoints.list(id)[0].step
    asked = [
        ColumnPrompt(Column(model="tiny", shares=shares), [Message(role="user", content="Who are you?")])
        for shares in ((), (Share(run=id, step=step),), (Share(run=id, step=step + 1),))
    ]
    *_, last = bed.studio.playground.compare(asked, Sampling(temperature=0, max_tokens=4))
    assert [column.state for column in last.columns] == ["done", "done", "error"]
    assert (last.columns[1].effect or 0) > 0
    assert last.columns[1].label["adapters"] == [{"name": f"run {id}, step {step}", "strength": 1, "checkpoint": step}]
    assert f"The checkpoint of step {step + 1} of run {id} cannot be used" in str(last.columns[2].error)
    adapter = bed.studio.checkpoints.promote(id, step, "taken-early")
    config = json.loads((Path(adapter.path) / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == bed.studio.catalogue.model("tiny").path
    assert (adapter.steps, adapter.run_id, adapter.checkpoint) == (step, id, step)
    assert not (Path(adapter.path) / "optimizer.pt").exists()
    reached = bed.run(id).step
    bed.tick_until(lambda: bed.run(id).step > reached, "further steps")
    with pytest.raises(InvalidInput, match="already kept"):
        bed.studio.checkpoints.promote(id, step, "again")


def test_a_run_that_fails_lets_the_next_one_begin_and_can_be_resumed(bed: Bed, tiny: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    first, second = bed.submit("first", 3), bed.submit("second", 3)
    tiny.rename(moved)
    try:
        failed = bed.tick_until_over(first)
        assert failed.status == "failed" and failed.problem and failed.remedy
        bed.tick_until_over(second)
    finally:
        moved.rename(tiny)
    bed.studio.run_control.resume(first)
    assert bed.tick_until_over(first).status == "finished"
    bed.check_whole(first, 3)


def test_a_run_that_ended_early_is_continued_with_more_steps_as_a_new_one(bed: Bed) -> None:
    id = bed.submit("short", 6)
    assert bed.tick_until_over(id).status == "finished"
    with pytest.raises(InvalidInput, match="6 are already done"):
        bed.studio.run_control.continue_with(id, steps=6)
    longer = bed.studio.run_control.continue_with(id, steps=9)
    run = bed.tick_until_over(longer)
    assert (run.status, run.parent_id, list(bed.curve(longer))) == ("finished", id, [7, 8, 9])
    assert {a.name for a in bed.studio.catalogue.adapters()} == {"short", "short-2"}
