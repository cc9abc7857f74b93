"""Each objective: its loss is that of trl on the same rows, and a run with it learns, resumes and is measured."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model
from transformers import AutoModelForCausalLM

from studio.domain.errors import StudioError
from studio.domain.events import Evaluated, Finished, Started, Step
from studio.domain.spec.run_spec import read_spec
from studio.store.checkpoint_folder import checkpoint_path
from studio.store.job_folder import JobFolder
from studio.worker.common.watchdog import Watchdog
from studio.worker.models.load import load_base
from studio.worker.tokenization.packing import PackingCollator, PaddingCollator, documents_of
from studio.worker.tokenization.tokenized_dataset import read_examples
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import StopRequest
from studio.worker.training.task import run
from studio.worker.training.trainer import StudioTrainer
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import continue_from, events_of, training_run, write_rows

BETA = 0.3
STEPS = {"max_steps": 4, "per_device_train_batch_size": 2, "learning_rate": 1e-2, "warmup_steps": 0, "eval_steps": 2}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"), starter, "llama")


def pair(question: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": question}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }


def pairs(count: int) -> list[dict[str, Any]]:
    """Rows whose chosen answers have a word that the rejected ones lack."""
    return [
        pair(f"What lies on quay {n}?", f"Aye, barrels, {n} of them.", f"There are {n} barrels on it, I think.")
        for n in range(count)
    ]


def job_of(folder: Path, base: Path, **training: Any) -> JobFolder:
    return training_run(
        folder, base, pairs(20), objective={"kind": "orpo"}, orpo={"beta": BETA}, training=STEPS | training
    )


def trained(job: JobFolder) -> Finished:
    return run(job, StopRequest(job), Watchdog(job))


def trainer_of(folder: Path, base: Path, rows: list[dict[str, Any]]) -> tuple[StudioTrainer, list[Any]]:
    spec = read_spec(
        {
            "data": {"name": "rows", "validation_split": 0}, "objective": {"kind": "orpo"}, "orpo": {"beta": BETA},
            "training": {"per_device_train_batch_size": 2},
        }
    )  # fmt: skip
    loaded = load_base(str(base), "fp32")
    path = write_rows(folder / "rows.arrow", rows)
    train, evaluation, _ = read_examples(path, spec, loaded.tokenizer, folder / "examples")
    trainer = build_trainer(loaded, train, evaluation, spec, folder / "checkpoints", StopRequest(JobFolder(folder)))
    give_weights(trainer.model)
    return trainer, list(train.rows)


def give_weights(model: Any) -> list[torch.nn.Parameter]:
    """To the adapter, so that it does something, the same each time; returns them."""
    weights = [p for p in model.parameters() if p.requires_grad]
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in weights:
            parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.1)
    return weights


def plain_of(trainer: StudioTrainer, base: Path) -> tuple[Any, list[torch.nn.Parameter]]:
    """The same model and adapter by transformers and peft alone, and its weights."""
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    plain = get_peft_model(model, trainer.model.peft_config["default"])
    return plain, give_weights(plain)


class Orpo:
    """What trl's odds_ratio_loss takes from its trainer."""

    beta = BETA

    class accelerator:  # noqa: N801 - trl's name
        device = "cpu"


def loss_by_trl(model: Any, examples: list[Any]) -> torch.Tensor:
    """trl's own functions on logits of the model, with padding, chosen answers first."""
    with warnings.catch_warnings():  # that its interface may change, which would fail here
        warnings.simplefilter("ignore")
        from trl.experimental.orpo import ORPOTrainer
    documents = [list(documents_of(example)) for example in examples]
    batch = PaddingCollator(0)([chosen for chosen, _ in documents] + [rejected for _, rejected in documents])
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits
    likelihoods = ORPOTrainer.get_batch_logps(logits, batch["labels"], average_log_prob=True)
    count = len(examples)
    losses, *_ = ORPOTrainer.odds_ratio_loss(Orpo, likelihoods[:count], likelihoods[count:])
    chosen = torch.nn.functional.cross_entropy(
        logits[:count, :-1].flatten(0, 1), batch["labels"][:count, 1:].flatten(), ignore_index=-100
    )
    return chosen - losses.mean()


