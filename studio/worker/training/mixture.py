"""Which rows an epoch has of datasets that are trained on together, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from torch.utils.data import Sampler

from studio.domain.spec.data import epoch_rows

_ORDER, _ROWS = 0, 1  # what random numbers are drawn for


class Mixture:
    """The rows of all datasets are counted on, one dataset behind the other. An epoch has of each `epoch_rows(rows,
    weight)`: every row as often as that many are whole passes, and the rest drawn. What is drawn goes round: no row is
    drawn again before all others of its dataset were. An epoch depends on its number and the seed alone, so a run that
    is resumed goes on with what it would have had.
    """

    def __init__(self, rows: Sequence[int], weights: Sequence[float], seed: int) -> None:
        self._seed = seed
        firsts = np.cumsum([0, *rows])[:-1].tolist()
        counts = [epoch_rows(each, weight) for each, weight in zip(rows, weights, strict=True)]
        self.counts = counts
        self._parts = [
            _Part(first, each, count, (seed, _ROWS, place))
            for place, (first, each, count) in enumerate(zip(firsts, rows, counts, strict=True))
        ]

    def __len__(self) -> int:
        return sum(self.counts)

    def epoch(self, number: int) -> np.ndarray:
        """[rows of an epoch]: the rows of epoch `number`, counted from 0, shuffled."""
        rows = np.concatenate([part.epoch(number) for part in self._parts])
        return np.random.default_rng((self._seed, _ORDER, number)).permutation(rows)


class _Part:
    """The rows that epochs have of one dataset."""

    def __init__(self, first: int, rows: int, count: int, seed: tuple[int, ...]) -> None:
        self._rows = first + np.arange(rows)
        self._passes, self._drawn = divmod(count, max(1, rows))
        self._seed = seed
        self._begin()

    def _begin(self) -> None:
        self._number, self._round = -1, 0
        self._waiting = self._rows[:0]  # rows whose turn is still to come in this round
        self._chosen = self._rows[:0]  # those that were drawn for epoch `_number`

    def epoch(self, number: int) -> np.ndarray:
        if number < self._number:
            self._begin()
        while self._number < number:
            self._chosen = self._draw()
            self._number += 1
        return np.concatenate([np.tile(self._rows, self._passes), self._chosen])

    def _draw(self) -> np.ndarray:
        chosen, self._waiting = self._waiting[: self._drawn], self._waiting[self._drawn :]
        if (missing := self._drawn - len(chosen)) > 0:
            new_round = np.random.default_rng((*self._seed, self._round)).permutation(self._rows)
            others = new_round[~np.isin(new_round, chosen)][:missing]
            self._waiting = new_round[~np.isin(new_round, others)]
            self._round += 1
            chosen = np.concatenate([chosen, others])
        return chosen


class MixtureSampler(Sampler[int]):
    """The numbers of an epoch's rows; the trainer says which epoch it is."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._mixture)

    def __iter__(self) -> Iterator[int]:
        yield from self._mixture.epoch(self._epoch).tolist()
