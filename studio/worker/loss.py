"""Cross-entropy that meets the vocabulary only where a token is learned."""

from __future__ import annotations

from typing import Any

import torch

from studio.worker.encoder import IGNORED

_ROWS = 256  # rows of logits that exist at once: 256 × 50,000 words × 4 bytes are 50 MB


def learned_loss(
    hidden: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """The sum of the negative log-likelihoods of all tokens that are learned.

    hidden: [rows, tokens, width], the last hidden states. labels: [rows, tokens], not shifted. weight: [words, width]
    and bias: [words] of the language model's head; they get no gradient.
    """
    targets = labels[:, 1:]
    learned = targets != IGNORED
    return _ChunkedLoss.apply(hidden[:, :-1][learned], targets[learned], weight, bias)


class _ChunkedLoss(torch.autograd.Function):
    """The gradient is made together with the loss, so no logits are kept and none are computed twice."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(targets), _ROWS):
            rows, wanted = slice(start, start + _ROWS), targets[start : start + _ROWS, None]
            logits = torch.nn.functional.linear(hidden[rows].to(weight.dtype), weight, bias)
            log_p = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
            total -= log_p.gather(1, wanted).sum()
            if gradient is not None:
                slope = log_p.exp_().scatter_add_(1, wanted, torch.full_like(wanted, -1, dtype=torch.float32))
                gradient[rows] = slope.to(weight.dtype) @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0].to(gradient.dtype), None, None, None
