"""Near duplicates: MinHash signatures in bands find candidates, the words themselves decide.

Banding is described in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3 (http://www.mmds.org).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from studio.domain.datasets.nearness import LEAST_NEAR, NEAR
from studio.worker.ingest.prompt_edits import Sentence, is_edit, own_sentences
from studio.worker.ingest.row_words import Words
from studio.worker.ingest.shingles import has_token, word_shingles

# Rows of similarity s share a band with probability 1 - (1 - s^WIDTH)^BANDS: 0.9 → 0.9999997, 0.8 → 0.998, 0.7 → 0.95;
# much below LEAST_NEAR, the bands would miss too many.
_BANDS, _WIDTH = 16, 5
_SEED = 1
_FACTORS = np.array(
    [0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64
)
_PERMUTATIONS = np.random.default_rng(_SEED).integers(0, 1 << 32, (_BANDS, _WIDTH), np.uint32) | np.uint32(1)
_WIDTHS = {1: (5,), 2: (3, 2), 3: (2, 2, 1)}  # how many minima of each part, by the number of parts
_MOST_SENTENCES = 500_000  # by which rows are found that share their passage with an earlier one: some 100 MB
_COMPARED = 4  # earlier rows that a row is compared with at most: those with which it shares most bands
_FIRST_BLOCK, _LARGEST_BLOCK = 256, 4096  # rows whose texts are read back at once
_BLOCK_CHARACTERS = 8_000_000  # that they may have, but for a row that has more by itself
_LEADERS_SHARE = 0.2  # of the time that finding near duplicates takes

WordsOf = Callable[[NDArray[np.int64]], Words]
Progress = Callable[[float], None]
"""How much is done, from 0 to 1."""


class Near(NamedTuple):
    row: int
    earlier: int
    similarity: float


class NearDuplicates:
    """Finds rows that say nearly the same as an earlier row.

    Two rows are as similar as the least similar of their parts: their prompts, and their answers (of a text without
    turns, all of it). Where both are near, so is the whole. The similarity of two parts is the Jaccard similarity of
    their word shingles, and prompts that differ by a whole sentence instead of scattered edits are not similar at all
    (see prompt_edits). So a passage with another question, and a long prompt with another short answer, are rows of
    their own, however much they share.

    Case, blanks and punctuation do not count (see shingles). A part of fewer than five tokens resembles its equals
    only: “Yes.” and “yes” are near duplicates, “Yes.” and “Yes, please.” are not. A row without a token resembles none.

    Rows of a similarity of `threshold` make a group: the first of them stands for it, and later rows are held against
    that one. Less similar rows, from LEAST_NEAR on, are told too, but still stand for groups of their own.

    68 bytes a row are kept while rows are added, about 110 while duplicates are looked for.
    """

    def __init__(self, threshold: float = NEAR) -> None:
        """Raises ValueError when the threshold is below LEAST_NEAR or above 1."""
        if not LEAST_NEAR <= threshold <= 1:
            raise ValueError(f"threshold is {threshold}, not from {LEAST_NEAR} to 1")
        self._threshold = threshold
        self._bands: list[NDArray[np.uint32]] = []  # [_BANDS, rows] each
        self._lengths: list[NDArray[np.uint32]] = []  # characters of each row
        self._rows = 0
        self._by_sentence: dict[tuple[int, int], int] = {}

    def add(self, words: Words) -> None:
        """The words of the next rows, in order; about 1,000 in a call."""
        if not words[0]:
            return
        self._bands.append(_bands(words))
        self._lengths.append(np.sum([np.fromiter(map(len, part), np.uint32, len(part)) for part in words], axis=0))
        self._rows += len(words[0])

    def groups(self, words_of: WordsOf, progress: Progress = lambda share: None) -> Iterator[Near]:
        """Each row that is near an earlier one, in row order; may be asked once.

        The earlier row is never told itself with a similarity of the threshold or more, so what remains without the
        rows from any similarity on still has one of each group. words_of is given ascending row numbers and reads their
        words back, in that order; the similarity is computed from these.
        """
        self._find_leaders(lambda share: progress(_LEADERS_SHARE * share))
        # A near duplicate's earlier row; any other row's own number.
        representatives = np.arange(self._rows, dtype=np.int32)
        suspects = self._suspects()
        start, size = 0, _FIRST_BLOCK
        while start < len(suspects):
            block = suspects[start : start + size]
            candidates = _most_frequent(representatives[self._leaders(block)], block)
            count = self._how_many(block, candidates)
            block, candidates = block[:count], candidates[:count]
            start, size = start + count, min(2 * size, _LARGEST_BLOCK)
            yield from self._judged(block, candidates, representatives, words_of)
            progress(_LEADERS_SHARE + (1 - _LEADERS_SHARE) * start / len(suspects))

    def _judged(
        self,
        block: NDArray[np.int64],
        candidates: NDArray[np.int64],
        representatives: NDArray[np.int32],
        words_of: WordsOf,
    ) -> Iterator[Near]:
        """Of a block's rows, those that are near one of their candidates."""
        has = candidates >= 0
        pairs = np.stack([np.repeat(block, has.sum(axis=1)), candidates[has]], axis=1)
        rows = np.unique(np.concatenate([block, pairs[:, 1]]))
        comparison = _Comparison(rows, words_of)
        similarities = comparison.similarities(pairs).tolist()
        known: dict[tuple[int, int], float] = dict(zip(map(tuple, pairs.tolist()), similarities, strict=True))

        def similarity(row: int, earlier: int) -> float:
            if (row, earlier) not in known:
                known[row, earlier] = float(comparison.similarities(np.array([[row, earlier]]))[0])
            return known[row, earlier]

        for row, earlier_rows in zip(block.tolist(), candidates.tolist(), strict=True):
            # Candidates of this very block may have turned out near duplicates themselves since they were listed.
            remaining = sorted({int(representatives[each]) for each in earlier_rows if each >= 0})
            best = max(remaining, key=lambda earlier: similarity(row, earlier))
            if similarity(row, best) < LEAST_NEAR and any(similarity(row, each) < 0 for each in remaining):
                best = self._hidden(row, [each for each in remaining if similarity(row, each) < 0], comparison, best)
            if similarity(row, best) >= self._threshold:
                representatives[row] = best
            if similarity(row, best) >= LEAST_NEAR:
                yield Near(row, best, similarity(row, best))

    def _hidden(self, row: int, leaders: list[int], comparison: _Comparison, best: int) -> int:
        """Which earlier row a row may be near that shares its passage with all of these and asks what they do not; else
        `best`. Every row with that passage has their bands, so that the leaders alone would hide it."""
        for leader in leaders:
            sentences = comparison.own_sentences(row, leader)
            found = [self._by_sentence.get((leader, hash(sentence))) for sentence in sentences]
            if (earlier := next((each for each in found if each is not None), None)) is not None:
                return earlier
            if len(self._by_sentence) < _MOST_SENTENCES:
                for sentence in sentences:
                    self._by_sentence.setdefault((leader, hash(sentence)), row)
        return best

    def _find_leaders(self, progress: Progress) -> None:
        """Puts in the place of each band the first row with the same band. Each row is held against these only, so that
        thousands of equal rows take linear time."""
        for band in range(_BANDS) if self._rows else ():
            leaders = _first_equal(np.concatenate([part[band] for part in self._bands]))
            here = 0
            for part in self._bands:
                part[band] = leaders[here : here + part.shape[1]]
                here += part.shape[1]
            progress((band + 1) / _BANDS)
        # Fewer and larger parts, a few at a time, so that no two copies of all are there.
        larger: list[NDArray[np.uint32]] = []
        while self._bands:
            larger.append(np.concatenate(self._bands[:64], axis=1))
            del self._bands[:64]
        self._bands = larger

    def _suspects(self) -> NDArray[np.int64]:
        """The rows that share a band with an earlier one."""
        here, found = 0, [np.empty(0, np.int64)]
        for part in self._bands:
            own = np.arange(here, here + part.shape[1], dtype=np.uint32)
            found.append(np.flatnonzero((part != own).any(axis=0)) + here)
            here += part.shape[1]
        return np.concatenate(found)

    def _leaders(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """[rows, _BANDS]"""
        ends = np.cumsum([part.shape[1] for part in self._bands])
        of_part = np.searchsorted(ends, rows, "right")
        pieces = [
            self._bands[i][:, rows[of_part == i] - (ends[i] - self._bands[i].shape[1])] for i in np.unique(of_part)
        ]
        return np.concatenate(pieces, axis=1).T.astype(np.int64)

    def _how_many(self, block: NDArray[np.int64], candidates: NDArray[np.int64]) -> int:
        """How many rows of the block may be looked at, together with what they are compared with; one at least."""
        if len(self._lengths) > 1:
            self._lengths = [np.concatenate(self._lengths)]
        lengths = self._lengths[0]
        characters = lengths[block] + np.where(candidates >= 0, lengths[candidates], 0).sum(axis=1, dtype=np.int64)
        return max(1, int(np.searchsorted(np.cumsum(characters), _BLOCK_CHARACTERS, "right")))


class _Comparison:
    """Compares rows by their words; those of `rows` are read at once, and of others when they are asked for."""

    def __init__(self, rows: NDArray[np.int64], words_of: WordsOf) -> None:
        self._words_of = words_of
        self._words = [list(part) for part in words_of(rows)]
        self._places: dict[int, int] = dict(zip(rows.tolist(), range(len(rows)), strict=True))

    def similarities(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of each pair of rows; 0 where it is less than LEAST_NEAR, and below 0 where it were at least that if one did
        not ask what the other does not."""
        places = np.array([[self._place(one), self._place(other)] for one, other in pairs.tolist()]).reshape(-1, 2)
        found = np.ones(len(pairs))
        differs = np.zeros(len(pairs), bool)
        for part in reversed(self._words):  # most rows have answers that are unlike
            alive = np.flatnonzero(found)
            unequal = alive[[part[one] != part[other] for one, other in places[alive].tolist()]]
            differs[unequal] = True
            found[unequal] = np.minimum(found[unequal], _shares(part, places[unequal]))
            found[found < LEAST_NEAR] = 0
        for i in np.flatnonzero(found).tolist():
            one, other = places[i].tolist()
            if not differs[i] and not any(has_token(part[one]) for part in self._words):
                found[i] = 0
            elif differs[i] and len(self._words) > 1 and not is_edit(self._words[0][one], self._words[0][other]):
                found[i] = -found[i]
        return found

    def own_sentences(self, row: int, earlier: int) -> list[Sentence]:
        """Those of the row's prompt that the earlier row's does not have."""
        return own_sentences(self._words[0][self._place(row)], self._words[0][self._place(earlier)])

    def _place(self, row: int) -> int:
        place = self._places.get(row)
        if place is None:
            place = self._places[row] = len(self._words[0])
            for part, more in zip(self._words, self._words_of(np.array([row])), strict=True):
                part += more
        return place


def _bands(words: Words) -> NDArray[np.uint32]:
    """[_BANDS, rows]: a hash of _WIDTH minima each, some of each part. Where two differ in the minima and agree in
    these 32 bits, the words tell."""
    together = np.zeros((_BANDS, len(words[0])), np.uint64)
    first = 0
    for part, width in zip(words, _WIDTHS[len(words)], strict=True):
        here = 0
        for hashes, offsets in word_shingles(part):
            piece = together[:, here : here + len(offsets) - 1]
            _add_minima(hashes, offsets, slice(first, first + width), piece)
            here += len(offsets) - 1
        first += width
    return (together >> np.uint64(32)).astype(np.uint32)


def _add_minima(
    hashes: NDArray[np.uint64], offsets: NDArray[np.int64], which: slice, together: NDArray[np.uint64]
) -> None:
    """Adds, for each band and text, a text's minima of some permutations."""
    has_tokens = np.diff(offsets) > 0
    starts = offsets[:-1][has_tokens]
    if not len(starts):
        return
    short = hashes.astype(np.uint32)
    permuted, minima = np.empty_like(short), np.empty(len(starts), np.uint32)
    for band, factors in enumerate(_PERMUTATIONS):
        for factor, mixed_by in zip(factors[which], _FACTORS[which], strict=True):
            np.multiply(short, factor, out=permuted)
            np.minimum.reduceat(permuted, starts, out=minima)
            together[band, has_tokens] += minima * mixed_by


def _first_equal(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """For each value the first place where it stands."""
    keys = values.astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= np.arange(len(values), dtype=np.uint64)
    keys.sort()
    places = keys.astype(np.uint32)
    keys >>= np.uint64(32)
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    del keys
    first = np.empty(len(values), np.uint32)
    first[places] = np.repeat(places[starts], np.diff(starts, append=len(values)))
    return first


def _most_frequent(leaders: NDArray[np.int32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """[rows, _COMPARED]: of the other rows among a row's leaders, those with which it shares most bands, the earlier
    ones first; -1 where there are no more."""
    leaders = np.sort(leaders.astype(np.int64), axis=1)
    count, bands = leaders.shape
    is_first = np.ones((count, bands), bool)
    is_first[:, 1:] = leaders[:, 1:] != leaders[:, :-1]
    starts = np.flatnonzero(is_first)
    lengths = np.zeros((count, bands), np.int64)
    lengths.ravel()[starts] = np.diff(starts, append=count * bands)
    lengths[leaders == rows[:, None]] = 0
    order = np.argsort(-lengths, axis=1, kind="stable")[:, :_COMPARED]
    chosen = np.take_along_axis(leaders, order, axis=1)
    return np.where(np.take_along_axis(lengths, order, axis=1) > 0, chosen, -1)


def _distinct_shingles(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(hashes, offsets): each shingle of a text once."""
    pieces, lengths = [], []
    for hashes, offsets in word_shingles(texts):
        owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        order = np.lexsort((hashes, owners))
        hashes, owners = hashes[order], owners[order]
        is_new = np.ones(len(hashes), bool)
        is_new[1:] = (hashes[1:] != hashes[:-1]) | (owners[1:] != owners[:-1])
        pieces.append(hashes[is_new])
        lengths.append(np.bincount(owners[is_new], minlength=len(offsets) - 1))
    if not pieces:
        return np.empty(0, np.uint64), np.zeros(1, np.int64)
    return np.concatenate(pieces), np.concatenate(([0], np.cumsum(np.concatenate(lengths))))


def _shares(texts: Sequence[str], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Jaccard similarity of each pair of texts: the share of all their shingles that both have; 0 when there are
    none."""
    if not len(pairs):
        return np.empty(0)
    used, pairs = np.unique(pairs, return_inverse=True)
    hashes, offsets = _distinct_shingles([texts[i] for i in used.tolist()])
    pairs = pairs.reshape(-1, 2)
    lengths = np.diff(offsets)
    owners = np.repeat(np.arange(len(lengths), dtype=np.uint64), lengths)
    table = np.sort(_keys(hashes, owners))
    one, other = pairs.T
    # Each shingle of the one is looked up among those of the other.
    counts = lengths[one]
    places = np.repeat(offsets[one] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts) + np.arange(counts.sum())
    wanted = _keys(hashes[places], np.repeat(other.astype(np.uint64), counts))
    found = table[np.minimum(np.searchsorted(table, wanted), len(table) - 1)] == wanted if len(table) else wanted == 1
    common = np.bincount(np.repeat(np.arange(len(pairs)), counts)[found], minlength=len(pairs))
    return common / np.maximum(lengths[one] + lengths[other] - common, 1)


def _keys(hashes: NDArray[np.uint64], owners: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A shingle of a text as one number; two that are not the same have the same one with a chance of about 1e-19."""
    mixed: NDArray[np.uint64] = owners * _FACTORS[0]
    mixed ^= hashes
    return mixed


def least_counts(similarities: Iterable[float]) -> dict[int, int]:
    """For each percentage from LEAST_NEAR to 100, how many of the similarities are as high or higher."""
    percents = np.floor(100 * np.fromiter(similarities, np.float64) + 1e-9).astype(np.int64)
    return {percent: int((percents >= percent).sum()) for percent in range(round(100 * LEAST_NEAR), 101)}


def similarity_text(similarity: float) -> str:
    """In percent, as a message says it: never 100 %, for who is equal but for case and punctuation is not the same."""
    return f"{min(99, int(100 * similarity))}%"
