"""Rows of a dataset as token ids, with the label of each token: itself where it is learned, else -100."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from datasets import Dataset

from studio.domain.chat_spans import Messages, Render, Span, answer_spans, template_refusal
from studio.domain.errors import StudioError
from studio.domain.spec import RunSpec
from studio.worker.packing import IGNORED

Progress = Callable[[int, int], None]
"""Called with (rows done, rows in all) after each chunk; may raise to end the work."""

_CHUNK = 512  # rows between two calls of Progress


@dataclass(frozen=True)
class Examples:
    """`rows` holds input_ids and labels. `dropped` counts rows of which no learned token was left."""

    rows: Dataset
    tokens: int
    learned: int
    dropped: int

    def __len__(self) -> int:
        return len(self.rows)


def read_examples(
    path: str | Path, spec: RunSpec, tokenizer: Any, progress: Progress = lambda done, total: None
) -> tuple[Examples, Examples]:
    """Training and validation examples of the rows in `path`: an Arrow IPC file with a column `messages`
    (list of {role, content}) or `text`. The seed decides which rows are for validation.

    Raises:
        StudioError: the model's chat template refuses a row, or no row has anything to learn within the length.
        OSError: the file cannot be read.
    """
    with Path(path).open("rb") as file:
        table = pa.ipc.open_file(file).read_all()
        train, evaluation = split_rows(table.num_rows, spec.data.eval_rows(table.num_rows), spec.training.seed)
        encoder = Encoder(tokenizer, spec.training.max_length, answers_only=spec.data.answers_only)
        done = _Counted(progress, table.num_rows)
        made = _encode(table.take(train), encoder, done), _encode(table.take(evaluation), encoder, done)
    if not len(made[0]):
        raise StudioError(
            "No row has anything to learn within the first {length} tokens.",
            "Raise max length, or shorten the questions in the dataset.",
            length=spec.training.max_length,
        )
    return made


def split_rows(rows: int, held_out: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices of training and validation rows, each in the dataset's order."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    return np.sort(shuffled[held_out:]), np.sort(shuffled[:held_out])


def renderer(tokenizer: Any) -> Render:
    """The tokenizer's chat template, with its refusals as StudioError."""

    def render(messages: Messages, add_generation_prompt: bool) -> str:
        try:
            return str(
                tokenizer.apply_chat_template(
                    [dict(m) for m in messages], tokenize=False, add_generation_prompt=add_generation_prompt
                )
            )
        except Exception as error:
            raise template_refusal(error) from error

    return render


class Encoder:
    """Makes token ids and labels of at most `max_length` tokens; what is longer is cut at the end."""

    def __init__(self, tokenizer: Any, max_length: int, *, answers_only: bool) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._answers_only = answers_only
        self._render = renderer(tokenizer)

    def conversations(self, rows: Sequence[Messages]) -> list[tuple[np.ndarray, np.ndarray]]:
        if self._answers_only:
            rendered = [answer_spans(row, self._render) for row in rows]
        else:
            rendered = [(text := self._render(row, False), [(0, len(text))]) for row in rows]
        # The template has written all special tokens that there are to be.
        encoded = self._tokenizer(
            [text for text, _ in rendered], add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return [
            self._example(ids, token_is_in(offsets, spans))
            for ids, offsets, (_, spans) in zip(encoded["input_ids"], encoded["offset_mapping"], rendered, strict=True)
        ]

    def texts(self, rows: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """All tokens are learned, the end token behind them too."""
        end = self._tokenizer.eos_token_id
        made = []
        for ids in self._tokenizer(list(rows), verbose=False)["input_ids"]:
            whole = ids if end is None or ids[-1:] == [end] else [*ids, end]
            made.append(self._example(whole, np.ones(len(whole), dtype=bool)))
        return made

    def _example(self, ids: Sequence[int], learned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kept = np.asarray(ids[: self._max_length], dtype=np.int32)
        labels = np.where(learned[: self._max_length], kept, np.int32(IGNORED))
        labels[:1] = IGNORED  # nothing stands before the first token that could predict it
        return kept, labels


def token_is_in(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> np.ndarray:
    """Which tokens have a character in one of the spans. offsets: (start, end) of each token in the text.

    A token that only reaches into a span counts: else an answer's first word could be lost to a blank before it.
    """
    starts, ends = np.asarray(offsets, dtype=np.int64).reshape(-1, 2).T
    inside = np.zeros(len(starts), dtype=bool)
    for start, end in spans:
        inside |= (starts < end) & (ends > start)
    return inside


class _Counted:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def add(self, rows: int) -> None:
        self._done += rows
        self._progress(self._done, self._total)


def _encode(table: pa.Table, encoder: Encoder, done: _Counted) -> Examples:
    chunks: list[pa.Table] = []
    kept = tokens = learned = 0
    for start in range(0, table.num_rows, _CHUNK):
        part = table.slice(start, _CHUNK)
        if "messages" in part.column_names:
            made = encoder.conversations(part["messages"].to_pylist())
        else:
            made = encoder.texts(part["text"].to_pylist())
        made = [(ids, labels) for ids, labels in made if (labels != IGNORED).any()]
        kept += len(made)
        tokens += sum(len(ids) for ids, _ in made)
        learned += sum(int((labels != IGNORED).sum()) for _, labels in made)
        chunks.append(pa.table({"input_ids": _lists([i for i, _ in made]), "labels": _lists([x for _, x in made])}))
        done.add(part.num_rows)
    rows = Dataset(pa.concat_tables(chunks or [_EMPTY])).with_format("numpy")
    return Examples(rows, tokens, learned, table.num_rows - kept)


def _lists(rows: Sequence[np.ndarray]) -> pa.Array:
    ends = np.cumsum([0, *(len(r) for r in rows)], dtype=np.int64)
    return pa.LargeListArray.from_arrays(ends, np.concatenate([np.empty(0, np.int32), *rows]))


_EMPTY = pa.table({"input_ids": _lists([]), "labels": _lists([])})
