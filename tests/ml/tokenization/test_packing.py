"""Documents in one row: as fast as no padding is, and as if each stood alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model

from studio.domain.spec.run_spec import RunSpec, read_spec
from studio.store.job_folder import JobFolder
from studio.worker.models.load import LoadedModel, load_base
from studio.worker.models.probes import has_plain_head
from studio.worker.tokenization.packing import PackingCollator, PaddingCollator
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
from studio.worker.training import document_attention as attention
from studio.worker.training.chunked_loss import at_targets, linear_loss, loss_by
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer
from tests.support.tiny_models import tiny_model

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},  # with biases
    "mistral": {"sliding_window": 4},
    "gemma2": {"head_dim": 8, "final_logit_softcapping": 5.0, "sliding_window": 64},
    "bloom": {"n_head": 4},
    "mamba": {"state_size": 4, "time_step_rank": 4},
}
LAYERS = dict.fromkeys(FAMILIES, "all-linear") | {"mamba": ["in_proj", "x_proj"]}  # peft refuses some layers of mamba


def documents(*lengths: int) -> list[dict[str, torch.Tensor]]:
    """Random ids; the first third of each document is not learned."""
    draw = torch.Generator().manual_seed(7)
    made = []
    for length in lengths:
        ids = torch.randint(100, 40_000, (length,), generator=draw)
        labels = ids.clone()
        labels[: max(1, length // 3)] = -100
        made.append({"input_ids": ids, "labels": labels})
    return made


def spec(**settings: Any) -> RunSpec:
    return read_spec({"data": {"name": "rows"}} | settings)


def trainer_of(loaded: LoadedModel, folder: Path, run: RunSpec) -> StudioTrainer:
    rows = Dataset.from_list([{k: v.tolist() for k, v in d.items()} for d in documents(9, 5)])
    examples = TokenizedDataset(rows.with_format("numpy"), tokens=14, target_tokens=10, dropped_rows=0)
    return build_trainer(loaded, examples, examples, run, folder / "checkpoints", StopRequest(JobFolder(folder)))


@pytest.fixture
def base(tmp_path: Path, starter: Path) -> Any:
    def load(family: str) -> LoadedModel:
        return load_base(tiny_model(tmp_path / family, starter, family, **FAMILIES[family]), "fp32")

    return load


@pytest.mark.parametrize(
    ("family", "batches", "head_is_plain"),
    [
        ("llama", PackingCollator(with_lengths=True), True),
        ("qwen2", PackingCollator(with_lengths=True), True),
        ("mistral", PackingCollator(), True),
        ("gemma2", PackingCollator(), False),
        ("bloom", PaddingCollator(2), True),
        ("mamba", PaddingCollator(2), True),
    ],
)
def test_what_an_architecture_allows_is_found_out(
    base: Any, tmp_path: Path, family: str, batches: Any, head_is_plain: bool
):
    loaded = base(family)
    assert has_plain_head(loaded.model) is head_is_plain
    assert trainer_of(loaded, tmp_path, spec(lora={"r": 2, "target_modules": LAYERS[family]})).data_collator == batches


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_those_of_the_plain_model_on_padded_rows(base: Any, tmp_path: Path, family: str):
    adapter = {"r": 2, "lora_alpha": 8, "target_modules": LAYERS[family]}
    trainer = trainer_of(base(family), tmp_path, spec(lora=adapter))
    plain = get_peft_model(base(family).model, LoraConfig(**adapter))
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for mine, theirs in zip(trained(trainer.model), trained(plain), strict=True):
            theirs.copy_(mine.copy_(torch.randn(mine.shape, generator=draw) * 0.1))
    batch = documents(23, 7, 150)

    trainer.model.train()
    total = 0.0
    parts = iter([trainer.data_collator(part) for part in (batch[:2], batch[2:])])  # as when gradients are accumulated
    batches, _ = trainer.get_batch_samples(parts, 2, "cpu")
    for part in batches:
        loss = trainer.compute_loss(trainer.model, trainer._prepare_inputs(part))
        loss.backward()
        total += loss.item()
    expected = plain.train()(**PaddingCollator(2)(batch)).loss
    expected.backward()

    assert total == pytest.approx(expected.item(), rel=1e-4)
    for mine, theirs in zip(trained(trainer.model), trained(plain), strict=True):
        assert mine.grad is not None and theirs.grad is not None
        assert (mine.grad - theirs.grad).norm() <= 1e-4 * theirs.grad.norm()


def trained(model: Any) -> list[torch.nn.Parameter]:
    return [p for _, p in sorted(model.named_parameters()) if p.requires_grad]


@pytest.mark.parametrize("implementation", ["sdpa", attention.NAME])
def test_a_packed_document_has_the_logits_that_it_has_alone(base: Any, implementation: str):
    model = base("llama").model
    batch = documents(40, 3, 140)
    alone = [model(input_ids=d["input_ids"][None], use_cache=False).logits[0] for d in batch]
    model.set_attn_implementation(implementation)
    inputs = PackingCollator(with_lengths=True)(batch)
    del inputs["labels"]
    packed = model(**inputs, use_cache=False).logits[0]
    assert torch.allclose(packed, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_the_starter_model_does_not_see_other_documents_either(starter: Path):
    model = load_base(starter, "fp32").model
    batch = documents(30, 12)
    with torch.no_grad():
        alone = model(input_ids=batch[1]["input_ids"][None], use_cache=False).logits[0]
        model.set_attn_implementation(attention.NAME)
        inputs = PackingCollator(with_lengths=True)(batch)
        del inputs["labels"]
        packed = model(**inputs, use_cache=False).logits[0, 30:]
    assert (packed - alone).abs().max() < 1e-3 * alone.abs().max()


def test_attention_with_dropout_is_causal_too():
    draw = torch.Generator().manual_seed(0)
    q, k, v = torch.randn(1, 4, 6, 8, generator=draw), *torch.randn(2, 1, 2, 6, 8, generator=draw)
    module = torch.nn.Module()
    torch.manual_seed(0)
    whole, _ = attention.attend_by_document(module, q, k, v, None, dropout=1e-9, document_lengths=[4, 2])
    plain, _ = attention.attend_by_document(module, q, k, v, None, document_lengths=[4, 2])
    assert torch.allclose(whole, plain, atol=1e-5)


@pytest.mark.parametrize("head", ["linear", "any"])
def test_the_loss_in_chunks_is_cross_entropy(head: str):
    draw = torch.Generator().manual_seed(0)
    hidden = torch.randn(1, 700, 16, generator=draw, requires_grad=True)
    weight, bias = torch.randn(50, 16, generator=draw), torch.randn(50, generator=draw)
    labels = torch.randint(50, (1, 700), generator=draw)
    labels[0, 100:150] = -100
    rows, targets = at_targets(hidden, labels)
    if head == "linear":
        loss = linear_loss(rows, targets, weight, bias).sum()
    else:
        loss = loss_by(lambda part: torch.nn.functional.linear(part, weight, bias), rows, targets).sum()
    (mine,) = torch.autograd.grad(loss, hidden)
    logits = torch.nn.functional.linear(hidden, weight, bias)
    expected = torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], reduction="sum")
    (theirs,) = torch.autograd.grad(expected, hidden)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(mine, theirs, atol=1e-5)


def test_padding_is_not_counted_as_tokens():
    from studio.worker.tokenization.packing import token_count

    batch = documents(5, 9)
    assert token_count(PackingCollator()(batch)) == token_count(PaddingCollator(0)(batch)) == 14
