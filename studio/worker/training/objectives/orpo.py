"""ORPO: the chosen answer is learned, and made likelier than the rejected one by the ratio of their odds.

Source: https://arxiv.org/abs/2403.07691, equations 6 and 7, as trl.experimental.orpo computes them; the likelihood of
an answer is that of its tokens on average. The first term is over the tokens that supervised fine-tuning trains on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.functional import logsigmoid

from studio.domain.spec.objectives import OrpoSpec
from studio.worker.tokenization.packing import target_counts
from studio.worker.training.model_loss import Losses
from studio.worker.training.objectives.base import Objective

_LARGEST = -1e-6  # of a mean log-probability: at 0 the odds are infinite


class Orpo(Objective[OrpoSpec]):
    """The documents of a batch are chosen and rejected answers in turn, each behind its prompt."""

    def counts(self, batch: Mapping[str, Any]) -> torch.Tensor:
        chosen = target_counts(batch)[::2]
        return torch.stack([chosen.sum(), torch.full_like(chosen, 1).sum()])

    def sums(self, losses: Losses) -> torch.Tensor:
        chosen, _ = losses.by_document()
        likelihood, odds = chosen[::2].sum(), -logsigmoid(self._log_odds(losses)).sum()
        return torch.stack([likelihood, self.spec.beta * odds])

    def by_example(self, losses: Losses) -> tuple[torch.Tensor, torch.Tensor]:
        sums, counts = losses.by_document()
        odds = -logsigmoid(self._log_odds(losses))
        return (
            torch.stack([sums[::2], self.spec.beta * odds]),
            torch.stack([counts[::2], torch.ones_like(odds)]),
        )

    def figures(self, losses: Losses) -> dict[str, torch.Tensor]:
        chosen, rejected = self._log_probabilities(losses)
        return {
            "accuracy": (chosen > rejected).float(),
            "margin": chosen - rejected,
            "chosen": chosen,
            "rejected": rejected,
        }

    def _log_odds(self, losses: Losses) -> torch.Tensor:
        """[pairs]: the logarithm of the chosen answer's odds over those of the rejected one."""
        chosen, rejected = self._log_probabilities(losses)
        return (chosen - rejected) - (_log1mexp(chosen) - _log1mexp(rejected))

    def _log_probabilities(self, losses: Losses) -> tuple[torch.Tensor, torch.Tensor]:
        """[pairs] each: the mean log-probability of the answer's tokens, chosen and rejected."""
        sums, counts = losses.by_document()
        means = (-sums / counts).clamp(max=_LARGEST)
        return means[::2], means[1::2]


def _log1mexp(x: torch.Tensor) -> torch.Tensor:
    """log(1 - exp(x)) for x < 0, without loss of digits at either end.

    Source: https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf, equation 7.
    """
    near = x > -0.6931
    # The branch that is not taken gets an argument whose gradient is finite.
    return torch.where(
        near,
        torch.log(-torch.expm1(torch.where(near, x, -1.0))),
        torch.log1p(-torch.exp(torch.where(near, -1.0, x))),
    )
