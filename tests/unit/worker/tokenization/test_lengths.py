"""The histogram of rows' lengths."""

from __future__ import annotations

import numpy as np
import pytest

from studio.worker.tokenization.lengths import describe_lengths


@pytest.mark.parametrize(
    "lengths",
    [[1], [7, 7, 7], range(1, 41), range(1, 2000), [100] * 999 + [1_000_000], [3] * 50 + [4000] * 50, [40], [39999]],
    ids=str,
)
def test_every_row_is_counted_between_round_edges(lengths: list[int]) -> None:
    told = describe_lengths(np.array(lengths))
    edges, counts = told["histogram"]["edges"], told["histogram"]["counts"]
    assert sum(counts) == len(lengths) and len(edges) == len(counts) + 1
    assert edges[0] == 0 and edges[-1] > told["longest"] == max(lengths)
    assert len(counts) <= 51
    steps = set(np.diff(edges[:-1]).tolist())
    assert len(steps) <= 1
    assert all(str(step).rstrip("0") in ("1", "2", "5", "25") for step in steps)


def test_one_very_long_row_does_not_press_the_others_into_one_bin() -> None:
    counts = describe_lengths(np.array([*range(1, 1000), 1_000_000]))["histogram"]["counts"]
    assert sum(count > 0 for count in counts) >= 20
    assert counts[-1] >= 1


def test_the_figures_are_lengths_that_rows_have() -> None:
    told = describe_lengths(np.arange(1, 101))
    assert (told["longest"], told["median"], told["p95"]) == (100, 51, 96)


def test_without_a_row_there_is_an_empty_histogram() -> None:
    assert describe_lengths(np.array([]))["histogram"] == {"edges": [0, 1], "counts": [0]}
