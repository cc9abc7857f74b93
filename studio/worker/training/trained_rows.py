"""What a run tells of its rows: at its start, and with its adapter."""

from __future__ import annotations

from collections.abc import Sequence

from studio.domain.events import Started, TrainedDataset
from studio.domain.jobs.training import SplitSummary, TrainRequest
from studio.domain.spec.data import epoch_rows
from studio.domain.spec.run_spec import RunSpec
from studio.worker.common.device import name_of
from studio.worker.models.load import LoadedModel
from studio.worker.tokenization.split import Split, held_out_hash
from studio.worker.tokenization.tokenized_dataset import TokenizedDataset, TokenizedPart
from studio.worker.training.save_adapter import library_versions
from studio.worker.training.trainer import StudioTrainer


def held_out_rows(splits: Sequence[Split]) -> tuple[list[int], list[list[int]]]:
    first, *others = (split.evaluation.tolist() for split in splits)
    return first, others


def describe_split(splits: Sequence[Split], request: TrainRequest) -> SplitSummary:
    """Which rows were trained on and which were not, so that it can be told, and done again."""
    return SplitSummary(
        seed=request.spec.training.seed,
        share=0.0 if request.validation else request.spec.data.validation_split,
        stratified=any(split.is_stratified for split in splits),
        train_rows=sum(len(split.train) for split in splits),
        eval_rows=sum(len(split.evaluation) for split in splits),
        kept_together=sum(split.kept_together for split in splits),
        validation=request.validation,
        sha256=held_out_hash(splits),
    )


def started_event(
    base: LoadedModel,
    trainer: StudioTrainer,
    train: TokenizedDataset,
    evaluation: TokenizedDataset,
    request: TrainRequest,
) -> Started:
    parts = _epoch_parts(train, request.spec)
    return Started(
        total_steps=0,  # known to the trainer once it begins
        trainable=sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
        parameters=base.parameters,
        device=name_of(base.device),
        precision=base.precision,
        train_rows=len(train),
        eval_rows=len(evaluation),
        tokens_per_epoch=sum(_in_epoch(part, part.tokens, rows) for part, rows in parts),
        dropped_rows=train.dropped_rows + evaluation.dropped_rows,
        format=request.dataset.format,
        versions=library_versions(),
        computed=trainer.path.names(),
        left_out=[fault.as_dict() for fault in trainer.left_out],
        datasets=trained_datasets(train, evaluation, request),
    )


def _epoch_parts(train: TokenizedDataset, spec: RunSpec) -> list[tuple[TokenizedPart, int]]:
    """What there is of each dataset, with how many rows an epoch has of it."""
    return [(part, epoch_rows(part.rows, weight)) for part, weight in zip(train.parts, spec.data.weights, strict=True)]


def targets_per_epoch(train: TokenizedDataset, spec: RunSpec) -> int:
    """Tokens of an epoch that are trained on."""
    return sum(_in_epoch(part, part.target_tokens, rows) for part, rows in _epoch_parts(train, spec))


def _in_epoch(part: TokenizedPart, tokens: int, rows: int) -> int:
    """Tokens of so many rows of an epoch, of so many in all of the dataset's rows; to the nearest where some rows are
    drawn."""
    return round(tokens * rows / part.rows)


def trained_datasets(
    train: TokenizedDataset, evaluation: TokenizedDataset, request: TrainRequest
) -> list[TrainedDataset]:
    if not request.spec.data.is_mixture:
        return []
    parts = _epoch_parts(train, request.spec)
    measured = [TokenizedPart() for _ in parts] if request.validation else evaluation.parts
    return [
        TrainedDataset(
            name=dataset.name,
            version=dataset.version,
            format=dataset.format,
            sha256=dataset.sha256,
            weight=weight,
            rows=dataset.rows,
            train_rows=part.rows,
            eval_rows=out.rows,
            epoch_rows=rows,
            tokens_per_epoch=_in_epoch(part, part.tokens, rows),
            dropped_rows=part.dropped_rows + out.dropped_rows,
        )
        for dataset, weight, (part, rows), out in zip(
            request.datasets, request.spec.data.weights, parts, measured, strict=True
        )
    ]