@pytest.mark.parametrize("split", [1, 2], ids=["one batch", "accumulated"])
def test_orpo_has_the_loss_and_the_gradients_of_trl(tmp_path: Path, base: Path, split: int) -> None:
    trainer, examples = trainer_of(tmp_path, base, pairs(5))
    assert isinstance(trainer.path.batches, PackingCollator), "pairs are packed, too"
    weights = [p for p in trainer.model.parameters() if p.requires_grad]
    plain, their_weights = plain_of(trainer, base)
    parts = [examples[:2], examples[2:]] if split == 2 else [examples]
    collated = iter([trainer.data_collator(part) for part in parts])
    batches, _ = trainer.get_batch_samples(collated, len(parts), "cpu")
    loss = torch.stack([trainer.compute_loss(trainer.model, trainer._prepare_inputs(each)) for each in batches]).sum()
    mine = torch.autograd.grad(loss, weights)
    figures = trainer.step_figures()
    expected = loss_by_trl(plain, examples)
    theirs = torch.autograd.grad(expected, their_weights)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for ours, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(ours, other, atol=1e-5, rtol=1e-4)
    assert figures["margin"] == pytest.approx(figures["chosen"] - figures["rejected"], abs=1e-5)
    assert 0 <= figures["accuracy"] <= 1


def test_a_run_raises_the_preference_for_what_was_chosen(tmp_path: Path, base: Path) -> None:
    job = job_of(tmp_path / "run", base, max_steps=20, eval_steps=10)
    trained(job)
    (started,) = events_of(job, Started)
    assert started.train_rows == 18 and started.eval_rows == 2
    first, *_, last = events_of(job, Step)
    assert last.figures["margin"] > first.figures["margin"] and last.loss < first.loss
    evaluations = events_of(job, Evaluated)
    assert [each.step for each in evaluations] == [10, 20]
    assert evaluations[-1].figures["margin"] > 0 and evaluations[-1].figures["accuracy"] == 1


def test_an_evaluation_is_the_loss_over_all_rows_at_once(tmp_path: Path, base: Path) -> None:
    trainer, examples = trainer_of(tmp_path, base, pairs(5))
    trainer.eval_dataset = trainer.train_dataset
    plain, _ = plain_of(trainer, base)
    assert trainer.evaluate()["eval_loss"] == pytest.approx(loss_by_trl(plain, examples).item(), rel=1e-5)


def test_a_run_that_was_cut_off_ends_with_the_same_losses(tmp_path: Path, base: Path) -> None:
    whole = job_of(tmp_path / "whole", base, save_steps=2)
    trained(whole)
    again = job_of(tmp_path / "again", base, save_steps=2)
    continue_from(again, checkpoint_path(whole.checkpoints, 2))
    trained(again)
    kept = [(step.step, step.loss, step.figures) for step in events_of(whole, Step)]
    assert [(step.step, step.loss, step.figures) for step in events_of(again, Step)] == kept[2:]


def test_a_checkpoint_of_another_objective_is_refused(tmp_path: Path, base: Path) -> None:
    whole = job_of(tmp_path / "whole", base, save_steps=2)
    trained(whole)
    other = training_run(tmp_path / "other", base, pairs(20), training=STEPS)
    continue_from(other, checkpoint_path(whole.checkpoints, 2))
    with pytest.raises(StudioError, match="objective"):
        trained(other)


def test_a_pair_of_which_an_answer_is_beyond_max_length_is_left_out_and_counted(tmp_path: Path, base: Path) -> None:
    rows = [*pairs(4), pair("And here?", "Aye.", "word " * 200), pair("word " * 300, "Aye.", "No.")]
    trainer, _ = trainer_of(tmp_path, base, rows)
    assert len(trainer.train_dataset) == 6, "what is cut is still trained on"
    job = training_run(
        tmp_path / "run", base, rows, data={"validation_split": 0}, objective={"kind": "orpo"},
        training=STEPS | {"max_length": 60, "max_steps": 1},
    )  # fmt: skip
    trained(job)
    (started,) = events_of(job, Started)
    assert (started.train_rows, started.dropped_rows) == (5, 1)
