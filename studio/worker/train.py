"""The training worker: one run, from the request in its folder to the adapter."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig
from transformers import set_seed
from transformers.pytorch_utils import Conv1D
from trl import SFTConfig

from studio.domain.errors import StudioError
from studio.domain.events import Finished, Progress, Started
from studio.domain.spec import LoraSpec, RunSpec
from studio.store.run_folder import RunFolder
from studio.worker import attention
from studio.worker.adapter_folder import library_versions, save_adapter
from studio.worker.architecture import DocumentProbe, has_plain_head
from studio.worker.device import name_of
from studio.worker.examples import Examples, read_examples
from studio.worker.lora_linear import fuse_lora
from studio.worker.model import LoadedModel, load_base
from studio.worker.packing import PackedBatch, PaddedBatch
from studio.worker.reports import Reports
from studio.worker.split import Split
from studio.worker.stop import Stopped, StopRequest
from studio.worker.trainer import StudioTrainer

logger = logging.getLogger(__name__)

EXAMPLES = "examples"  # in the run's folder, for as long as it trains


def main(path: Path) -> None:
    """Does the run that FOLDER/run.json asks for. Its last event is Finished.

    Raises:
        StudioError: the model, the rows or the settings do not go together, or the training became unstable.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    transformers.utils.logging.disable_progress_bar()
    folder = RunFolder(path)
    stop = StopRequest(folder)
    stop.listen()
    try:
        finished = run(folder, stop)
    except Stopped:
        finished = Finished(path="", stopped=True)
    finally:
        shutil.rmtree(path / EXAMPLES, ignore_errors=True)
    folder.append(finished)


def run(folder: RunFolder, stop: StopRequest) -> Finished:
    """Loads, trains and saves; raises Stopped where a stop is asked before the first step is done."""
    began = time.monotonic()
    request = folder.read_request()
    spec = RunSpec.model_validate(request["spec"])
    stop.check()
    folder.append(Progress(stage="loading"))
    set_seed(spec.training.seed)
    loaded = load_base(request["model"]["path"], spec.model.precision, chat_template=spec.model.chat_template)
    check_targets(loaded.model, spec.lora)
    stop.check()

    def progress(done: int, total: int) -> None:
        stop.check()
        folder.append(Progress(stage="tokenizing", done=done, total=total))

    validation = request["validation"]
    train, evaluation, split = read_examples(
        request["dataset"]["rows_path"],
        spec,
        loaded.tokenizer,
        folder.path / EXAMPLES,
        progress,
        validation=validation and validation["rows_path"],
    )
    trainer = build_trainer(loaded, train, evaluation, spec, folder.checkpoints, stop)
    started = _started(loaded, trainer, train, evaluation)
    reports = Reports(folder, stop, started, loaded.device, lambda: trainer.tokens_seen)
    trainer.add_callback(reports)
    trainer.train()
    step = trainer.state.global_step
    if step == 0:
        raise Stopped
    folder.append(Progress(stage="saving"))
    losses = {
        "train_loss": reports.train_loss, "eval_loss": reports.eval_loss, "best_eval_loss": reports.best_eval_loss
    }  # fmt: skip
    details = {
        "trained_tokens": trainer.tokens_seen,
        "learned_tokens_per_epoch": train.learned,
        "dropped_rows": train.dropped + evaluation.dropped,
        "split": describe_split(split, spec, validation),
        "seconds": round(time.monotonic() - began, 1),
    }
    story = {key: request[key] for key in ("run", "name", "spec", "model", "dataset")} | {
        "seed": spec.training.seed,
        "precision": loaded.precision,
        "versions": library_versions(),
        "steps": step,
        "stopped": reports.was_stopped,
        **losses,
        **details,
    }
    size = save_adapter(request["adapter"], trainer.model, loaded.tokenizer, request["model"]["path"], story)
    return Finished(
        path=request["adapter"], size=size, stopped=reports.was_stopped, step=step, details=details, **losses
    )


