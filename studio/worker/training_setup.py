"""The trainer of a run: adapter, arguments, and what its model allows to be quicker."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from trl import SFTConfig

from studio.domain.spec import RunSpec
from studio.worker import attention
from studio.worker.adapter_targets import Targets
from studio.worker.architecture import DocumentProbe, has_plain_head
from studio.worker.examples import Examples
from studio.worker.lora_linear import fuse_lora
from studio.worker.model import LoadedModel
from studio.worker.packing import PackedBatch, PaddedBatch
from studio.worker.stop import StopRequest
from studio.worker.trainer import StudioTrainer

logger = logging.getLogger(__name__)


def build_trainer(
    loaded: LoadedModel,
    train: Examples,
    evaluation: Examples,
    spec: RunSpec,
    checkpoints: Path,
    stop: StopRequest,
    check: Callable[[], None] = lambda: None,
    targets: Targets | None = None,
) -> StudioTrainer:
    """The trainer with the adapter on its model, and everything in place that this model allows to be quicker.

    Raises StudioError where a target module is no layer of the model that can get an adapter.
    """
    targets = targets or Targets(loaded.model)
    targets.check(spec.lora)
    plain_head = has_plain_head(loaded.model)
    batches = choose_batches(loaded)
    trainer = StudioTrainer(
        model=loaded.model,
        args=_arguments(loaded, spec, checkpoints, evaluates=len(evaluation) > 0),
        data_collator=batches,
        train_dataset=train.rows,
        eval_dataset=evaluation.rows if len(evaluation) else None,
        processing_class=loaded.tokenizer,
        peft_config=targets.config(spec.lora),
        plain_head=plain_head,
        must_stop=lambda: stop.is_made,
        check=check,
    )
    trainer.left_out = targets.left_out_of(trainer.model, spec.lora)
    fused = fuse_lora(trainer.model)
    logger.info(
        "%s, attention %s, %s head, %d fused layers",
        type(batches).__name__,
        loaded.model.config._attn_implementation,
        "chunked" if plain_head else "trl's own",
        fused,
    )
    return trainer


def choose_batches(loaded: LoadedModel) -> PackedBatch | PaddedBatch:
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
