"""The split into training and held-out rows."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from studio.domain.datasets.row_parts import Row, trained_content
from studio.domain.spec.data import DataSpec
from studio.store.datasets.row_file import read_batches, rows_from
from studio.store.datasets.row_lines import row_line


@dataclass(frozen=True)
class Split:
    """`train` and `evaluation` are rows of their files, ascending from 0 on; one that is not learned is in neither.

    `is_stratified`: each label has its share of the evaluation. `kept_together` counts rows that were drawn for it and
    are trained on after all, since an equal row is.
    """

    train: np.ndarray  # int64
    evaluation: np.ndarray  # int64
    is_stratified: bool = False
    kept_together: int = 0


def held_out_hash(splits: Sequence[Split]) -> str:
    """SHA-256 of the evaluation's rows, each as 8 bytes, little end first; of several files one after the other."""
    return hashlib.sha256(b"".join(split.evaluation.astype("<i8").tobytes() for split in splits)).hexdigest()


@dataclass(frozen=True)
class Contents:
    """What is learned of a file: the rows, a digest of each (16 bytes), and its label's number, -1 without one."""

    rows: np.ndarray
    digests: np.ndarray
    labels: np.ndarray


def digest(content: Row) -> bytes:
    """Of what row_parts.trained_content gives: equal where that is."""
    return xxhash.xxh3_128_digest(row_line(content))


def read_contents(path: str | Path, each_batch: Callable[[], None] = lambda: None) -> Contents:
    """Some 30 bytes a row are kept. Raises OSError."""
    rows, labels, digests = array("q"), array("q"), bytearray()
    numbers: dict[str, int] = {}
    first = 0
    for batch in read_batches(path):
        each_batch()
        for number, row in enumerate(rows_from(batch), first):
            if (content := trained_content(row)) is not None:
                label = row.get("label")
                rows.append(number)
                labels.append(numbers.setdefault(label, len(numbers)) if isinstance(label, str) else -1)
                digests += digest(content)
        first += batch.num_rows
    return Contents(np.array(rows), as_array(digests), np.array(labels))


def as_array(digests: bytes | bytearray) -> np.ndarray:
    # numpy passes over zero bytes at the end of an S16, which takes nothing from equality: all have one length.
    return np.frombuffer(bytes(digests), dtype="S16")


def split_contents(contents: Contents, data: DataSpec, seed: int) -> Split:
    """The share that the spec asks for, by label where rows have one, equal rows on one side."""
    return split_mixture([contents], data, seed)[0]


def split_mixture(parts: Sequence[Contents], data: DataSpec, seed: int) -> list[Split]:
    """The same of several files that are trained on together: of each the share, and equal rows of any of them on one
    side."""
    draws = []
    for contents in parts:
        rows = len(contents.rows)
        is_stratified = len(np.unique(contents.labels)) > 1
        labels = contents.labels if is_stratified else None
        draws.append((contents, is_stratified, *split_rows(rows, data.eval_rows(rows), seed, labels)))
    trained = np.concatenate([contents.digests[train] for contents, _, train, _ in draws])
    splits = []
    for contents, is_stratified, train, evaluation in draws:
        train, evaluation, moved_rows = keep_together(train, evaluation, contents.digests, trained)
        splits.append(Split(contents.rows[train], contents.rows[evaluation], is_stratified, moved_rows))
    return splits


def split_rows(rows: int, held_out: int, seed: int, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The indices of training and evaluation rows, ascending. With labels (a number for each row) each label has as
    many among the held out as it has among all, to the nearest row."""
    random = np.random.default_rng(seed)
    order = random.permutation(rows)
    is_held_out = np.zeros(rows, dtype=bool)
    if labels is None:
        is_held_out[order[:held_out]] = True
    else:
        _, kinds, counts = np.unique(labels, return_inverse=True, return_counts=True)
        shares = _shares(counts, held_out, random)
        by_kind = order[np.argsort(kinds[order], kind="stable")]
        place_in_kind = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
        is_held_out[by_kind[place_in_kind < np.repeat(shares, counts)]] = True
    return np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out)


def _shares(counts: np.ndarray, total: int, random: np.random.Generator) -> np.ndarray:
    """`total` in proportion to `counts`: whole parts, and one more for the largest remainders; chance where equal."""
    shares, remainders = np.divmod(counts * total, max(1, counts.sum()))
    order = np.lexsort((random.random(len(counts)), -remainders))
    shares[order[: total - shares.sum()]] += 1
    return shares


def keep_together(
    train: np.ndarray, evaluation: np.ndarray, digests: np.ndarray, trained: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Both without a row of the evaluation whose digest is among those `trained`: it is trained on, and counted."""
    is_known = np.isin(digests[evaluation], trained)
    duplicates = evaluation[is_known]
    return np.sort(np.concatenate([train, duplicates])), evaluation[~is_known], len(duplicates)
