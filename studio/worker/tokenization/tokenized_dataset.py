"""The tokenized dataset: token ids, with a label for each: itself where it is trained on, else -100.

Examples of several documents (a preference pair) have them one after another, and the `lengths` of each. Where several
datasets are trained on together, `part` says which one an example is of, counted from 0.
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
from studio.worker.tokenization.split import Split, read_contents, split_mixture

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) now and then; may raise to end the work."""

_CHUNK_ROWS = 500  # rows between two calls of Progress
_TOKENS = pa.large_list(pa.int32())


@dataclass
class TokenizedPart:
    """What there is of one dataset, as TokenizedDataset has it of all together."""

    rows: int = 0
    tokens: int = 0
    target_tokens: int = 0
    dropped_rows: int = 0


@dataclass(frozen=True)
class TokenizedDataset:
    """`rows` holds input_ids and labels. `dropped_rows` counts rows of which no learned token was left, in any of their
    documents. `parts` has the same of each dataset, whose rows stand one behind the other."""

    rows: Dataset
    tokens: int
    target_tokens: int
    dropped_rows: int
    parts: Sequence[TokenizedPart] = ()

    def __len__(self) -> int:
        return len(self.rows)


class TokenizedSplits(NamedTuple):
    """`splits` has one for each dataset. Where there is a validation set, the first one's evaluation are its rows, and
    the others have none."""

    train: TokenizedDataset
    evaluation: TokenizedDataset
    splits: Sequence[Split]


def read_examples(
    path: str | Path,
    spec: RunSpec,
    tokenizer: Any,
    folder: Path,
    progress: Progress = lambda done, total: None,
    *,
    mixed: Sequence[str | Path] = (),
    validation: str | Path | None = None,
) -> TokenizedSplits:
    """Training and evaluation examples of the rows in `path`, a store.row_file, and in the files `mixed`: a share of
    each that the seed draws is for the evaluation, or all rows of the file `validation`. They are kept in `folder` and
    not in memory.

    Raises:
        StudioError: the model's chat template refuses a row, or no row of a dataset has anything to learn within the
            length.
        OSError: a file cannot be read or written.
    """
    paths = [path, *mixed]
    contents = [read_contents(each, lambda: progress(0, 0)) for each in paths]
    if validation is None:
        splits = split_mixture(contents, spec.data, spec.training.seed)
        measured = [(each, split.evaluation) for each, split in zip(paths, splits, strict=True)]
    else:
        measured = [(validation, read_contents(validation, lambda: progress(0, 0)).rows)]
        splits = [Split(each.rows, measured[0][1][: None if at == 0 else 0]) for at, each in enumerate(contents)]
    trained = [(each, split.train) for each, split in zip(paths, splits, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(tokenizer, answers_only=spec.data.answers_only)
    done = _Counted(progress, sum(len(rows) for _, rows in [*trained, *measured]))
    train, evaluation = (
        _encode(
            [_contents(source, rows, spec.objective) for source, rows in sources],
            encoder,
            spec.training.max_length,
            folder / f"{name}.arrow",
            done,
            _schema(spec.objective, has_parts=len(sources) > 1),
        )
        for name, sources in (("train", trained), ("evaluation", measured))
    )
    for name, part in zip(spec.data.names, train.parts, strict=True):
        if not part.rows:
            raise _nothing_left(name if mixed else "", spec.training.max_length)
    return TokenizedSplits(train, evaluation, splits)


def _schema(objective: ObjectiveSpec, *, has_parts: bool) -> pa.Schema:
    fields = [("input_ids", _TOKENS), ("labels", _TOKENS)]
    fields += [("lengths", _TOKENS)] if objective.document_count > 1 else []
    return pa.schema([*fields, *([("part", pa.int16())] if has_parts else [])])


def _nothing_left(dataset: str, length: int) -> StudioError:
    if not dataset:
        return StudioError(
            "No row has anything to train on within the first {length} {length:token|tokens}.",
            "Raise max length, or shorten the questions in the dataset.",
            length=length,
        )
    return StudioError(
        "No row of “{name}” has anything to train on within the first {length} {length:token|tokens}.",
        "Raise max length, or train without this dataset.",
        name=dataset,
        length=length,
    )


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
    sources: Sequence[Iterator[list[list[Row]]]],
    encoder: Encoder,
    max_length: int,
    target: Path,
    done: _Counted,
    schema: pa.Schema,
) -> TokenizedDataset:
    parts = [TokenizedPart() for _ in sources]
    with pa.ipc.new_stream(str(target), schema) as file:
        for place, rows in ((place, rows) for place, chunks in enumerate(sources) for rows in chunks):
            part = parts[place]
            encoded_rows = iter(encoder.encode(list(chain.from_iterable(rows))))
            examples = [
                [_encoded_or_raise(next(encoded_rows)).example(max_length) for _ in documents] for documents in rows
            ]
            examples = [each for each in examples if all((labels != IGNORED).any() for _, labels in each)]
            part.rows += len(examples)
            part.dropped_rows += len(rows) - len(examples)
            ids = [np.concatenate([ids for ids, _ in each]) for each in examples]
            labels = [np.concatenate([labels for _, labels in each]) for each in examples]
            lengths = [np.array([len(ids) for ids, _ in each], np.int32) for each in examples]
            part.tokens += sum(map(len, ids))
            part.target_tokens += sum(int((row != IGNORED).sum()) for row in labels)
            columns = {"input_ids": _lists(ids), "labels": _lists(labels), "lengths": _lists(lengths)}
            columns["part"] = pa.array([place] * len(examples), pa.int16())
            file.write_batch(pa.record_batch([columns[name] for name in schema.names], schema=schema))
            done.add(len(rows))
    return TokenizedDataset(
        Dataset.from_file(str(target)).with_format("numpy"),
        tokens=sum(part.tokens for part in parts),
        target_tokens=sum(part.target_tokens for part in parts),
        dropped_rows=sum(part.dropped_rows for part in parts),
        parts=parts,
    )


def _encoded_or_raise(encoded_row: Encoded | StudioError) -> Encoded:
    if isinstance(encoded_row, StudioError):
        raise encoded_row
    return encoded_row


def _lists(rows: Sequence[np.ndarray]) -> pa.Array:
    ends = np.cumsum([0, *(len(r) for r in rows)], dtype=np.int64)
    return pa.LargeListArray.from_arrays(ends, np.concatenate([np.empty(0, np.int32), *rows]))
