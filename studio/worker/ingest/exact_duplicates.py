"""Exact duplicates, found by hash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import xxhash


class Duplicates:
    """16 bytes a row, so that millions fit. Two different rows have the same 128 bits with a chance of about 1e-26
    among five million."""

    def __init__(self) -> None:
        self._digests = bytearray()

    def add(self, rows: bytes | memoryview, ends: Sequence[int]) -> None:
        """Rows one behind the other, each up to its end."""
        whole = memoryview(rows)
        self._digests += b"".join(xxhash.xxh3_128_digest(whole[start:end]) for start, end in pairwise((0, *ends)))

    def __len__(self) -> int:
        return len(self._digests) // 16

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Each row that stands in an earlier place too, with the first such place; in the rows' order."""
        words = np.frombuffer(self._digests, dtype=np.uint64).reshape(-1, 2)
        order = np.lexsort((words[:, 1], words[:, 0]))  # stable: equal rows stay in their order
        sorted_words = words[order]
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (sorted_words[1:] != sorted_words[:-1]).any(axis=1)
        first = order[np.flatnonzero(is_new)][np.cumsum(is_new) - 1]
        twins = np.flatnonzero(~is_new)
        twins = twins[np.argsort(order[twins], kind="stable")]
        yield from zip(order[twins].tolist(), first[twins].tolist(), strict=True)
