"""How long rows are, in tokens."""

from __future__ import annotations

from typing import Any

import numpy as np

BINS = 40
_ROUND = np.array([1, 2, 5, 10, 20, 25, 50])


def describe_lengths(lengths: np.ndarray) -> dict[str, Any]:
    """`longest`, `median` and `p95`, and the `histogram` {"edges": [n + 1 numbers], "counts": [n]}.

    The edges are round and equally far apart, about forty up to the length that all but one row in a hundred keep to.
    Where longer ones are much longer, the last bin is wider and holds them all.
    """
    if not len(lengths):
        return {"longest": 0, "median": 0, "p95": 0, "histogram": {"edges": [0, 1], "counts": [0]}}
    longest, median, p95, p99 = (int(np.percentile(lengths, q, method="higher")) for q in (100, 50, 95, 99))
    step = _round_up(max(p99, min(longest, p99 * 5 // 4)) / BINS)
    edges = list(range(0, (max(p99, 1) // step + 1) * step + 1, step))
    while edges[-1] <= longest and len(edges) <= BINS + BINS // 4:
        edges.append(edges[-1] + step)
    if edges[-1] <= longest:
        edges[-1] = longest + 1
    counts, _ = np.histogram(lengths, edges)
    return {
        "longest": longest, "median": median, "p95": p95,
        "histogram": {"edges": edges, "counts": counts.tolist()},
    }  # fmt: skip


def _round_up(width: float) -> int:
    """The next of 1, 2, 5, 10, 20, 25, 50, 100, 200, 250…"""
    scale = 1
    while _ROUND[-1] * scale < width:
        scale *= 10
    return int(next(step for step in _ROUND * scale if step >= width))
