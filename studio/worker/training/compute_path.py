"""A trial step before training: a faster path is used only where it computes what the plain one does."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from studio.worker.common.numerics import (
    relative_difference,
    rounded_otherwise,
    rounding,
    rounding_bound,
    rounding_of_gradients,
)
from studio.worker.common.out_of_memory import is_out_of_memory
from studio.worker.tokenization.encoder import IGNORED
from studio.worker.tokenization.packing import PackingCollator, PaddingCollator
from studio.worker.training.model_loss import ComputePath, Head
from studio.worker.training.trainer import StudioTrainer

logger = logging.getLogger(__name__)

_LENGTHS = (12, 3, 9)  # tokens of the documents that are tried
_SMALL_FRACTION = 0.03  # of all gradients together: one that is smaller is compared as if it were as large as this


@dataclass(frozen=True)
class PathOptions:
    """What may be quicker, the quickest first; the last of each is the plain way."""

    batches: Sequence[PackingCollator | PaddingCollator]
    heads: Sequence[Head]

    @property
    def quickest(self) -> ComputePath:
        return ComputePath(self.batches[0], self.heads[0], fused_lora=True)

    @property
    def plain(self) -> ComputePath:
        return ComputePath(self.batches[-1], self.heads[-1], fused_lora=False)

    def single(self) -> Iterator[tuple[str, Sequence[Any]]]:
        """Each thing that can be quicker: its name, and its values without the plain one."""
        yield "fused_lora", [True]
        yield "head", self.heads[:-1]
        yield "batches", self.batches[:-1]


def choose_path(trainer: StudioTrainer, offers: PathOptions) -> ComputePath:
    """Lets the trainer compute in the quickest of these ways that gives the loss and the gradients of the plain one,
    and returns it. What fails, or differs by more than rounding, is left out, thing by thing.

    Weights, gradients and random numbers are afterwards what they were.
    """
    with _as_it_was(trainer):
        trial = _Trial(trainer, offers.plain)
        path = trial.choice(offers)
        if not trainer.model.training:
            trainer.model.train()
            path = path if trial.works(path) else offers.plain
    trainer.use(path)
    return path


class _Trial:
    """A step's loss and gradients, path by path."""

    def __init__(self, trainer: StudioTrainer, plain: ComputePath) -> None:
        self._trainer = trainer
        self._plain = plain
        self._documents = _documents(trainer)
        self._trainable = [p for p in trainer.model.parameters() if p.requires_grad]
        self._loss_bound = rounding(trainer.model)
        self._bound = rounding_of_gradients(trainer.model)
        self._is_measured = False
        self._reference = self._run(plain)

    def choice(self, offers: PathOptions) -> ComputePath:
        path = self._plain
        if not self._reference:  # it cannot be trained at all, and will say why
            return path
        if self._agrees(offers.quickest):
            return offers.quickest
        for name, values in offers.single():
            quicker = (replace(path, **{name: value}) for value in values)
            path = next((other for other in quicker if self._agrees(other)), path)
        return path

    def works(self, path: ComputePath) -> bool:
        return bool(self._run(path))

    def _agrees(self, path: ComputePath) -> bool:
        result = self._run(path)
        if not result or not (
            self._equal(result, self._reference) or (self._measure() and self._equal(result, self._reference))
        ):
            return False
        if not self._trainer.aux_loss_enabled or path.head == "whole":
            return True
        # A router's loss is not the sum of those of its documents: it is compared in one batch.
        router, expected = (self._run(p, with_router=True) for p in (path, replace(path, head="whole")))
        return self._equal(router, expected)

    def _equal(self, result: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> bool:
        """Whether loss and gradients are apart by rounding only: all together, and none by far."""
        if not result or not expected:
            return False
        (loss, *slopes), (expected_loss, *expected_slopes) = result, expected
        if relative_difference(loss, expected_loss) > self._loss_bound:
            return False
        if any(bool(s.any()) != bool(e.any()) for s, e in zip(slopes, expected_slopes, strict=True)):
            return False  # something is not computed, however little it does
        sizes = torch.stack([slope.norm() for slope in expected_slopes])
        errors = torch.stack([(s - e).norm() for s, e in zip(slopes, expected_slopes, strict=True)])
        whole = sizes.norm()
        near = errors <= 3 * self._bound * sizes.clamp(min=float(_SMALL_FRACTION * whole))
        return bool(errors.norm() <= self._bound * whole) and bool(near.all())

    def _measure(self) -> bool:
        """Measures what rounding does in this model; False where that was known."""
        if self._is_measured:
            return False
        self._is_measured = True
        model = self._trainer.model
        with rounded_otherwise(model):
            again = self._run(self._plain)
        if again:
            self._loss_bound = rounding_bound(self._loss_bound, self._reference[0], again[0])
            both = [torch.cat([slope.flatten() for slope in run[1:]]) for run in (self._reference, again)]
            self._bound = rounding_bound(self._bound, *both)
        return True

    def _run(self, path: ComputePath, *, with_router: bool = False) -> list[torch.Tensor]:
        """The loss and all gradients; nothing where the model does not allow this path."""
        trainer = self._trainer
        try:
            trainer.use(path)
            inputs = trainer._prepare_inputs(path.batches(self._documents))
            losses = trainer.losses(inputs, with_router=with_router)
            total = losses.language if losses.router is None else losses.router
            slopes = torch.autograd.grad(total, self._trainable, allow_unused=True)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            logger.warning("Left out: %s", path, exc_info=True)
            return []
        parts = zip(slopes, self._trainable, strict=True)
        return [total.detach().float(), *(torch.zeros_like(p) if g is None else g.float() for g, p in parts)]


def _documents(trainer: StudioTrainer) -> list[dict[str, list[int]]]:
    """Tokens drawn at random, the first third of each document not learned."""
    words = min(trainer.model.get_input_embeddings().num_embeddings, 4096)
    draw = torch.Generator().manual_seed(0)
    documents = []
    for length in _LENGTHS:
        ids = torch.randint(min(16, words - 1), words, (length,), generator=draw).tolist()
        documents.append({"input_ids": ids, "labels": [IGNORED] * (length // 3) + ids[length // 3 :]})
    return documents


@contextmanager
def _as_it_was(trainer: StudioTrainer) -> Iterator[None]:
    """Meanwhile the adapter is none that does nothing, so that all its weights have a gradient, and the model is
    in training unless it then draws random numbers."""
    model = trainer.model
    weights = [p for p in model.parameters() if p.requires_grad]
    copies, was_training = [p.detach().clone() for p in weights], model.training
    devices = [model.device] if model.device.type == "cuda" else []
    draw = torch.Generator().manual_seed(1)
    with torch.random.fork_rng(devices):
        try:
            with torch.no_grad():
                for weight in weights:
                    if not weight.any():
                        weight.copy_(torch.randn(weight.shape, generator=draw) * 0.02)
            model.train(not _has_dropout(model))
            yield
        finally:
            with torch.no_grad():
                for weight, before in zip(weights, copies, strict=True):
                    weight.copy_(before)
            model.train(was_training)


def _has_dropout(model: Any) -> bool:
    config = model.config.get_text_config().to_dict()
    return any(isinstance(m, torch.nn.Dropout) and m.p > 0 for m in model.modules()) or any(
        isinstance(value, float) and value > 0 and any(word in name for word in ("drop", "jitter"))
        for name, value in config.items()
    )