def describe_split(split: Split, spec: RunSpec, validation: dict[str, Any] | None) -> dict[str, Any]:
    """Which rows were trained on and which were not, so that it can be told, and done again."""
    return {
        "seed": spec.training.seed,
        "share": 0.0 if validation else spec.data.validation_split,
        "stratified": split.stratified,
        "train_rows": len(split.train),
        "eval_rows": len(split.evaluation),
        "kept_together": split.kept_together,
        "validation": validation and {key: validation[key] for key in ("name", "version", "sha256")},
        "sha256": split.sha256,
    }


def build_trainer(
    loaded: LoadedModel, train: Examples, evaluation: Examples, spec: RunSpec, checkpoints: Path, stop: StopRequest
) -> StudioTrainer:
    """The trainer with the adapter on its model, and everything in place that this model allows to be quicker."""
    plain_head = has_plain_head(loaded.model)
    batches = _batches(loaded)
    trainer = StudioTrainer(
        model=loaded.model,
        args=_arguments(loaded, spec, checkpoints, evaluates=len(evaluation) > 0),
        data_collator=batches,
        train_dataset=train.rows,
        eval_dataset=evaluation.rows if len(evaluation) else None,
        processing_class=loaded.tokenizer,
        peft_config=LoraConfig(**spec.lora.model_dump(), task_type="CAUSAL_LM"),
        plain_head=plain_head,
        must_stop=lambda: stop.is_made,
    )
    fused = fuse_lora(trainer.model)
    logger.info(
        "%s, attention %s, %s head, %d fused layers",
        type(batches).__name__,
        loaded.model.config._attn_implementation,
        "chunked" if plain_head else "trl's own",
        fused,
    )
    return trainer


def _batches(loaded: LoadedModel) -> PackedBatch | PaddedBatch:
    """Packed wherever the model then computes what it computes for each document alone."""
    model, probe = loaded.model, DocumentProbe(loaded.model)
    if attention.suits(model.config):
        own = model.config._attn_implementation
        model.set_attn_implementation(attention.NAME)
        if probe.passes(document_lengths=probe.lengths):
            return PackedBatch(with_lengths=True)
        model.set_attn_implementation(own)
    return PackedBatch() if probe.passes() else PaddedBatch(loaded.tokenizer.pad_token_id)


def _arguments(loaded: LoadedModel, spec: RunSpec, checkpoints: Path, *, evaluates: bool) -> SFTConfig:
    return SFTConfig(
        **spec.training.model_dump(),
        output_dir=str(checkpoints),
        per_device_eval_batch_size=spec.training.per_device_train_batch_size,
        data_seed=spec.training.seed,
        bf16=loaded.compute_dtype is torch.bfloat16,
        use_cpu=loaded.device.type == "cpu",
        dataloader_pin_memory=loaded.device.type == "cuda",
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number is to be seen
        disable_tqdm=True,
        report_to="none",
        save_strategy="steps",
        eval_strategy="steps" if evaluates else "no",
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def check_targets(model: Any, lora: LoraSpec) -> None:
    """Raises StudioError where a target module is no layer of the model that can get an adapter."""
    if lora.target_modules == "all-linear":
        return
    head = model.get_output_embeddings()  # trl leaves an adapter on it untrained
    layers = [n for n, m in model.named_modules() if isinstance(m, torch.nn.Linear | Conv1D) and m is not head]
    for target in lora.target_modules:
        if not any(layer == target or layer.endswith(f".{target}") for layer in layers):
            raise StudioError(
                "The base model has no layer named “{name}” that can get an adapter.",
                "Use all-linear or some of these: {known}.",
                name=target,
                known=", ".join(dict.fromkeys(layer.rpartition(".")[2] for layer in layers)),
            )


def _started(loaded: LoadedModel, trainer: StudioTrainer, train: Examples, evaluation: Examples) -> Started:
    return Started(
        total_steps=0,  # known to the trainer once it begins
        trainable=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        parameters=loaded.parameters,
        device=name_of(loaded.device),
        precision=loaded.precision,
        train_rows=len(train),
        eval_rows=len(evaluation),
        tokens_per_epoch=train.tokens,
        versions=library_versions(),
    )
