"""Training that is interrupted and goes on: the same curve and the same weights, from whole checkpoints alone."""

import json
import resource
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from safetensors.torch import load_file

from studio.domain.events import Evaluated, Failed, Finished, Halved, Resumed, Sampled, Saved, Started, Step
from studio.domain.jobs.training import TrainRequest
from studio.store.adapter_folder import PROVENANCE
from studio.store.checkpoint_folder import MANIFEST, all_checkpoints, checkpoints, seal
from studio.store.job_folder import JobFolder
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import all_events, captain_rows, continue_from, events_of, start_worker, training_run
from tests.support.waiting import wait_for

SECONDS = 240
TRAINING = {
    "max_steps": 14, "eval_steps": 4, "save_steps": 3, "max_length": 64, "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 2, "learning_rate": 1e-2,
}  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("base") / "tiny", starter, "llama")


def prepared(path: Path, base: Path, **settings: Any) -> JobFolder:
    """A run whose epoch ends in the middle of nothing: 27 rows to train on, 4 to a step."""
    training = TRAINING | settings.pop("training", {})
    lora = {"r": 4, "lora_dropout": 0.1} | settings.pop("lora", {})
    settings = {"model": {"precision": "fp32"}} | settings
    return training_run(path, base, captain_rows(30), lora=lora, training=training, **settings)


def works(folder: JobFolder) -> int:
    """The exit code of a worker that is left alone."""
    with start_worker(folder) as worker:
        return worker.wait(SECONDS)


def killed_after(folder: JobFolder, step: int) -> None:
    with start_worker(folder) as worker:
        wait_for(lambda: any(s.step >= step for s in events_of(folder, Step)), seconds=SECONDS, what=f"step {step}")
        worker.kill()


def again(folder: JobFolder, **request: Any) -> JobFolder:
    """As the dispatcher prepares another attempt."""
    asked = folder.read_request(TrainRequest)
    folder.prepare(asked.model_copy(update={"attempt": 2} | request), anew=False)
    return folder


def losses(folder: JobFolder) -> dict[int, float]:
    return {step.step: step.loss for step in events_of(folder, Step)}


def weights(folder: JobFolder) -> dict[str, torch.Tensor]:
    return load_file(Path(folder.read_request(TrainRequest).adapter) / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, base: Path) -> JobFolder:
    """A run that nothing interrupted."""
    folder = prepared(tmp_path_factory.mktemp("whole") / "run", base)
    assert works(folder) == 0, folder.log_tail()
    return folder


def test_a_killed_run_ends_with_the_curve_and_the_weights_of_one_that_was_not(
    whole: JobFolder, tmp_path: Path, base: Path
) -> None:
    folder = prepared(tmp_path / "run", base)
    killed_after(folder, 8)
    assert works(again(folder)) == 0, folder.log_tail()
    (resumed,) = events_of(folder, Resumed)
    saved = [s.step for s in events_of(folder, Saved)]
    assert resumed.step in saved and resumed.step % 7 != 0, "it was in the middle of an epoch"
    assert losses(folder) == losses(whole)
    assert {e.step: e.loss for e in events_of(folder, Evaluated)} == {
        e.step: e.loss for e in events_of(whole, Evaluated)
    }
    expected, found = weights(whole), weights(folder)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    ends = [f.last_event() for f in (whole, folder)]
    assert ends[0].train_loss == ends[1].train_loss
    assert ends[0].details["trained_tokens"] == ends[1].details["trained_tokens"]


def test_a_run_that_was_killed_while_it_saved_its_adapter_trains_no_step_more(whole: JobFolder, base: Path) -> None:
    steps = len(events_of(whole, Step))
    before = weights(whole)
    assert works(again(whole)) == 0, whole.log_tail()
    assert len(events_of(whole, Step)) == steps == 14
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(whole).items())


def test_damaged_checkpoints_are_passed_over_and_named(tmp_path: Path, base: Path) -> None:
    folder = prepared(tmp_path / "run", base, watch={"keep_checkpoints": 5})
    killed_after(folder, 9)
    newest, second, third, *_ = checkpoints(folder.checkpoints)
    optimizer = newest.path / "optimizer.pt"
    optimizer.write_bytes(bytes(len(optimizer.read_bytes())))  # the same size, as a power cut leaves it
    (second.path / "rng_state.pth").unlink()
    assert works(again(folder)) == 0, folder.log_tail()
    (resumed,) = events_of(folder, Resumed)
    assert resumed.step == third.step
    assert "optimizer.pt" in resumed.skipped[0] and "rng_state.pth" in resumed.skipped[1]


