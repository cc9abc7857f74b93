"""Builds the trainer of a run: adapter, arguments, and the faster paths that its model allows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig

from studio.domain.spec.run_spec import RunSpec
from studio.worker.models.load import LoadedModel
from studio.worker.models.output_head import OwnHead, backbone_of
from studio.worker.models.probes import DocumentProbe, has_plain_head, positions_stand_alone
from studio.worker.tokenization.packing import PackingCollator, PaddingCollator
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset
from studio.worker.training import document_attention as attention
from studio.worker.training.adapter_targets import Targets
from studio.worker.training.compute_path import PathOptions, choose_path
from studio.worker.training.mixture import Mixture
from studio.worker.training.model_loss import Head
from studio.worker.training.objectives.registry import objective_of
from studio.worker.training.stop import StopRequest
from studio.worker.training.trainer import StudioTrainer

logger = logging.getLogger(__name__)


def build_trainer(
    base: LoadedModel,
    train: TokenizedDataset,
    evaluation: TokenizedDataset,
    spec: RunSpec,
    checkpoints: Path,
    stop: StopRequest,
    check: Callable[[], None] = lambda: None,
    targets: Targets | None = None,
    parts: Sequence[str] = (),
) -> StudioTrainer:
    """The trainer with the adapter on its model, and everything in place that this model allows to be quicker. `parts`
    are the names of the datasets, where there are several.

    Raises StudioError where a target module is no layer of the model that can get an adapter.
    """
    targets = targets or Targets(base.model)
    targets.check(spec.method)
    offers = offers_of(base, spec.training.max_length)
    trainer = StudioTrainer(
        model=base.model,
        args=_arguments(base, spec, checkpoints, evaluates=len(evaluation) > 0),
        train_dataset=train.rows,
        eval_dataset=evaluation.rows if len(evaluation) else None,
        processing_class=base.tokenizer,
        peft_config=targets.config(spec.method),
        path=offers.plain,
        objective=objective_of(spec.objective),
        must_stop=lambda: stop.is_made,
        check=check,
        mixture=_mixture_of(train, spec) if spec.data.is_mixture else None,
        parts=parts,
    )
    trainer.left_out = targets.left_out_of(trainer.model, spec.method)
    if OwnHead(base.model).is_trained:  # it has to get its gradient
        offers = replace(offers, heads=[head for head in offers.heads if head != "linear"])
    logger.info("Computed: %s", ", ".join(choose_path(trainer, offers).names()))
    return trainer


def _mixture_of(train: TokenizedDataset, spec: RunSpec) -> Mixture:
    return Mixture([part.rows for part in train.parts], spec.data.weights, spec.training.seed)


def offers_of(base: LoadedModel, longest: int) -> PathOptions:
    """All that may be quicker. Documents are packed only where the model computes what it does for each alone."""
    model, probe, pad = base.model, DocumentProbe(base.model), base.tokenizer.pad_token_id
    batches: list[PackingCollator | PaddingCollator] = [PaddingCollator(pad, one_by_one=True)]
    if positions_stand_alone(model, longest):
        batches.insert(0, PaddingCollator(pad))
        if _attends_by_document(model, probe):
            batches.insert(0, PackingCollator(with_lengths=True))
        elif probe.passes():
            batches.insert(0, PackingCollator())
    heads: list[Head] = ["whole"]
    if backbone_of(model) is not model and model.get_output_embeddings() is not None:
        heads.insert(0, "own")
        if has_plain_head(model):
            heads.insert(0, "linear")
    return PathOptions(batches, heads)


def _attends_by_document(model: Any, probe: DocumentProbe) -> bool:
    if not attention.suits(model.config):
        return False
    own = model.config._attn_implementation
    model.set_attn_implementation(attention.NAME)
    try:
        # Some models only warn that they compute as they always do.
        return model.config._attn_implementation == attention.NAME and probe.passes(document_lengths=list)
    finally:
        model.set_attn_implementation(own)


def _arguments(base: LoadedModel, spec: RunSpec, checkpoints: Path, *, evaluates: bool) -> SFTConfig:
    return SFTConfig(
        **spec.training.model_dump(),
        output_dir=str(checkpoints),
        per_device_eval_batch_size=spec.training.per_device_train_batch_size,
        data_seed=spec.training.seed,
        bf16=base.compute_dtype is torch.bfloat16,
        use_cpu=base.device.type == "cpu",
        dataloader_pin_memory=base.device.type == "cuda",
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is no number is to be seen
        disable_tqdm=True,
        report_to="none",
        save_strategy="steps",
        eval_strategy="steps" if evaluates else "no",
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
