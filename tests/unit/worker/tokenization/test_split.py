"""Which rows are held out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studio.domain.spec.data import DataSpec
from studio.store.datasets.row_file import RowFileWriter
from studio.worker.tokenization.split import (
    Split,
    held_out_hash,
    keep_together,
    read_contents,
    split_contents,
    split_rows,
)


def chat(question: str, answer: str = "Aye.", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def split_of(path: Path, rows: list[dict[str, Any]], share: float, kind: str = "chat", seed: int = 42) -> Split:
    with RowFileWriter(path, kind) as file:
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            file.write(part, range(start + 1, start + len(part) + 1), [0] * len(part))
    return split_contents(read_contents(path), DataSpec(name="rows", validation_split=share), seed)


def test_the_seed_decides_which_rows_are_held_out() -> None:
    train, held_out = split_rows(100, 10, seed=1)
    assert sorted([*train, *held_out]) == list(range(100))
    assert len(held_out) == 10
    assert split_rows(100, 10, seed=1)[1].tolist() == held_out.tolist() != split_rows(100, 10, seed=2)[1].tolist()


@pytest.mark.parametrize(
    ("counts", "held_out", "expected"),
    [
        ({0: 90, 1: 10}, 10, {0: 9, 1: 1}),
        ({0: 60, 1: 25, 2: 15}, 10, {0: 6, 1: 2, 2: 2}),  # 2.5 and 1.5: chance decides between equal remainders
        ({0: 97, 1: 2, 2: 1}, 10, {0: 10, 1: 0, 2: 0}),
        ({-1: 50, 0: 50}, 7, {-1: 4, 0: 3}),
        ({0: 3, 1: 3}, 6, {0: 3, 1: 3}),
    ],
)
def test_each_label_gives_its_share(counts: dict[int, int], held_out: int, expected: dict[int, int]) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(list(counts), list(counts.values())))
    train, evaluation = split_rows(len(labels), held_out, 3, labels)
    assert sorted([*train, *evaluation]) == list(range(len(labels)))
    found = {label: int((labels[evaluation] == label).sum()) for label in counts}
    assert sum(found.values()) == held_out
    assert all(abs(found[label] - expected[label]) <= 1 for label in counts)
    exact = {label: held_out * count / len(labels) for label, count in counts.items()}
    assert all(abs(found[label] - exact[label]) < 1 for label in counts)


def test_many_rare_labels_share_what_is_held_out_by_chance() -> None:
    labels = np.arange(1000)
    _, evaluation = split_rows(1000, 100, 1, labels)
    assert len(evaluation) == 100
    assert evaluation.max() > 900 and evaluation.min() < 100


def test_a_row_that_equals_one_of_training_is_trained_on_and_counted() -> None:
    digests = np.array([b"a", b"b", b"a", b"c", b"b", b"d"], dtype="S16")
    train, evaluation, moved = keep_together(np.array([0, 3]), np.array([1, 2, 4, 5]), digests, digests[[0, 3]])
    assert (train.tolist(), evaluation.tolist(), moved) == ([0, 2, 3], [1, 4, 5], 1)


def test_rows_are_equal_by_what_is_learned_of_them(tmp_path: Path) -> None:
    asked = [{"role": "user", "content": "Who?"}]
    rows = [
        {"prompt": asked, "chosen": [{"role": "assistant", "content": "Me."}],
         "rejected": [{"role": "assistant", "content": f"Number {i}."}]}
        for i in range(10)
    ]  # fmt: skip
    split = split_of(tmp_path / "rows.arrow", rows, 0.3, "preference")
    assert (len(split.train), len(split.evaluation), split.kept_together) == (10, 0, 3)


def test_labels_of_the_rows_are_kept_in_proportion(tmp_path: Path) -> None:
    rows = [chat(f"Question {i}?", label="rare" if i % 10 == 0 else "common") for i in range(2500)]
    split = split_of(tmp_path / "rows.arrow", rows, 0.1)
    assert split.is_stratified
    assert (len(split.evaluation), sum(i % 10 == 0 for i in split.evaluation.tolist())) == (250, 25)
    assert not split_of(tmp_path / "plain.arrow", [chat(f"{i}?") for i in range(20)], 0.1).is_stratified


def test_only_rows_that_are_learned_are_split(tmp_path: Path) -> None:
    rows = [
        {"prompt": [{"role": "user", "content": f"{i}?"}], "completion": [{"role": "assistant", "content": "Aye."}],
         "label": i < 20}
        for i in range(100)
    ]  # fmt: skip
    split = split_of(tmp_path / "rows.arrow", rows, 0.25, "unpaired")
    assert sorted([*split.train, *split.evaluation]) == list(range(20))
    assert len(split.evaluation) == 5


def test_the_hash_is_that_of_the_rows_held_out() -> None:
    split = Split(np.array([0, 2]), np.array([1, 3]))
    expected = b"".join(row.to_bytes(8, "little") for row in (1, 3))
    assert held_out_hash([split]) == hashlib.sha256(expected).hexdigest()
