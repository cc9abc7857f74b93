"""Attention within each document of a packed row: packing without cross-contamination
(https://arxiv.org/abs/2107.02027), at the cost of rows of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

NAME = "studio_documents"

_PATTERNS = ("sliding_window", "attention_chunk_size", "attn_logit_softcapping", "alibi")
_BLOCK = 128  # queries of one document that are scored at once


def suits(config: Any) -> bool:
    """Whether a model of this configuration attends plainly in all its layers: no window, no cap, no other pattern."""
    text = config.get_text_config()
    return set(getattr(text, "layer_types", None) or ["full_attention"]) == {"full_attention"} and not any(
        getattr(text, name, None) for name in _PATTERNS
    )


def attend_by_document(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    document_lengths: Sequence[int] = (),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each document of a single row.

    query: [1, heads, tokens, width]; key and value: [1, key heads, tokens, width]; the lengths add up to `tokens`
    (none given: the row is one document). Returns [1, tokens, heads, width].
    """
    scale = scaling or query.shape[-1] ** -0.5
    by_document = _blockwise if query.device.type == "cpu" and not dropout else _sdpa
    lengths = list(document_lengths) or [query.shape[2]]
    parts = [
        by_document(q, k, v, scale, dropout)
        for q, k, v in zip(query.split(lengths, 2), key.split(lengths, 2), value.split(lengths, 2), strict=True)
    ]
    return torch.cat(parts, 2).transpose(1, 2), None


def _sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, dropout: float) -> torch.Tensor:
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, is_causal=True, scale=scale, dropout_p=dropout, enable_gqa=q.shape[1] != k.shape[1]
    )


def _blockwise(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, _: float) -> torch.Tensor:
    """Plain products, some queries at a time and no further than they may look: on a CPU this is quicker in bf16 than
    PyTorch's fused kernel, and its backward pass much quicker."""
    _, heads, tokens, width = q.shape
    k, v = k[0], v[0]
    group = heads // k.shape[0]
    q = (q[0] * scale).view(k.shape[0], group, tokens, width)
    blocks = []
    for start in range(0, tokens, _BLOCK):
        end = min(start + _BLOCK, tokens)
        rows = end - start
        scores = torch.bmm(q[:, :, start:end].reshape(-1, group * rows, width), k[:, :end].transpose(1, 2))
        future = torch.ones(rows, rows, dtype=torch.bool, device=q.device).triu(1)
        scores = scores.view(-1, group, rows, end)
        scores[..., start:].masked_fill_(future, float("-inf"))
        weights = torch.softmax(scores, -1).view(-1, group * rows, end)
        blocks.append(torch.bmm(weights, v[:, :end]).view(-1, group, rows, width))
    return torch.cat(blocks, 2).reshape(1, heads, tokens, width)


AttentionInterface.register(NAME, attend_by_document)
AttentionMaskInterface.register(NAME, lambda *_, **__: None)
