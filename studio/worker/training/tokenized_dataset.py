"""The tokenized dataset: token ids, with a label for each: itself where it is trained on, else -100."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from datasets import Dataset

from studio.domain.datasets.row_parts import Row, learned
from studio.domain.errors import StudioError
from studio.domain.spec.run_spec import RunSpec
from studio.store.datasets.row_file import read_batches, rows_from
from studio.worker.tokenization.encoder import IGNORED, Encoded, Encoder
from studio.worker.tokenization.split import Split, read_contents, split_contents

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) now and then; may raise to end the work."""

_CHUNK_ROWS = 500  # rows between two calls of Progress
_SCHEMA = pa.schema([("input_ids", pa.large_list(pa.int32())), ("labels", pa.large_list(pa.int32()))])


@dataclass(frozen=True)
class TokenizedDataset:
    """`rows` holds input_ids and labels. `dropped` counts rows of which no learned token was left."""

    rows: Dataset
    tokens: int
    learned: int
    dropped: int

    def __len__(self) -> int:
        return len(self.rows)


class TokenizedSplits(NamedTuple):
    train: TokenizedDataset
    evaluation: TokenizedDataset
    split: Split


def read_examples(
    path: str | Path,
    spec: RunSpec,
    tokenizer: Any,
    folder: Path,
    progress: Progress = lambda done, total: None,
    *,
    validation: str | Path | None = None,
) -> TokenizedSplits:
    """Training and evaluation examples of the rows in `path`, a store.row_file: a share of them that the seed draws is
    for the evaluation, or all rows of the file `validation`. They are kept in `folder` and not in memory.

    Raises:
        StudioError: the model's chat template refuses a row, or no row has anything to learn within the length.
        OSError: a file cannot be read or written.
    """
    contents = read_contents(path, lambda: progress(0, 0))
    if validation is None:
        split = split_contents(contents, spec.data, spec.training.seed)
    else:
        split = Split(contents.rows, read_contents(validation, lambda: progress(0, 0)).rows)
    folder.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(tokenizer, answers_only=spec.data.answers_only)
    done = _Counted(progress, len(split.train) + len(split.evaluation))
    train, evaluation = (
        _encode(_contents(source, rows), encoder, spec.training.max_length, folder / f"{name}.arrow", done)
        for name, source, rows in (("train", path, split.train), ("evaluation", validation or path, split.evaluation))
    )
    if not len(train):
        raise StudioError(
            "No row has anything to train on within the first {length} {length:token|tokens}.",
            "Raise max length, or shorten the questions in the dataset.",
            length=spec.training.max_length,
        )
    return TokenizedSplits(train, evaluation, split)


class _Counted:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, rows: int) -> None:
        self._done += rows
        self._progress(self._done, self._total)


def _contents(path: str | Path, wanted: np.ndarray) -> Iterator[list[Row]]:
    """What is learned of these rows (ascending), some at a time."""
    first = 0
    for batch in read_batches(path):
        start, end = np.searchsorted(wanted, (first, first + batch.num_rows))
        for here in range(start, end, _CHUNK_ROWS):
            rows = rows_from(batch.take(pa.array(wanted[here : min(here + _CHUNK_ROWS, end)] - first)))
            yield [content for row in rows if (content := learned(row)) is not None]
        first += batch.num_rows


def _encode(
    chunks: Iterator[list[Row]], encoder: Encoder, max_length: int, target: Path, done: _Counted
) -> TokenizedDataset:
    tokens = count = dropped = 0
    with pa.ipc.new_stream(str(target), _SCHEMA) as file:
        for rows in chunks:
            made = [_accepted(found).example(max_length) for found in encoder.encode(rows)]
            made = [(ids, labels) for ids, labels in made if (labels != IGNORED).any()]
            dropped += len(rows) - len(made)
            tokens += sum(len(ids) for ids, _ in made)
            count += sum(int((labels != IGNORED).sum()) for _, labels in made)
            columns = [_lists([ids for ids, _ in made]), _lists([labels for _, labels in made])]
            file.write_batch(pa.record_batch(columns, schema=_SCHEMA))
            done.add(len(rows))
    return TokenizedDataset(Dataset.from_file(str(target)).with_format("numpy"), tokens, count, dropped)


def _accepted(found: Encoded | StudioError) -> Encoded:
    if isinstance(found, StudioError):
        raise found
    return found


def _lists(rows: Sequence[np.ndarray]) -> pa.Array:
    ends = np.cumsum([0, *(len(r) for r in rows)], dtype=np.int64)
    return pa.LargeListArray.from_arrays(ends, np.concatenate([np.empty(0, np.int32), *rows]))
