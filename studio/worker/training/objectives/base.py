"""What an objective decides: what the loss of a step is, and what is measured beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch

from studio.domain.spec.objectives import ObjectiveSpec
from studio.worker.training.model_loss import Losses

Spec = TypeVar("Spec", bound=ObjectiveSpec)


class Objective(Generic[Spec]):
    """The loss of a step is a sum of terms, each of them the mean over all that it counts in the whole step, in however
    many micro-batches: `sums` of a micro-batch are divided by the `counts` of the step."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def counts(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """[terms]: what each term of the loss is a mean over, in a batch of the data collator."""
        raise NotImplementedError

    def sums(self, losses: Losses) -> torch.Tensor:
        """[terms]: the terms of the loss, summed over such a batch."""
        raise NotImplementedError

    def by_example(self, losses: Losses) -> tuple[torch.Tensor, torch.Tensor]:
        """[terms, examples] each: the same sums, and what they are means over, of each example of the batch."""
        raise NotImplementedError

    def figures(self, losses: Losses) -> dict[str, torch.Tensor]:
        """What is reported beside the loss, by its name in `spec.figures`: a value for each example of the batch."""
        return {}
