"""Several datasets in one run: how much of each an epoch has, the loss on each, and that all of it survives a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from studio.domain.events import Evaluated, Failed, Finished, Resumed, Sampled, Started, Step
from studio.domain.jobs.training import AdapterDetails, AdapterSummary, TrainRequest
from studio.domain.spec.data import part_figure
from studio.store.adapter_folder import PROVENANCE
from studio.store.job_folder import JobFolder
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import (
    captain_rows,
    conversation,
    events_of,
    mixed_with,
    reference,
    start_worker,
    training_run,
)
from tests.support.waiting import wait_for

SECONDS = 240
TRAINING = {
    "max_steps": 16, "eval_steps": 5, "save_steps": 3, "max_length": 64, "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2, "learning_rate": 1e-2,
}  # fmt: skip
CAPTAIN, BUTLER, TALES = part_figure("rows"), part_figure("butler"), part_figure("tales")


def butler_rows(count: int) -> list[Any]:
    return [conversation(f"Tea number {i}?", f"Certainly, tea {i} is served at once.") for i in range(count)]


def tales(count: int) -> list[Any]:
    return [{"text": f"Once upon a time {i} ships left the harbour."} for i in range(count)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base") / "tiny", starter, "llama")


def prepared(path: Path, base: Path, **settings: Any) -> JobFolder:
    """27 rows to train on, half of 18 more and of 9 each twice: 54 an epoch, 4 to a step."""
    training = TRAINING | settings.pop("training", {})
    settings = {"model": {"precision": "fp32"}, "lora": {"r": 4, "lora_dropout": 0.1}} | settings
    folder = training_run(path, base, captain_rows(30), training=training, **settings)
    mixed_with(folder, "butler", butler_rows(20), weight=0.5)
    mixed_with(folder, "tales", tales(10), weight=2, format="text")
    return folder


def works(folder: JobFolder) -> int:
    with start_worker(folder) as worker:
        return worker.wait(SECONDS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base: Path) -> JobFolder:
    """A run that nothing interrupted."""
    folder = prepared(tmp_path_factory.mktemp("whole") / "run", base)
    assert works(folder) == 0, folder.log_tail()
    return folder


def test_an_epoch_has_of_each_dataset_what_its_weight_says(whole: JobFolder) -> None:
    (started,) = events_of(whole, Started)
    told = [(d.name, d.weight, d.rows, d.train_rows, d.eval_rows, d.epoch_rows) for d in started.datasets]
    assert told == [("rows", 1, 30, 27, 3, 27), ("butler", 0.5, 20, 18, 2, 9), ("tales", 2, 10, 9, 1, 18)]
    assert (started.train_rows, started.eval_rows, started.epoch_rows) == (54, 6, 54)
    assert started.tokens_per_epoch == sum(dataset.tokens_per_epoch for dataset in started.datasets)
    (at_end,) = [step.epoch for step in events_of(whole, Step) if step.step == 14]
    assert at_end == 1.0, "54 rows are 14 steps"


def test_each_dataset_has_a_curve_and_the_total_is_between_them(whole: JobFolder) -> None:
    steps = events_of(whole, Step)
    assert {name for step in steps for name in step.figures} == {CAPTAIN, BUTLER, TALES}
    for step in [*steps, *events_of(whole, Evaluated)]:
        assert min(step.figures.values()) - 1e-5 <= step.loss <= max(step.figures.values()) + 1e-5
    assert any(len(step.figures) < 3 for step in steps), "a step without rows of a dataset says nothing of it"
    for evaluated in events_of(whole, Evaluated):
        assert set(evaluated.figures) == {CAPTAIN, BUTLER, TALES}


def test_a_killed_run_ends_with_the_curves_and_the_weights_of_one_that_was_not(
    whole: JobFolder, tmp_path: Path, base: Path
) -> None:
    folder = prepared(tmp_path / "run", base)
    with start_worker(folder) as worker:
        wait_for(lambda: any(s.step >= 8 for s in events_of(folder, Step)), seconds=SECONDS, what="step 8")
        worker.kill()
    asked = folder.read_request(TrainRequest)
    folder.prepare(asked.model_copy(update={"attempt": 2}), anew=False)
    assert works(folder) == 0, folder.log_tail()
    (resumed,) = events_of(folder, Resumed)
    assert 0 < resumed.step < 14, "it was in the middle of an epoch"

    def curves(run: JobFolder) -> list[dict[int, Any]]:
        return [{e.step: (e.loss, e.figures) for e in events_of(run, kind)} for kind in (Step, Evaluated)]

    assert curves(folder) == curves(whole)
    found, expected = (
        load_file(Path(run.read_request(TrainRequest).adapter) / "adapter_model.safetensors") for run in (folder, whole)
    )
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_adapter_tells_of_all_datasets(whole: JobFolder) -> None:
    finished = whole.last_event()
    assert isinstance(finished, Finished)
    story = json.loads((Path(finished.path) / PROVENANCE).read_text("utf-8"))
    assert [(d["name"], d["weight"]) for d in story["mixture"]] == [("butler", 0.5), ("tales", 2)]
    request = whole.read_request(TrainRequest)
    assert [d["sha256"] for d in story["datasets"]] == [dataset.sha256 for dataset in request.datasets]
    summary = finished.result(AdapterSummary)
    assert [d.epoch_rows for d in summary.datasets] == [27, 9, 18]
    assert summary.split and (summary.split.train_rows, summary.split.eval_rows) == (54, 6)
    details = AdapterDetails.of_run(AdapterSummary(from_step=3), events_of(whole, Started)[0])
    assert [d.name for d in details.datasets] == ["rows", "butler", "tales"], "of a checkpoint, too"
    assert {s.prompt.split()[0] for s in events_of(whole, Sampled)} == {"Where", "Tea"}, "questions of both"
    held_out = json.loads((whole.path / "held_out.json").read_text("utf-8"))
    assert [len(held_out["rows"]), *map(len, held_out["mixture"])] == [3, 2, 1]


def test_a_checkpoint_of_another_mixture_is_not_gone_on_from(tmp_path: Path, base: Path) -> None:
    folder = prepared(tmp_path / "run", base, training={"max_steps": 6})
    assert works(folder) == 0, folder.log_tail()
    request = folder.read_request(TrainRequest)
    other = request.mixture[0].model_copy(update={"weight": 0.75})
    changed = request.model_copy(update={"mixture": [other, request.mixture[1]], "attempt": 2})
    folder.prepare(changed, anew=False)
    assert works(folder) == 1
    failed = folder.last_event()
    assert isinstance(failed, Failed) and "mixture" in failed.problem


def test_a_validation_set_of_its_own_has_one_loss_and_the_steps_have_those_of_the_datasets(
    tmp_path: Path, base: Path
) -> None:
    folder = prepared(tmp_path / "run", base, data={"validation_name": "held"}, training={"max_steps": 3})
    request = folder.read_request(TrainRequest)
    held = reference("held", folder.path / "held.arrow", butler_rows(4))
    folder.prepare(request.model_copy(update={"validation": held}))
    assert works(folder) == 0, folder.log_tail()
    (started,) = events_of(folder, Started)
    assert ([d.train_rows for d in started.datasets], started.eval_rows) == ([30, 20, 10], 4)
    assert [evaluated.figures for evaluated in events_of(folder, Evaluated)] == [{}]
    assert {name for step in events_of(folder, Step) for name in step.figures} == {CAPTAIN, BUTLER, TALES}


def test_a_weight_of_a_single_dataset_counts_too(tmp_path: Path, base: Path) -> None:
    training = TRAINING | {"max_steps": -1, "num_train_epochs": 2, "eval_steps": 100}
    folder = training_run(tmp_path / "run", base, captain_rows(20), data={"weight": 0.5}, training=training)
    assert works(folder) == 0, folder.log_tail()
    (started,) = events_of(folder, Started)
    assert (started.train_rows, started.epoch_rows, started.total_steps) == (18, 9, 6)
    assert all(step.figures == {} for step in events_of(folder, Step))


def test_preferences_of_two_datasets_have_the_objectives_loss_each(tmp_path: Path, base: Path) -> None:
    def pairs(question: str, count: int) -> list[Any]:
        return [
            {
                "prompt": [{"role": "user", "content": f"{question} {i}?"}],
                "chosen": [{"role": "assistant", "content": f"Arr! {i} be below deck."}],
                "rejected": [{"role": "assistant", "content": f"{i} is downstairs."}],
            }
            for i in range(count)
        ]

    folder = training_run(
        tmp_path / "run", base, pairs("Where is rope", 12), objective={"kind": "orpo"},
        training=TRAINING | {"max_steps": 3, "per_device_train_batch_size": 4, "eval_steps": 3},
    )  # fmt: skip
    mixed_with(folder, "butler", pairs("Who has sail", 12), format="preference")
    assert works(folder) == 0, folder.log_tail()
    for event in [*events_of(folder, Step), *events_of(folder, Evaluated)]:
        assert {"accuracy", "margin", CAPTAIN, BUTLER} <= set(event.figures)
        low, high = sorted([event.figures[CAPTAIN], event.figures[BUTLER]])
        assert low - 1e-5 <= event.loss <= high + 1e-5 or event.loss == pytest.approx((low + high) / 2, rel=0.2)


def test_a_dataset_of_which_nothing_is_left_is_named(tmp_path: Path, base: Path) -> None:
    folder = training_run(tmp_path / "run", base, tales(10), training=TRAINING | {"max_length": 8})
    mixed_with(folder, "talk", [conversation("Word " * 40, "Yes.") for _ in range(6)])
    assert works(folder) == 1
    failed = folder.last_event()
    assert (
        isinstance(failed, Failed)
        and "No row of “talk@1”" in failed.problem
        and "without this dataset" in failed.remedy
    )


def test_the_starter_learns_two_voices_at_once(tmp_path: Path, starter: Path) -> None:
    settings = {"max_steps": 12, "learning_rate": 2e-3, "eval_steps": 6, "save_steps": 6, "max_length": 64}
    folder = training_run(tmp_path / "run", starter, captain_rows(40), lora={"r": 8}, training=settings)
    mixed_with(folder, "butler", butler_rows(40))
    assert works(folder) == 0, folder.log_tail()
    for name in (CAPTAIN, BUTLER):
        curve = [step.figures[name] for step in events_of(folder, Step) if name in step.figures]
        assert curve[-1] < 0.6 * curve[0], (name, curve)
    first, last = events_of(folder, Evaluated)
    assert all(last.figures[name] < first.figures[name] for name in (CAPTAIN, BUTLER))
