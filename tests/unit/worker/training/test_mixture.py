"""Which rows an epoch has of datasets that are trained on together."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain.spec.data import epoch_rows
from studio.worker.training.mixture import Mixture, MixtureSampler

SEED = 42
parts = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([0.01, 0.3, 0.5, 0.75, 1, 1.4, 2, 3])), min_size=1, max_size=4
)


def times(mixture: Mixture, epoch: int, first: int, rows: int) -> list[int]:
    """How often an epoch has each row of a dataset."""
    counts = Counter(mixture.epoch(epoch).tolist())
    return [counts[row] for row in range(first, first + rows)]


def test_a_weight_says_how_often_each_row_is_in_an_epoch() -> None:
    mixture = Mixture([10, 10, 10, 10], [1, 2, 0.5, 2.3], SEED)
    assert len(mixture) == len(mixture.epoch(0)) == 10 + 20 + 5 + 23
    assert times(mixture, 0, 0, 10) == [1] * 10
    assert times(mixture, 0, 10, 10) == [2] * 10
    assert sorted(times(mixture, 0, 20, 10)) == [0] * 5 + [1] * 5
    assert sorted(times(mixture, 0, 30, 10)) == [2] * 7 + [3] * 3


def test_half_of_the_rows_is_another_half_in_the_next_epoch() -> None:
    mixture = Mixture([8, 100], [1, 0.5], SEED)
    first, second, third = (np.array(times(mixture, epoch, 8, 100)) for epoch in range(3))
    assert (first + second == 1).all()
    assert first.tolist() != third.tolist() and third.sum() == 50


@given(parts, st.integers(0, 2**32 - 1))
def test_every_epoch_has_as_many_rows_as_was_said_and_rows_go_round(asked: list[tuple[int, float]], seed: int) -> None:
    rows, weights = zip(*asked, strict=True)
    mixture = Mixture(rows, weights, seed)
    seen = np.zeros(sum(rows), int)
    for number in range(5):
        epoch = mixture.epoch(number)
        seen += np.bincount(epoch, minlength=sum(rows))
        first = 0
        for count, weight in asked:
            mine = seen[first : first + count]
            assert mine.sum() == (number + 1) * epoch_rows(count, weight)
            assert mine.max() - mine.min() <= 1 + (1 if (epoch_rows(count, weight) % count) else 0)
            first += count


def test_the_rows_of_all_are_shuffled_together_and_anew_in_each_epoch() -> None:
    mixture = Mixture([50, 50], [1, 1], SEED)
    first, second = mixture.epoch(0).tolist(), mixture.epoch(1).tolist()
    assert sorted(first) == sorted(second) == list(range(100)) and first != second
    assert 15 < sum(row < 50 for row in first[:50]) < 35, "neither dataset comes first"


def test_an_epoch_depends_on_its_number_and_the_seed_alone() -> None:
    asked = ([7, 40, 3], [1, 0.3, 1.5])
    through = Mixture(*asked, SEED)
    expected = [through.epoch(number).tolist() for number in range(9)]
    assert Mixture(*asked, SEED).epoch(8).tolist() == expected[8]
    assert through.epoch(2).tolist() == expected[2]
    assert Mixture(*asked, SEED + 1).epoch(0).tolist() != expected[0]


def test_a_sampler_gives_the_epoch_that_the_trainer_names() -> None:
    mixture = Mixture([4, 6], [1, 0.5], SEED)
    sampler = MixtureSampler(mixture)
    assert len(sampler) == 7
    sampler.set_epoch(3)
    assert list(sampler) == list(sampler) == mixture.epoch(3).tolist()


@pytest.mark.parametrize(
    ("rows", "weight", "count"), [(10, 1, 10), (10, 0.5, 5), (5, 0.5, 3), (7, 2, 14), (10, 0.01, 1), (0, 1, 0)]
)
def test_an_epoch_has_the_nearest_number_of_rows_and_never_none(rows: int, weight: float, count: int) -> None:
    assert epoch_rows(rows, weight) == count
