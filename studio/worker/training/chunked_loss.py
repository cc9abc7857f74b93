"""Chunked cross-entropy over the tokens that are trained on: the logits of all others are never computed.

The idea is that of fused linear cross-entropy (Liger Kernel, https://arxiv.org/abs/2410.10989), in plain torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from studio.worker.tokenization.encoder import IGNORED

_CHUNK_ROWS = 256  # rows of logits that exist at once: 256 × 50,000 words × 4 bytes are 50 MB


def at_targets(hidden: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What is behind each token that is learned, and that token: [learned, width] and [learned].

    hidden: [rows, tokens, width], the last hidden states (or the logits). labels: [rows, tokens], not shifted.
    """
    targets = labels[:, 1:].to(hidden.device)
    is_target = targets != IGNORED
    return hidden[:, :-1][is_target], targets[is_target]


def linear_loss(
    hidden: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """[learned]: the negative log-likelihood of each target, where the head is one linear layer.

    hidden and targets: as `at_targets` gives them. weight: [words, width] and bias: [words] of the head; they get no
    gradient.
    """
    return _ChunkedLoss.apply(hidden, targets, weight, bias)


def loss_by(
    logits: Callable[[torch.Tensor], torch.Tensor], hidden: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """The same for any head. `logits` makes [rows, words] from some rows of `hidden`, and is asked again for the
    backward pass, so that no more than a few rows of logits exist at once."""

    def part(rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits(rows).float(), labels, reduction="none")

    losses = [hidden.sum(-1)[:0].float()]  # a batch without anything to learn has a gradient, too
    for start in range(0, len(targets), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        losses.append(checkpoint(part, hidden[rows], targets[rows], use_reentrant=False))
    return torch.cat(losses)


class _ChunkedLoss(torch.autograd.Function):
    """The gradient is made together with the loss, so no logits are kept and none are computed twice. A row of `hidden`
    has a part in the loss of its own target alone, so the gradient of any function of the losses is that row by row."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, targets: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        gradient = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(targets), _CHUNK_ROWS):
            rows, labels = slice(start, start + _CHUNK_ROWS), targets[start : start + _CHUNK_ROWS, None]
            logits = torch.nn.functional.linear(hidden[rows].to(weight.dtype), weight, bias)
            log_p = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
            losses[rows] = -log_p.gather(1, labels)[:, 0]
            if gradient is not None:
                slope = log_p.exp_().scatter_add_(1, labels, torch.full_like(labels, -1, dtype=torch.float32))
                gradient[rows] = slope.to(weight.dtype) @ weight
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return losses

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * outer[0][:, None].to(gradient.dtype), None, None, None
