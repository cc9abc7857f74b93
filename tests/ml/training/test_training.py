"""Training runs on a real, tiny model, in this process: what each setting does, and what a run leaves behind."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PEFT_TYPE_TO_CONFIG_MAPPING, PeftModel, PeftType
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig

from studio.domain.errors import StudioError
from studio.domain.events import Evaluated, Finished, Progress, Saved, Started, Step
from studio.domain.jobs.training import TrainRequest
from studio.domain.spec.peft_methods.base import MethodSpec
from studio.domain.spec.peft_methods.registry import METHODS
from studio.domain.spec.training import TrainingSpec
from studio.store.job_folder import JobFolder
from studio.worker.common.watchdog import Watchdog
from studio.worker.models.load import load_base
from studio.worker.tokenization.packing import PaddingCollator
from studio.worker.tokenization.tokenized_dataset import read_examples
from studio.worker.training.stop import Stopped, StopRequest
from studio.worker.training.task import run
from tests.support.tiny_models import tiny_model
from tests.support.training_jobs import captain_rows, conversation, events_of, training_run

QUICK = {"max_steps": 2, "per_device_train_batch_size": 2, "learning_rate": 1e-2, "warmup_steps": 0}

Train = Callable[..., tuple[JobFolder, Finished]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"), starter, "llama")


@pytest.fixture
def train(tmp_path: Path, base: Path) -> Train:
    """Runs with the given settings, by section; returns the folder and the run's last event."""

    def trained(name: str = "run", *, on: Path = base, rows: Any = None, **settings: Any) -> tuple[JobFolder, Finished]:
        settings["training"] = QUICK | settings.get("training", {})
        folder = training_run(tmp_path / name, on, rows or captain_rows(10), **settings)
        return folder, run(folder, StopRequest(folder), Watchdog(folder))

    return trained


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(500, 512)[None]).logits


def tuned(base: Path, adapter: str | Path) -> Any:
    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter)


def changes_the_model(base: Path, adapter: str | Path) -> bool:
    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    return not torch.allclose(logits(tuned(base, adapter)), logits(plain), atol=1e-3)


def losses(folder: JobFolder) -> list[float]:
    return [step.loss for step in events_of(folder, Step)]


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_setting_is_one_that_peft_knows(method: type[MethodSpec]):
    config = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method.peft_type]]
    assert set(method.model_fields) <= {field.name for field in fields(config)}
    assert config(**method().model_dump(), task_type="CAUSAL_LM").peft_type == PeftType[method.peft_type]


def test_every_setting_is_one_that_trl_knows():
    assert SFTConfig(**TrainingSpec().model_dump(), use_cpu=True).max_length == TrainingSpec().max_length


