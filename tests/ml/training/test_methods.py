"""Each method: trained for a few steps on a tiny model, saved, and loaded again in plain peft and transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from studio.domain.errors import StudioError
from studio.domain.events import Evaluated, Finished, Started, Step
from studio.domain.precision import PrecisionName
from studio.domain.spec.peft_methods.registry import METHODS
from studio.domain.spec.run_spec import read_spec
from studio.services.models.layers import read_base_weights
from studio.services.runs.adapter_size import trainable_parameters
from studio.services.runs.checks import faults
from studio.store.checkpoint_folder import checkpoint_path
from studio.store.job_folder import JobFolder
from studio.worker.common.watchdog import Watchdog
from studio.worker.models.load import load_base
from studio.worker.training.stop import StopRequest
from studio.worker.training.task import run
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import captain_rows, continue_from, events_of, training_run

STEPS = {"max_steps": 5, "per_device_train_batch_size": 2, "learning_rate": 1e-2, "warmup_steps": 0, "eval_steps": 5}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"), starter, "llama")


def job_of(folder: Path, base: Path, method: str, precision: str = "fp32", **training: Any) -> JobFolder:
    return training_run(
        folder, base, captain_rows(20), model={"precision": precision}, method={"kind": method},
        **{method: {"r": 4}}, training=STEPS | training,
    )  # fmt: skip


def trained(job: JobFolder) -> Finished:
    return run(job, StopRequest(job), Watchdog(job))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(500, 512)[None]).logits


def plain(base: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_learns_and_is_the_same_in_plain_peft_and_transformers(tmp_path: Path, base: Path, method: str):
    job = job_of(tmp_path / "run", base, method, max_steps=10, eval_steps=1, learning_rate=0.1)
    finished = trained(job)
    evaluations = [each.loss for each in events_of(job, Evaluated)]
    assert len(evaluations) == 10 and evaluations[-1] < evaluations[0]
    in_peft = logits(PeftModel.from_pretrained(plain(base), finished.path))
    assert not torch.allclose(in_peft, logits(plain(base)), atol=1e-3)
    in_transformers = plain(base)
    in_transformers.load_adapter(finished.path)
    torch.testing.assert_close(logits(in_transformers), in_peft, atol=1e-5, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_the_estimate_counts_the_parameters_that_are_trained(tmp_path: Path, base: Path, method: str):
    job = job_of(tmp_path / "run", base, method, max_steps=1)
    trained(job)
    (started,) = events_of(job, Started)
    assert trainable_parameters(read_base_weights(base), METHODS[method](r=4)) == started.trainable


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_was_cut_off_ends_with_the_same_weights(tmp_path: Path, base: Path, method: str):
    """Resumed from the checkpoint after its second step, as from one that a kill leaves."""
    whole = job_of(tmp_path / "whole", base, method, save_steps=2, max_steps=4)
    finished = trained(whole)
    again = job_of(tmp_path / "again", base, method, save_steps=2, max_steps=4)
    continue_from(again, checkpoint_path(whole.checkpoints, 2))
    resumed = trained(again)
    assert [step.step for step in events_of(again, Step)] == [3, 4]
    first, second = (PeftModel.from_pretrained(plain(base), each.path) for each in (finished, resumed))
    torch.testing.assert_close(logits(first), logits(second), atol=0, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_peft_cannot_put_on_a_model_is_refused_before_the_start(
    tmp_path: Path, starter: Path, method: str, family: str
):
    base = tiny_model(tmp_path / family, starter, family)
    spec = read_spec({"data": {"name": "rows"}, "method": {"kind": method}, method: {"r": 4}})
    if found := faults(spec, base=read_base_weights(base)):
        assert list(found) == ["method.kind"] and found["method.kind"].remedy
        with pytest.raises(StudioError, match=found["method.kind"].problem):  # where the layers are not known before
            trained(job_of(tmp_path / "run", base, method, max_steps=1))
    else:
        trained(job_of(tmp_path / "run", base, method, max_steps=1))


def test_a_rank_beyond_a_layers_inputs_is_refused_in_words_by_the_worker_too(tmp_path: Path, base: Path):
    job = training_run(tmp_path / "run", base, captain_rows(8), method={"kind": "miss"}, miss={"r": 33})
    with pytest.raises(StudioError, match="only 32 inputs"):
        trained(job)


@pytest.mark.parametrize("precision", ["8-bit", "4-bit"])
@pytest.mark.parametrize("method", METHODS)
def test_a_quantised_base_is_trained_and_the_adapter_works_in_plain_peft(
    tmp_path: Path, base: Path, method: str, precision: PrecisionName
):
    finished = trained(job_of(tmp_path / "run", base, method, precision, max_steps=2))
    loaded = [load_base(str(base), precision).model for _ in range(2)]
    adapted = PeftModel.from_pretrained(loaded[0], finished.path)
    assert not torch.allclose(logits(adapted), logits(loaded[1]), atol=1e-4)
