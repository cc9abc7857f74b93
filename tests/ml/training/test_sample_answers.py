"""Answers while it trains: each is the one that the prompt gets alone, from the model as it is at that step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from datasets import Dataset

from studio.domain.spec.run_spec import read_spec
from studio.store.job_folder import JobFolder
from studio.worker.models.load import load_base
from studio.worker.tokenization.packing import PaddingCollator
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
from studio.worker.training.model_loss import ComputePath
from studio.worker.training.sample_answers import MAX_TOKENS, Samples
from studio.worker.training.setup import build_trainer
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer
from tests.support.model_families import save_family

ASKED = ("and so?", "the quick brown fox jumps over the lazy dog, and says so to whoever asks it", "why is it so lazy?")
LAYERS = {"mamba": ["in_proj", "x_proj"], "falcon_h1": ["q_proj", "down_proj"], "bamba": ["q_proj", "down_proj"]}


def trainer_of(folder: Path, family: str, **training: object) -> StudioTrainer:
    """With an adapter that acts."""
    loaded = load_base(save_family(folder / family, family), "fp32")
    rows = Dataset.from_list([{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}]).with_format("numpy")
    examples = TokenizedDataset(rows, tokens=3, target_tokens=2, dropped_rows=0)
    lora = {"r": 2, "lora_alpha": 8, "target_modules": LAYERS.get(family, "all-linear")}
    spec = read_spec({"data": {"name": "rows"}, "lora": lora, "training": training})
    trainer = build_trainer(loaded, examples, examples, spec, folder / "run", StopRequest(JobFolder(folder)))
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            if parameter.requires_grad:
                parameter.copy_(torch.randn(parameter.shape, generator=draw) * 0.1)
    return trainer


@pytest.mark.parametrize(
    "family", ["llama", "bloom", "gpt2", "mixtral", "mamba", "falcon_h1", "bamba", "recurrent_gemma", "rwkv"]
)
def test_each_prompt_gets_the_plain_greedy_text_that_it_gets_alone(tmp_path: Path, family: str):
    trainer = trainer_of(tmp_path, family)
    tokenizer = trainer.processing_class
    prompts = [[{"role": "user", "content": text}] for text in ASKED]
    found = list(Samples(tokenizer, prompts).answers(trainer.model, lambda: False))
    trainer.model.eval()
    trainer.use(ComputePath(PaddingCollator(0), "whole", fused_lora=False))
    expected = []
    for prompt in prompts:
        ids = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)["input_ids"]
        rows = torch.tensor([ids])
        written = trainer.model.generate(
            input_ids=rows, attention_mask=torch.ones_like(rows), max_new_tokens=MAX_TOKENS, do_sample=False
        )
        expected.append(tokenizer.decode(written[0, len(ids) :], skip_special_tokens=True).strip())
    assert found == list(zip(ASKED, expected, strict=True))


def test_answering_changes_nothing_in_the_training(tmp_path: Path):
    trainer = trainer_of(tmp_path, "mixtral")
    trainer.model.train()
    batch = [{"input_ids": torch.arange(5, 30), "labels": torch.arange(5, 30)} for _ in range(2)]

    def loss() -> float:
        inputs = trainer._prepare_inputs(trainer.data_collator(batch))
        return trainer.compute_loss(trainer.model, inputs).item()

    before, state = loss(), torch.random.get_rng_state()
    prompts = [[{"role": "user", "content": text}] for text in ASKED]
    assert len(list(Samples(trainer.processing_class, prompts).answers(trainer.model, lambda: False))) == len(ASKED)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert trainer.model.training and loss() == before
