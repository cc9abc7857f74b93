"""Supervised fine-tuning: the mean negative log-likelihood of all tokens that are trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from studio.domain.spec.objectives import SftSpec
from studio.worker.tokenization.encoder import IGNORED
from studio.worker.training.model_loss import Losses
from studio.worker.training.objectives.base import Objective


class Sft(Objective[SftSpec]):
    def counts(self, batch: Mapping[str, Any]) -> torch.Tensor:
        return (batch["labels"][:, 1:] != IGNORED).sum()[None]

    def sums(self, losses: Losses) -> torch.Tensor:
        return losses.language[None]

    def by_example(self, losses: Losses) -> tuple[torch.Tensor, torch.Tensor]:
        sums, counts = losses.by_document()
        return sums[None], counts[None]