@pytest.mark.parametrize(
    ("lora", "trained"),
    [
        ({}, {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
        ({"target_modules": "q_proj, v_proj", "r": 4}, {"q_proj", "v_proj"}),
        ({"target_modules": "self_attn.o_proj", "use_rslora": True}, {"o_proj"}),
        ({"target_modules": "up_proj", "use_dora": True}, {"up_proj"}),
        ({"target_modules": "up_proj", "lora_dropout": 0.1}, {"up_proj"}),
    ],
    ids=["all", "two", "rslora", "dora", "dropout"],
)
def test_the_adapter_is_on_the_layers_that_were_asked_for(
    train: Train, base: Path, lora: dict[str, Any], trained: set[str]
):
    _, finished = train(lora=lora)
    names = load_file(Path(finished.path) / "adapter_model.safetensors")
    assert {name.partition(".lora_")[0].rpartition(".")[2] for name in names} == trained
    assert any("magnitude" in name for name in names) is lora.get("use_dora", False)
    assert changes_the_model(base, finished.path)


@pytest.mark.parametrize("target", ["query", "lm_head", "embed_tokens"])
def test_a_target_that_can_get_no_adapter_is_told_with_those_that_can(train: Train, target: str):
    with pytest.raises(StudioError, match=f"no layer named “{target}”.*q_proj, k_proj"):
        train(lora={"target_modules": target})


@pytest.mark.parametrize("bias", ["all", "lora_only"])
def test_biases_are_trained_with_the_adapter(train: Train, tmp_path: Path, starter: Path, bias: str):
    base = tiny_model(tmp_path / "qwen2", starter, "qwen2")
    _, finished = train(on=base, lora={"bias": bias})
    before, after = load_file(base / "model.safetensors"), load_file(Path(finished.path) / "adapter_model.safetensors")
    biases = [name for name in after if name.endswith(".bias")]
    assert len(biases) == 2 * 3  # q, k and v of both layers
    for name in biases:
        original = name.removeprefix("base_model.model.").replace(".base_layer", "")
        assert not torch.equal(after[name], before[original])


@pytest.mark.parametrize("precision", ["fp32", "bf16", "8-bit", "4-bit"])
@pytest.mark.parametrize("lora", [{}, {"use_dora": True}], ids=["LoRA", "DoRA"])
def test_every_precision_trains_an_adapter_in_fp32(train: Train, base: Path, precision: str, lora: dict[str, Any]):
    folder, finished = train(model={"precision": precision}, lora=lora)
    saved = load_file(Path(finished.path) / "adapter_model.safetensors")
    assert events_of(folder, Started)[0].precision == precision
    assert {tensor.dtype for tensor in saved.values()} == {torch.float32}
    assert changes_the_model(base, finished.path)


def test_bf16_goes_the_way_that_fp32_goes(train: Train):
    one, _ = train("one", model={"precision": "fp32"}, training={"max_steps": 4})
    other, _ = train("other", model={"precision": "bf16"}, training={"max_steps": 4})
    assert losses(other) == pytest.approx(losses(one), rel=0.01)


def test_gradients_of_a_4_bit_model_are_the_same_after_it_was_used(base: Path):
    model = load_base(base, "4-bit").model
    embedded = torch.randn(1, 8, 32, dtype=model.dtype, generator=torch.Generator().manual_seed(0))

    def gradient() -> torch.Tensor:
        leaf = embedded.clone().requires_grad_()
        (slope,) = torch.autograd.grad(model(inputs_embeds=leaf).logits.float().square().sum(), leaf)
        return slope

    before = gradient()
    logits(model)  # without gradients, as an evaluation is
    assert torch.equal(gradient(), before)


def test_gradient_checkpointing_and_accumulation_change_nothing_but_memory(train: Train):
    precision = {"precision": "fp32"}
    plain, _ = train("plain", model=precision, training={"per_device_train_batch_size": 4})
    other, _ = train(
        "other", model=precision, training={"gradient_checkpointing": True, "gradient_accumulation_steps": 2}
    )
    assert losses(other) == pytest.approx(losses(plain), rel=1e-4)


def test_the_same_seed_gives_the_same_run_and_another_seed_another(train: Train):
    once, _ = train("once", lora={"lora_dropout": 0.2})
    again, _ = train("again", lora={"lora_dropout": 0.2})
    other, _ = train("other", lora={"lora_dropout": 0.2}, training={"seed": 7})
    assert losses(once) == losses(again) != losses(other)


def test_a_run_tells_its_whole_course(train: Train):
    folder, finished = train(
        training={"max_steps": 5, "eval_steps": 2, "save_steps": 2}, data={"validation_split": 0.2}
    )
    started = events_of(folder, Started)[0]
    assert (started.total_steps, started.train_rows, started.eval_rows) == (5, 8, 2)
    assert len(set(folder.held_out or ())) == 2 and set(folder.held_out or ()) < set(range(10))
    assert started.trainable > 0 and {"torch", "peft", "trl", "studio"} <= set(started.versions)
    measured = ["evaluating", "answering", "checkpointing"]
    assert [e.stage for e in events_of(folder, Progress)] == [
        "loading", *["tokenizing"] * 3, *measured * 3, "saving",
    ]  # fmt: skip
    steps = events_of(folder, Step)
    assert [e.recent_loss for e in steps] == pytest.approx([sum(losses(folder)[:n]) / n for n in range(1, 6)])
    assert [e.step for e in steps] == [1, 2, 3, 4, 5]
    assert all(e.tokens > 0 and e.tokens_per_second > 0 and e.memory > 0 and e.grad_norm for e in steps)
    assert steps[0].learning_rate == pytest.approx(1e-2) and steps[-1].learning_rate < 5e-3
    evaluations = events_of(folder, Evaluated)
    assert [e.step for e in evaluations] == [2, 4, 5]
    assert [e.step for e in events_of(folder, Saved)] == [2, 4, 5]
    assert finished.eval_loss == evaluations[-1].loss
    assert finished.best_eval_loss == min(e.loss for e in evaluations)
    assert finished.train_loss == pytest.approx(sum(losses(folder)) / 5)
    assert (finished.step, finished.stopped) == (5, False)
    assert finished.details["trained_tokens"] == sum(e.tokens for e in steps)


def test_the_newest_checkpoints_are_whole_and_the_others_gone(train: Train):
    folder, _ = train(training={"max_steps": 6, "save_steps": 2})
    checkpoints = sorted(folder.checkpoints.iterdir())
    assert [c.name for c in checkpoints] == ["checkpoint-4", "checkpoint-6"]
    for checkpoint in checkpoints:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
        for part in ("adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
            assert (checkpoint / part).stat().st_size > 0


def test_validation_loss_is_the_mean_over_the_learned_tokens_of_all_its_rows(train: Train, base: Path):
    said = (("Who", "Me."), ("And", "No " * 40))
    folder, _ = train(
        rows=[conversation(f"{who} {i}?", what) for i in range(5) for who, what in said],
        model={"precision": "fp32"}, data={"validation_split": 0.5},
        training={"max_steps": 1, "per_device_train_batch_size": 2},
    )  # fmt: skip
    request = folder.read_request(TrainRequest)
    _, held_out, _ = read_examples(
        request.dataset.rows_path, request.spec, AutoTokenizer.from_pretrained(base), folder.path / "again"
    )
    with torch.no_grad():
        expected = tuned(base, request.adapter)(**PaddingCollator(2)(list(held_out.rows))).loss.item()
    assert events_of(folder, Evaluated)[-1].loss == pytest.approx(expected, rel=1e-4)


def test_the_adapter_folder_tells_its_story_and_holds_nothing_but_data(train: Train, base: Path):
    folder, finished = train()
    adapter = Path(finished.path)
    files = {f.name for f in adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "studio.json", "chat_template.jinja"} <= files
    assert all(name.endswith((".safetensors", ".json", ".jinja")) for name in files)
    assert finished.size == sum(f.stat().st_size for f in adapter.iterdir())
    story = json.loads((adapter / "studio.json").read_text("utf-8"))
    asked = folder.read_request(TrainRequest).provenance()
    assert {k: story[k] for k in asked} == asked
    assert (story["seed"], story["steps"], story["train_loss"]) == (42, 2, finished.train_loss)


def test_plain_transformers_loads_the_adapter_folder(train: Train, base: Path):
    _, finished = train()
    plain = AutoModelForCausalLM.from_pretrained(finished.path, dtype=torch.float32)
    assert torch.allclose(logits(plain), logits(tuned(base, finished.path)), atol=1e-5)
    loaded = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    loaded.load_adapter(finished.path)
    assert torch.allclose(logits(loaded), logits(plain), atol=1e-5)
    conversation = [{"role": "user", "content": "Ahoy"}]
    rendered = [
        AutoTokenizer.from_pretrained(f).apply_chat_template(conversation, tokenize=False)
        for f in (base, finished.path)
    ]
    assert rendered[0] == rendered[1]


def test_a_loss_that_is_no_number_ends_the_run_and_names_the_step(train: Train, base: Path, tmp_path: Path):
    broken = tmp_path / "broken"
    tokenizer = AutoTokenizer.from_pretrained(base)
    AutoModelForCausalLM.from_pretrained(base).save_pretrained(broken)
    tokenizer.save_pretrained(broken)
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(StudioError, match=r"after step 1.*Lower the learning rate"):
        train(on=broken)
    assert math.isnan(losses(JobFolder(tmp_path / "run"))[0])


def test_a_stop_that_is_asked_before_the_first_step_leaves_no_adapter(tmp_path: Path, base: Path):
    folder = training_run(tmp_path / "run", base, captain_rows(10))
    folder.ask_stop()
    with pytest.raises(Stopped):
        run(folder, StopRequest(folder), Watchdog(folder))
    assert not Path(folder.read_request(TrainRequest).adapter).exists()
