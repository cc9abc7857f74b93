"""Near duplicates: MinHash signatures in bands find candidates, the texts themselves decide.

Banding is described in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3 (http://www.mmds.org).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import rensa
from numpy.typing import NDArray

from studio.worker.ingest.shingles import word_shingles

# Rows of similarity s share a band with probability 1 - (1 - s^WIDTH)^BANDS: 0.9 → 0.9999997, 0.8 → 0.998, 0.5 → 0.40.
_BANDS, _WIDTH = 16, 5
_SEED = 1
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64
)
_COMPARED = 4  # earlier rows that a row is compared with at most: those with which it shares most bands
_BLOCK = 256  # rows whose texts are read back at once


class NearDuplicates:
    """Finds rows that say nearly the same as an earlier row.

    threshold: Jaccard similarity of the texts' word shingles from which on two rows are near duplicates, 0.7 to 1.
    Case, blanks and punctuation do not count (studio.worker.ingest.shingles says what does). A text of fewer than five
    tokens resembles its equals only: “Yes.” and “yes” are near duplicates, “Yes.” and “Yes, please.” are not. A text
    without a single token resembles none.
    64 bytes a row are kept while rows are added, about 200 while duplicates are looked for.
    """

    def __init__(self, threshold: float = 0.8) -> None:
        """Raises ValueError when the threshold is below 0.7, where the bands would miss too many, or above 1."""
        if not 0.7 <= threshold <= 1:
            raise ValueError(f"threshold is {threshold}, not from 0.7 to 1")
        self._threshold = threshold
        self._bands: list[NDArray[np.uint32]] = []  # [rows, _BANDS] each
        self._rows = 0

    def add(self, texts: Sequence[str]) -> None:
        """The next rows, in order; about 1,000 in a call."""
        if not texts:
            return
        self._bands.append(np.concatenate([_bands(hashes, offsets) for hashes, offsets in word_shingles(texts)]))
        self._rows += len(texts)

    def groups(self, texts_of: Callable[[Sequence[int]], Sequence[str]]) -> Iterator[tuple[int, int, float]]:
        """(row, the earlier row it resembles, their similarity) of each near duplicate, in row order.

        The earlier row is never itself a near duplicate, so what remains without the rows that are told still has one
        of each group. texts_of is given ascending row numbers and reads their texts back, in that order; the
        similarity is computed from these.
        """
        leaders = self._leaders()
        representatives = np.arange(
            self._rows, dtype=np.int32
        )  # a near duplicate's earlier row; any other row's own number
        suspects = np.flatnonzero((leaders != representatives).any(axis=0))
        for start in range(0, len(suspects), _BLOCK):
            block = suspects[start : start + _BLOCK]
            candidates = {
                row: _most_frequent(column, row)
                for row, column in zip(block.tolist(), representatives[leaders[:, block]].T.tolist(), strict=True)
            }
            rows = sorted(set(candidates).union(*candidates.values()))
            shingles = dict(zip(rows, _shingles_by_text(texts_of(rows)), strict=True))
            for row, earlier_rows in candidates.items():
                # Candidates of this very block may have turned out near duplicates themselves since they were listed.
                remaining = sorted(set(representatives[earlier_rows].tolist()))
                shares = {earlier: _similarity(shingles[row], shingles[earlier]) for earlier in remaining}
                best = max(remaining, key=shares.__getitem__)
                if shares[best] >= self._threshold:
                    representatives[row] = best
                    yield row, best, shares[best]

    def _leaders(self) -> NDArray[np.int32]:
        """[_BANDS, rows]: the first row with the same band. Each row is held against these only, so that thousands
        of equal rows take linear time."""
        leaders = np.empty((_BANDS, self._rows), np.int32)
        for band in range(_BANDS) if self._rows else ():
            column = np.concatenate([part[:, band] for part in self._bands])
            _, first, bucket = np.unique(column, return_index=True, return_inverse=True)
            leaders[band] = first[bucket]
        return leaders


def _bands(hashes: NDArray[np.uint64], offsets: NDArray[np.int64]) -> NDArray[np.uint32]:
    """[texts, _BANDS]: a hash of _WIDTH minima each. Where two differ in the minima and agree in these 32 bits, the
    texts tell."""
    digests = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
        hashes, offsets.astype(np.uint64), num_perm=_BANDS * _WIDTH, seed=_SEED
    )
    minima = np.array(digests.to_rows(), np.uint64).reshape(-1, _BANDS, _WIDTH)
    return ((minima @ _FACTORS) >> np.uint64(32)).astype(np.uint32)


def _most_frequent(column: list[int], row: int) -> list[int]:
    """Up to _COMPARED of the other rows in a row's column of leaders, those with which it shares most bands."""
    return [other for other, _ in Counter(column).most_common(_COMPARED + 1) if other != row][:_COMPARED]


def _shingles_by_text(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    return [part for hashes, offsets in word_shingles(texts) for part in np.split(hashes, offsets[1:-1])]


def _similarity(ones: NDArray[np.uint64], others: NDArray[np.uint64]) -> float:
    """Jaccard similarity: the share of all their shingles that both have; 0 when there are none."""
    left, right = set(ones.tolist()), set(others.tolist())
    common = len(left & right)
    return common / max(len(left) + len(right) - common, 1)


def similarity_text(similarity: float) -> str:
    """In percent, as a message says it: never 100 %, for who is equal but for case and punctuation is not the same."""
    return f"{min(99, int(100 * similarity))}%"
