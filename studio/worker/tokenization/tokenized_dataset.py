"""The tokenized dataset: token ids, with a label for each: itself where it is trained on, else -100.

Examples of several documents (a preference pair) have them one after another, and the `lengths` of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from datasets import Dataset

from studio.domain.datasets.row_parts import Row
from studio.domain.errors import StudioError
from studio.domain.spec.objectives import ObjectiveSpec
from studio.domain.spec.run_spec import RunSpec
from studio.store.datasets.row_file import read_batches, rows_from
from studio.worker.tokenization.encoder import IGNORED, Encoded, Encoder
from studio.worker.tokenization.split import Split, read_contents, split_contents

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) now and then; may raise to end the work."""

_CHUNK_ROWS = 500  # rows between two calls of Progress
_TOKENS = pa.large_list(pa.int32())
_SCHEMA = pa.schema([("input_ids", _TOKENS), ("labels", _TOKENS)])
_SCHEMA_OF_SEVERAL = pa.schema([*_SCHEMA, ("lengths", _TOKENS)])


@dataclass(frozen=True)
class TokenizedDataset:
    """`rows` holds input_ids and labels. `dropped_rows` counts rows of which no learned token was left, in any of their
    documents."""

    rows: Dataset
    tokens: int
    target_tokens: int
    dropped_rows: int

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
    schema = _SCHEMA if spec.objective.document_count == 1 else _SCHEMA_OF_SEVERAL
    done = _Counted(progress, len(split.train) + len(split.evaluation))
    train, evaluation = (
        _encode(
            _contents(source, rows, spec.objective),
            encoder,
            spec.training.max_length,
            folder / f"{name}.arrow",
            done,
            schema,
        )
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


def _contents(path: str | Path, numbers: np.ndarray, objective: ObjectiveSpec) -> Iterator[list[list[Row]]]:
    """The documents of these rows (ascending), some rows at a time."""
    first = 0
    for batch in read_batches(path):
        start, end = np.searchsorted(numbers, (first, first + batch.num_rows))
        for here in range(start, end, _CHUNK_ROWS):
            rows = rows_from(batch.take(pa.array(numbers[here : min(here + _CHUNK_ROWS, end)] - first)))
            yield [documents for row in rows if (documents := objective.documents(row)) is not None]
        first += batch.num_rows


def _encode(
    chunks: Iterator[list[list[Row]]],
    encoder: Encoder,
    max_length: int,
    target: Path,
    done: _Counted,
    schema: pa.Schema,
) -> TokenizedDataset:
    tokens = count = dropped_rows = 0
    with pa.ipc.new_stream(str(target), schema) as file:
        for rows in chunks:
            encoded_rows = iter(encoder.encode(list(chain.from_iterable(rows))))
            examples = [
                [_encoded_or_raise(next(encoded_rows)).example(max_length) for _ in documents] for documents in rows
            ]
            examples = [each for each in examples if all((labels != IGNORED).any() for _, labels in each)]
            dropped_rows += len(rows) - len(examples)
            ids = [np.concatenate([ids for ids, _ in each]) for each in examples]
            labels = [np.concatenate([labels for _, labels in each]) for each in examples]
            lengths = [np.array([len(ids) for ids, _ in each], np.int32) for each in examples]
            tokens += sum(map(len, ids))
            count += sum(int((row != IGNORED).sum()) for row in labels)
            columns = [_lists(ids), _lists(labels), _lists(lengths)][: len(schema)]
            file.write_batch(pa.record_batch(columns, schema=schema))
            done.add(len(rows))
    return TokenizedDataset(Dataset.from_file(str(target)).with_format("numpy"), tokens, count, dropped_rows)


def _encoded_or_raise(encoded_row: Encoded | StudioError) -> Encoded:
    if isinstance(encoded_row, StudioError):
        raise encoded_row
    return encoded_row


def _lists(rows: Sequence[np.ndarray]) -> pa.Array:
    ends = np.cumsum([0, *(len(r) for r in rows)], dtype=np.int64)
    return pa.LargeListArray.from_arrays(ends, np.concatenate([np.empty(0, np.int32), *rows]))
