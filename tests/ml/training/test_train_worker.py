"""The training worker as the studio starts it: a process of its own, known by its folder alone."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from studio.domain.events import Failed, Finished, Saved, Started, Step
from studio.domain.jobs.training import TrainRequest
from studio.store.job_folder import JobFolder
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import captain_rows, events_of, start_worker, training_run
from tests.support.waiting import wait_for

SECONDS = 240  # for whatever a worker does here, on a machine that has much else to do


@pytest.fixture
def worker() -> Iterator[Callable[[JobFolder], Any]]:
    """Starts workers, and ends those that a failed test left."""
    started = []

    def start(folder: JobFolder) -> Any:
        started.append(start_worker(folder))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def endless(tmp_path: Path, starter: Path) -> JobFolder:
    """A run that would go on for a very long time."""
    base = tiny_model(tmp_path / "tiny", starter, "llama")
    return training_run(tmp_path / "run", base, captain_rows(10), training={"max_steps": 1_000_000})


def test_the_starter_learns_and_its_adapter_loads_anywhere(tmp_path: Path, starter: Path, worker: Any):
    settings = {"max_steps": 10, "learning_rate": 2e-3, "eval_steps": 5, "save_steps": 5, "max_length": 128}
    folder = training_run(tmp_path / "run", starter, captain_rows(40), lora={"r": 8}, training=settings)
    assert worker(folder).wait(SECONDS) == 0, folder.log_tail()
    finished = folder.last_event()
    assert isinstance(finished, Finished) and not finished.stopped
    losses = [step.loss for step in events_of(folder, Step)]
    assert len(losses) == 10 and losses[-1] < 0.6 * losses[0]
    assert events_of(folder, Started)[0].parameters == 134_515_008

    plain = AutoModelForCausalLM.from_pretrained(finished.path, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(starter, dtype=torch.float32), finished.path)
    tokenizer = AutoTokenizer.from_pretrained(finished.path)
    question = [{"role": "user", "content": "Where is rope 3?"}]
    ids = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.no_grad():
        one, other = plain(**ids).logits, tuned(**ids).logits
        with tuned.disable_adapter():
            base = tuned(**ids).logits
    assert torch.allclose(one, other, atol=1e-3)
    assert not torch.allclose(one, base, atol=1.0)
    assert tokenizer.decode(one[0, -1].argmax()).startswith("Ar")


@pytest.mark.parametrize("ask", [JobFolder.ask_stop, None], ids=["stop flag", "SIGTERM"])
def test_a_run_that_is_stopped_saves_what_it_has(
    endless: JobFolder, worker: Any, ask: Callable[[JobFolder], None] | None
):
    process = worker(endless)
    wait_for(lambda: events_of(endless, Step), seconds=SECONDS, what="the first step")
    if ask:
        ask(endless)
    else:
        process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0, endless.log_tail()
    finished = endless.last_event()
    assert isinstance(finished, Finished) and finished.stopped
    assert finished.step == events_of(endless, Step)[-1].step == events_of(endless, Saved)[-1].step
    story = json.loads((Path(finished.path) / "studio.json").read_text("utf-8"))
    assert story["stopped"] and story["steps"] == finished.step
    assert AutoModelForCausalLM.from_pretrained(finished.path).active_adapters() == ["default"]


def test_a_stop_before_the_first_step_ends_in_order_without_an_adapter(endless: JobFolder, worker: Any):
    endless.ask_stop()
    assert worker(endless).wait(SECONDS) == 0, endless.log_tail()
    finished = endless.last_event()
    assert isinstance(finished, Finished)
    assert (finished.stopped, finished.step, finished.path) == (True, 0, "")


def test_a_fault_is_the_last_word_and_its_traceback_is_in_the_log(endless: JobFolder, worker: Any):
    rows = Path(endless.read_request(TrainRequest).dataset.rows_path)
    rows.unlink()
    assert worker(endless).wait(SECONDS) == 1
    failed = endless.last_event()
    assert isinstance(failed, Failed)
    assert failed.problem == f"The file {rows} is missing."
    assert "Traceback" in endless.log_tail()
