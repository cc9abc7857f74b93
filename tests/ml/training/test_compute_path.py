"""What is quicker is used where it computes the same as plain transformers and peft, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import get_peft_model
from transformers import AutoModelForCausalLM

from studio.domain.events import Evaluated, Started, Step
from studio.domain.spec.run_spec import read_spec
from studio.store.job_folder import JobFolder
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.models.probes import DocumentProbe, has_plain_head
from studio.worker.tokenization.packing import PaddingCollator
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
from studio.worker.training import fused_lora as lora_linear
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer
from tests.support.model_families import save_family
from tests.support.training_jobs import captain_rows, events_of, start_worker, training_run

QUICKEST = ["packed", "document attention", "fused LoRA", "learned positions only"]
LAYERS = {name: ["q_proj", "k_proj", "up_proj", "down_proj"] for name in ("falcon_h1", "bamba", "jamba")} | {
    "granitemoehybrid": ["q_proj", "input_linear"],
    "mamba": ["in_proj", "x_proj"],
    "mamba2": ["in_proj"],
}


def documents(*lengths: int) -> list[dict[str, list[int]]]:
    """The first third of each is not learned."""
    draw, made = torch.Generator().manual_seed(5), []
    for length in lengths:
        ids = torch.randint(4, 300, (length,), generator=draw).tolist()
        made.append({"input_ids": ids, "labels": [-100] * (length // 3) + ids[length // 3 :]})
    return made


def load(folder: Path, family: str, **changed: Any) -> LoadedModel:
    return load_base(save_family(folder / "model", family, **changed), "fp32")


def trainer_of(
    loaded: LoadedModel, folder: Path, *, lora: Mapping[str, Any] | None = None, **training: Any
) -> StudioTrainer:
    model_type = loaded.model.config.model_type
    lora = {"r": 2, "lora_alpha": 8, "target_modules": LAYERS.get(model_type, "all-linear")} | dict(lora or {})
    spec = read_spec({"data": {"name": "rows"}, "lora": lora, "training": training})
    examples = TokenizedDataset(
        Dataset.from_list(documents(9, 5)).with_format("numpy"), tokens=14, target_tokens=10, dropped_rows=0
    )
    return build_trainer(loaded, examples, examples, spec, folder / "run", StopRequest(JobFolder(folder)))


def trained(model: Any) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def plain_of(trainer: StudioTrainer, folder: Path) -> Any:
    """The same model and adapter by transformers and peft alone; the adapter of both acts."""
    base = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    plain = get_peft_model(base, trainer.model.peft_config["default"])
    for model in (trainer.model, plain):
        draw = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in trained(model).values():
                parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.1)
        model.train()
    return plain


def loss_of(trainer: StudioTrainer, batch: list[Any], learned: int) -> torch.Tensor:
    inputs = trainer._prepare_inputs(trainer.data_collator(batch))
    return trainer.compute_loss(trainer.model, inputs, num_items_in_batch=torch.tensor(learned))


def check_rows(trainer: StudioTrainer, plain: Any, batch: list[dict[str, list[int]]]) -> None:
    """Loss and gradients are those of the plain model, which reads row by row."""
    learned = sum(label != -100 for document in batch for label in document["labels"][1:])
    loss = loss_of(trainer, batch, learned)
    loss.backward()
    expected = torch.zeros(())
    for document in batch:
        row = {name: torch.tensor([ids]) for name, ids in document.items()}
        labels = row.pop("labels")[0, 1:]
        logits = plain(**row, use_cache=False).logits[0, :-1].float()
        expected = expected + torch.nn.functional.cross_entropy(logits, labels, reduction="sum") / learned
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    check_gradients(trainer.model, plain)


def check_gradients(model: Any, plain: Any) -> None:
    mine, theirs = trained(model), trained(plain)
    scale = torch.stack([p.grad.norm() for p in theirs.values() if p.grad is not None]).norm()
    assert mine.keys() == theirs.keys()
    for name, parameter in theirs.items():
        if parameter.grad is not None:
            difference = (mine[name].grad - parameter.grad).norm()
            assert difference <= 1e-4 * parameter.grad.norm() + 1e-5 * scale, name


def test_the_quickest_path_is_taken_by_a_plain_model(tmp_path: Path):
    trainer = trainer_of(load(tmp_path, "llama"), tmp_path)
    assert trainer.path.names() == QUICKEST


@pytest.mark.parametrize(
    ("family", "changed"),
    [
        ("modernbert-decoder", {}),
        ("gemma2", {"final_logit_softcapping": 0.5}),
        ("cohere", {"logit_scale": 0.25}),
        ("granite", {"logits_scaling": 4.0}),
        ("recurrent_gemma", {"logits_soft_cap": 0.5}),
        ("nanochat", {"final_logit_softcapping": 0.5}),
    ],
)
def test_a_head_that_is_more_than_a_linear_layer_is_the_models_own(tmp_path: Path, family: str, changed: Any):
    loaded = load(tmp_path, family, **changed)
    assert not has_plain_head(loaded.model)
    trainer = trainer_of(loaded, tmp_path)
    assert trainer.path.head == "own" and "learned positions only" in trainer.path.names()
    check_rows(trainer, plain_of(trainer, tmp_path), documents(23, 7, 61))


def test_a_cap_that_no_configuration_names_is_found_out(tmp_path: Path):
    def capped(model: Any) -> None:
        own = model.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            output = own(*args, **kwargs)
            output.logits = 3 * torch.tanh(output.logits / 3)
            return output

        model.forward = forward

    loaded = load(tmp_path, "llama")
    capped(loaded.model)
    trainer = trainer_of(loaded, tmp_path)
    assert trainer.path.head == "own"
    plain = plain_of(trainer, tmp_path)
    capped(plain.get_base_model())
    check_rows(trainer, plain, documents(23, 7))


@pytest.mark.parametrize("family", ["falcon_h1", "bamba", "jamba", "granitemoehybrid", "lfm2", "minimax", "mamba2"])
def test_what_carries_one_document_into_the_next_is_not_packed(tmp_path: Path, family: str):
    trainer = trainer_of(load(tmp_path, family), tmp_path)
    assert trainer.path.names() == ["padded", "fused LoRA", "learned positions only"]
    check_rows(trainer, plain_of(trainer, tmp_path), documents(23, 7, 61))


def test_a_leak_that_the_rounding_of_bf16_hides_is_found_out(tmp_path: Path):
    """A thousandth of the token before is mixed into each, as a convolution does."""
    model = load(tmp_path, "llama").model.to(torch.bfloat16)
    assert DocumentProbe(model).passes()
    layer = model.model.layers[0]

    def adapter_set(_: Any, inputs: tuple[Any, ...], kwargs: Any) -> Any:
        hidden = inputs[0]
        return (hidden + 1e-3 * torch.nn.functional.pad(hidden[:, :-1], (0, 0, 1, 0)), *inputs[1:]), kwargs

    layer.register_forward_pre_hook(adapter_set, with_kwargs=True)
    assert not DocumentProbe(model).passes()


def test_blocks_that_are_counted_from_the_beginning_of_a_row_are_not_packed(tmp_path: Path):
    """As attention in chunks is, even where a chunk is longer than what can be tried."""
    model = load(tmp_path, "llama").model
    model.config.attention_chunk_size = 8192
    assert not DocumentProbe(model).passes()


def test_layers_whose_output_is_changed_in_place_are_fused(tmp_path: Path):
    trainer = trainer_of(load(tmp_path, "gemma3n_text"), tmp_path)
    assert "fused LoRA" in trainer.path.names()
    check_rows(trainer, plain_of(trainer, tmp_path), documents(23, 7))


@pytest.mark.parametrize("fault", ["raises", "is wrong"])
def test_a_quicker_way_that_fails_is_left_out_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    def call(layer: Any, x: torch.Tensor) -> torch.Tensor:
        if fault == "raises":
            raise RuntimeError("no such kernel")
        return torch.nn.functional.linear(x, layer._base.weight) * 1.001

    monkeypatch.setattr(lora_linear._Fused, "__call__", call)
    trainer = trainer_of(load(tmp_path, "llama"), tmp_path)
    assert trainer.path.names() == ["packed", "document attention", "learned positions only"]
    check_rows(trainer, plain_of(trainer, tmp_path), documents(23, 7))


def test_attention_that_is_wrong_only_in_its_gradients_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from transformers import AttentionInterface

    from studio.worker.training import document_attention as attention

    def wrong(module: Any, query: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        return attention.attend_by_document(module, query.detach(), *args, **kwargs)

    monkeypatch.setitem(AttentionInterface._global_mapping, attention.NAME, wrong)
    trainer = trainer_of(load(tmp_path, "llama"), tmp_path)
    assert trainer.path.names() == ["padded", "fused LoRA", "learned positions only"]
    assert trainer.model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_attention_that_leaves_something_untrained_is_not_taken_however_little_it_does(tmp_path: Path, precision: str):
    """Doge masks by what it has learned; attention by document knows no mask."""
    loaded = load_base(save_family(tmp_path / "model", "doge"), precision)
    assert "document attention" not in trainer_of(loaded, tmp_path).path.names()


def test_rows_that_change_beside_longer_ones_are_computed_one_at_a_time(tmp_path: Path):
    stretched = {
        "rope_type": "longrope", "rope_theta": 10_000.0, "original_max_position_embeddings": 32,
        "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "factor": 8.0,
    }  # fmt: skip
    loaded = load(tmp_path, "llama", rope_parameters=stretched)
    trainer = trainer_of(loaded, tmp_path, max_length=200)
    assert trainer.path.names() == ["one row at a time", "fused LoRA", "learned positions only"]
    check_rows(trainer, plain_of(trainer, tmp_path), documents(23, 7, 61))
    assert trainer_of(load(tmp_path, "llama"), tmp_path).path.names() == QUICKEST


def test_trying_changes_neither_weights_nor_gradients_nor_random_numbers(tmp_path: Path):
    def state(trial: bool) -> Any:
        torch.manual_seed(11)
        with pytest.MonkeyPatch.context() as patch:
            if not trial:
                patch.setattr("studio.worker.training.setup.choose_path", lambda trainer, offers: offers.plain)
            trainer = trainer_of(load(tmp_path, "gpt2", resid_pdrop=0.1), tmp_path, lora={"lora_dropout": 0.1})
        weights = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
        assert all(p.grad is None for p in trainer.model.parameters())
        return weights, torch.random.get_rng_state(), trainer.model.training

    (before, numbers, mode), (after, later, later_mode) = state(False), state(True)
    assert torch.equal(numbers, later) and mode == later_mode
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_a_router_learns_as_transformers_defines_it_for_the_whole_step(tmp_path: Path):
    trainer = trainer_of(load(tmp_path, "mixtral", router_aux_loss_coef=0.5), tmp_path)
    assert trainer.path.names() == QUICKEST
    plain = plain_of(trainer, tmp_path)
    batch = documents(23, 7, 61)
    padded = PaddingCollator(0)(batch)
    learned = int((padded["labels"][:, 1:] != -100).sum())

    loss = loss_of(trainer, batch, learned)
    loss.backward()
    output = plain(**padded, output_router_logits=True, use_cache=False)
    output.loss.backward()
    language = output.loss.item() - 0.5 * output.aux_loss.item()
    assert loss.item() == pytest.approx(language, rel=1e-5), "what is shown is the loss of language"
    check_gradients(trainer.model, plain)


def test_a_routers_share_in_a_micro_batch_is_that_of_its_tokens(tmp_path: Path):
    trainer = trainer_of(load(tmp_path, "mixtral", router_aux_loss_coef=0.5), tmp_path)
    plain = plain_of(trainer, tmp_path)
    parts = [documents(40), documents(13, 7)]
    learned = sum(label != -100 for part in parts for document in part for label in document["labels"][1:])
    batches, _ = trainer.get_batch_samples(iter([trainer.data_collator(part) for part in parts]), 2, "cpu")
    total = 0.0
    for batch in batches:
        loss = trainer.compute_loss(trainer.model, trainer._prepare_inputs(batch))
        loss.backward()
        total += loss.item()
    expected = torch.zeros(())
    for part, share in zip(parts, (40 / 60, 20 / 60), strict=True):
        padded = PaddingCollator(0)(part)
        labels = padded.pop("labels")
        output = plain(**padded, output_router_logits=True, use_cache=False)
        flat = torch.nn.functional.cross_entropy(
            output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum"
        )
        router = 0.5 * share * output.aux_loss
        expected = expected + flat / learned + router - router.detach()
    expected.backward()
    assert total == pytest.approx(expected.item(), rel=1e-5)
    check_gradients(trainer.model, plain)


def test_a_run_says_what_is_in_use_and_shows_the_loss_of_language_alone(tmp_path: Path):
    """The router's loss is some 2 here, and its coefficient large: it would be seen."""
    seen = {}
    for coefficient in (0.0, 50.0):
        folder = tmp_path / str(coefficient)
        folder.mkdir()
        base = save_family(folder / "model", "mixtral", router_aux_loss_coef=coefficient)
        training = {
            "max_steps": 1, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_length": 128,
            "learning_rate": 1e-9,
        }  # fmt: skip
        data = {"validation_split": 0.2}
        run = training_run(
            folder / "run", base, captain_rows(12), training=training, data=data, model={"precision": "fp32"}
        )
        with start_worker(run) as worker:
            assert worker.wait(240) == 0, run.log_tail()
        (started,) = events_of(run, Started)
        assert started.computed == QUICKEST
        seen[coefficient] = [e.loss for e in (*events_of(run, Step), *events_of(run, Evaluated))]
    assert len(seen[0.0]) == 2
    assert seen[50.0] == pytest.approx(seen[0.0], rel=1e-5)