def test_a_changed_setting_that_would_make_another_curve_is_refused(tmp_path: Path, base: Path) -> None:
    folder = prepared(tmp_path / "run", base, training={"max_steps": 100_000})
    killed_after(folder, 4)
    spec = folder.read_request(TrainRequest).spec
    changed = spec.model_copy(update={"method": spec.method.model_copy(update={"lora_alpha": 99})})
    assert works(again(folder, spec=changed)) == 1
    failed = folder.last_event()
    assert isinstance(failed, Failed)
    assert "lora.lora_alpha (32 → 99)" in failed.problem and failed.remedy


def test_another_run_goes_on_where_a_finished_one_ended(whole: JobFolder, tmp_path: Path, base: Path) -> None:
    last = checkpoints(whole.checkpoints)[0]
    assert last.step == 14
    folder = prepared(tmp_path / "run", base, training={"max_steps": 17})
    continue_from(folder, last.path)
    assert works(folder) == 0, folder.log_tail()
    assert [r.step for r in events_of(folder, Resumed)] == [14]
    assert list(losses(folder)) == [15, 16, 17]


def test_a_run_that_gets_no_better_ends_early_and_its_adapter_is_the_best_checkpoint(
    tmp_path: Path, base: Path
) -> None:
    folder = prepared(
        tmp_path / "run", base, watch={"early_stopping_patience": 2, "keep_checkpoints": 1},
        training={"learning_rate": 1.0, "lr_scheduler_type": "constant", "max_steps": 400, "eval_steps": 2},
    )  # fmt: skip
    assert works(folder) == 0, folder.log_tail()
    finished, evaluated = folder.last_event(), events_of(folder, Evaluated)
    assert isinstance(finished, Finished) and finished.details["early_stopped"]
    best = min(evaluated, key=lambda e: e.loss)
    assert [e.step for e in evaluated][-3:] == [best.step, best.step + 2, best.step + 4]
    assert finished.details["from_step"] == best.step
    assert (finished.eval_loss, finished.best_eval_loss) == (best.loss, best.loss)
    kept = {c.step: c.path for c in all_checkpoints(folder.checkpoints)}
    assert set(kept) == {best.step, best.step + 4}, "the newest, and the best"
    of_best = load_file(kept[best.step] / "adapter_model.safetensors")
    assert all(torch.equal(of_best[name], tensor) for name, tensor in weights(folder).items())


def test_fixed_prompts_are_answered_at_each_evaluation(whole: JobFolder, tmp_path: Path, base: Path) -> None:
    evaluations = sorted({e.step for e in events_of(whole, Evaluated)})
    assert [(s.step, s.place) for s in events_of(whole, Sampled)] == [(e, p) for e in evaluations for p in (0, 1)]
    assert all(s.prompt.startswith("Where is") and s.text for s in events_of(whole, Sampled))
    folder = prepared(
        tmp_path / "run", base, watch={"sample_prompts": ["Who are you?"]}, training={"max_steps": 2, "eval_steps": 2}
    )
    assert works(folder) == 0, folder.log_tail()
    assert [s.prompt for s in events_of(folder, Sampled)] == ["Who are you?"]


def test_memory_that_runs_out_halves_the_batch_and_nothing_else(tmp_path: Path, starter: Path) -> None:
    base = tiny_model(tmp_path / "tiny", starter, "llama", max_position_embeddings=1024)
    rows = [
        r | {"messages": [r["messages"][0], {"role": "assistant", "content": "Arr! " * 300}]} for r in captain_rows(80)
    ]
    folder = training_run(
        tmp_path / "run", base, rows, lora={"r": 4, "lora_dropout": 0.05}, model={"precision": "fp32"},
        training={"max_steps": 2, "max_length": 1024, "per_device_train_batch_size": 64, "eval_steps": 2},
        watch={"samples": 0},
    )  # fmt: skip
    with start_worker(folder) as worker:
        wait_for(lambda: events_of(folder, Started), seconds=SECONDS, what="the first step")
        process = psutil.Process(worker.pid)
        room = process.memory_info().vms + (1000 << 20)
        process.rlimit(resource.RLIMIT_AS, (room, room))
        assert worker.wait(SECONDS) == 0, folder.log_tail()
    told = events_of(folder, Halved)
    assert [(h.batch, h.accumulation) for h in told] == [(64 >> n, 1 << n) for n in range(1, len(told) + 1)] != []
    assert [s.step for s in events_of(folder, Step)] == [1, 2]
    assert isinstance(folder.last_event(), Finished)
    assert all_events(folder)[-1].details["trained_tokens"] > 2 * 64 * 200


def continued(path: Path, base: Path, whole: JobFolder, steps: int, **settings: Any) -> JobFolder:
    """A run that goes on where `whole` ended."""
    folder = prepared(path, base, training={"max_steps": steps} | settings.pop("training", {}), **settings)
    continue_from(folder, checkpoints(whole.checkpoints)[0].path)
    return folder


def stopped_after(folder: JobFolder, step: int) -> Finished:
    """What it says when it is asked to end after that step."""
    with start_worker(folder) as worker:
        wait_for(lambda: any(s.step >= step for s in events_of(folder, Step)), seconds=SECONDS, what=f"step {step}")
        folder.ask_stop()
        assert worker.wait(SECONDS) == 0, folder.log_tail()
    finished = folder.last_event()
    assert isinstance(finished, Finished) and finished.stopped
    return finished


def story_of(folder: JobFolder) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((Path(folder.read_request(TrainRequest).adapter) / PROVENANCE).read_text("utf-8"))
    return told


def test_a_continued_run_that_is_stopped_before_it_measured_itself_has_no_loss_of_its_parent(
    tmp_path: Path, base: Path
) -> None:
    seldom = {"eval_steps": 100_000}
    parent = prepared(tmp_path / "parent", base, training=seldom | {"max_steps": 2})
    assert works(parent) == 0, parent.log_tail()
    assert [e.step for e in events_of(parent, Evaluated)] == [2]
    folder = continued(tmp_path / "run", base, parent, 100_000, training=seldom)
    finished = stopped_after(folder, 3)
    assert (finished.eval_loss, finished.best_eval_loss, finished.details["best_step"]) == (None, None, None)
    assert (story_of(folder)["eval_loss"], story_of(folder)["best_eval_loss"]) == (None, None)
    newest = checkpoints(folder.checkpoints)[0]
    assert newest.metadata["evaluations"] == {}, "nor is it handed on to whoever goes on from here"


def test_a_continued_run_whose_parent_was_better_keeps_the_best_that_it_measured_itself(
    whole: JobFolder, tmp_path: Path, base: Path
) -> None:
    bad = {"eval_steps": 2}
    folder = continued(tmp_path / "run", base, whole, 20, training=bad, watch={"early_stopping_patience": 1})
    found = checkpoints(whole.checkpoints)[0].path
    told = json.loads((found / MANIFEST).read_text("utf-8"))["told"]
    seal(found, told | {"evaluations": {"8": 1e-9}, "without_better": 7})  # as if nothing could ever be better
    assert works(folder) == 0, folder.log_tail()
    finished, measured = folder.last_event(), {e.step: e.loss for e in events_of(folder, Evaluated)}
    assert isinstance(finished, Finished)
    assert min(measured) > 14
    best = min(measured, key=lambda step: measured[step])
    assert (finished.best_eval_loss, finished.details["best_step"]) == (measured[best], best)
    assert finished.eval_loss == measured[finished.details["from_step"]]
    assert events_of(folder, Evaluated)[0].best, "its patience begins anew"


def test_a_stopped_run_has_the_losses_of_the_weights_it_keeps(tmp_path: Path, base: Path) -> None:
    folder = prepared(tmp_path / "run", base, training={"max_steps": 100_000, "eval_steps": 5})
    finished = stopped_after(folder, 7)
    measured = {e.step: e.loss for e in events_of(folder, Evaluated)}
    from_step = finished.details["from_step"]
    assert finished.eval_loss == measured.get(from_step)
    last = [s.loss for s in events_of(folder, Step) if s.step <= from_step][-10:]
    assert finished.train_loss == pytest.approx(sum(last) / len(last))
