"""The task `count-tokens`: what a base model sees of a dataset, token by token, as training would label it."""

from __future__ import annotations

import os
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from studio.domain.chat.spans import masked_spans
from studio.domain.chat.template_losses import Loss, losses
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import TURN_PARTS, Row, texts_of
from studio.domain.errors import StudioError
from studio.domain.events import Finished
from studio.domain.jobs.token_counts import CountTokensRequest, TokenSummary, ValidationRows
from studio.domain.spec.data import DataSpec
from studio.domain.spec.objectives import OBJECTIVES
from studio.store.arrow_file import ArrowFileWriter
from studio.store.datasets.folder import PROBLEMS, TOKENS
from studio.store.datasets.problem_file import ProblemFileWriter
from studio.store.datasets.row_file import read_batches, rows_from
from studio.store.job_folder import JobFolder
from studio.worker.common.progress import Reporter
from studio.worker.tokenization.encoder import Encoded, Encoder
from studio.worker.tokenization.lengths import describe_lengths
from studio.worker.tokenization.load import load_chat_tokenizer
from studio.worker.tokenization.special_tokens import SpecialTokens
from studio.worker.tokenization.split import as_array, digest, read_contents, split_contents

SCHEMA = pa.schema(
    [
        ("tokens", pa.int32()), ("trained", pa.int32()), ("lost", pa.int32()), ("lost_trained", pa.int32()),
        ("shown", pa.int32()), ("spans", pa.list_(pa.int32())),
    ]
)  # fmt: skip
"""For each row: its tokens, those that are trained, those beyond max length and those of them that would have been
trained; how many characters of the rendered text are within max length, and [start, end, start, end…] of those that
trained tokens cover. All are 0 for a row that is not learned, or that the chat template refuses."""

_NOTHING: tuple[int, int, int, int, int, list[int]] = (0, 0, 0, 0, 0, [])

_LEAVES_OUT = {"template_refuses", "no_trained_token"}  # problems of a row that is not trained on

Progress = Callable[[str, int, int], None]
_Problem = tuple[str, str, dict[str, Any]]


def main(path: Path) -> None:
    """Does what the CountTokensRequest in FOLDER asks. Writes tokens.arrow and problems.arrow; its last event is
    Finished, with a TokenSummary.

    Raises:
        StudioError: the tokenizer cannot be used, or a chat template is chosen and the model has its own.
        OSError: the rows cannot be read.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # nothing forks here
    folder = JobFolder(path)
    request = folder.read_request(CountTokensRequest)
    tokenizer = load_chat_tokenizer(request.model.path, request.chat_template)
    summary = count_tokens(request, path, tokenizer, Reporter(folder))
    folder.append(Finished(path=str(path / TOKENS), details=summary))


def count_tokens(
    request: CountTokensRequest, folder: Path, tokenizer: Any, progress: Progress = lambda stage, done, total: None
) -> TokenSummary:
    """Writes both files."""
    began = time.monotonic()
    rows_path, total = request.rows_path, _count(request.rows_path)
    progress("tokenizing", 0, total)
    train_rows, eval_rows = _split_sizes(request)
    figures = np.zeros(4, dtype=np.int64)
    lengths = array("i")
    roles: Counter[str] = Counter()
    judge = _Judge(request, tokenizer)
    objective = OBJECTIVES[request.objective]()
    encoder = Encoder(tokenizer, answers_only=request.answers_only)
    first = 0
    with ProblemFileWriter(folder / PROBLEMS) as problems, ArrowFileWriter(folder / TOKENS, SCHEMA) as file:
        for batch in read_batches(rows_path):
            rows = rows_from(batch)
            documents = [objective.documents(row) or [] for row in rows]
            encodings = iter(encoder.encode(list(chain.from_iterable(documents))))
            encoded_documents = [[next(encodings) for _ in each] for each in documents]
            contents = [each[0] if each else None for each in documents]
            results = [each[0] if each else None for each in encoded_documents]
            columns = list(zip(*(_figures(one, request.max_length) for one in results), strict=True))
            file.write(
                pa.record_batch(
                    [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
                )
            )
            figures += np.array(columns[:4], dtype=np.int64).sum(axis=1)
            lengths.extend(len(one) for one in results if isinstance(one, Encoded) and len(one))
            for i, place in enumerate(places_of(batch, first)):
                row_problems = [*judge.problems(rows[i], contents[i], results[i])]
                for other in encoded_documents[i][1:]:
                    row_problems += judge.problems_beside(other, row_problems)
                for field, code, values in row_problems:
                    problems.append(Problem(place[0], field, code, values, place[1]), first + i)
            for content, one in zip(contents, results, strict=True):
                if content is not None and isinstance(one, Encoded):
                    roles.update(_role_tokens(content, one, answers_only=request.answers_only))
            first += batch.num_rows
            progress("tokenizing", first, total)
    tokens, trained_tokens, lost_tokens, lost_trained = figures.tolist()
    return TokenSummary(
        rows=first,
        tokens=tokens,
        trained=trained_tokens,
        lost=lost_tokens,
        lost_trained=lost_trained,
        **describe_lengths(np.array(lengths)),
        roles=dict(roles),
        problems=dict(problems.counts),
        train_rows=train_rows,
        eval_rows=eval_rows,
        seconds=round(time.monotonic() - began, 2),
    )


def _count(path: str) -> int:
    return sum(batch.num_rows for batch in read_batches(path))


def places_of(batch: pa.RecordBatch, first: int) -> Iterator[tuple[int, int]]:
    """(line, file) of each row; older files of rows have none, so there the row itself is counted, from 1 on."""
    if "line" not in batch.schema.names:
        return iter([(first + i + 1, 0) for i in range(batch.num_rows)])
    return zip(batch["line"].to_pylist(), batch["file"].to_pylist(), strict=True)


def _split_sizes(request: CountTokensRequest) -> tuple[int, int]:
    contents = read_contents(request.rows_path)
    if request.validation:
        return len(contents.rows), len(read_contents(request.validation.rows_path).rows)
    if not request.split:
        return len(contents.rows), 0
    data = DataSpec(name="rows", validation_split=request.split.share)
    split = split_contents(contents, data, request.split.seed)
    return len(split.train), len(split.evaluation)


def _figures(result: Encoded | StudioError | None, max_length: int) -> tuple[int, int, int, int, int, list[int]]:
    """A row of SCHEMA."""
    if not isinstance(result, Encoded):
        return _NOTHING
    is_target = result.is_target[:max_length]
    lost_tokens, lost_trained = max(0, len(result) - max_length), int(result.is_target[max_length:].sum())
    offsets = result.offsets[:max_length]
    visible_end = int(offsets[:, 1].max(initial=0))
    return len(result), int(is_target.sum()), lost_tokens, lost_trained, visible_end, _covered_spans(offsets[is_target])


def _covered_spans(offsets: np.ndarray) -> list[int]:
    """[start, end, start, end…] of the characters that tokens cover. offsets: [tokens, 2], in the order of the text."""
    offsets = offsets[offsets[:, 0] < offsets[:, 1]]
    if not len(offsets):
        return []
    starts, ends = offsets[:, 0], np.maximum.accumulate(offsets[:, 1])
    gaps = np.flatnonzero(starts[1:] > ends[:-1])
    spans = np.column_stack([starts[np.concatenate([[0], gaps + 1])], ends[np.concatenate([gaps, [-1]])]])
    flat_spans: list[int] = spans.ravel().tolist()
    return flat_spans


def _role_tokens(content: Row, encoded_row: Encoded, *, answers_only: bool) -> Counter[str]:
    """Tokens of each role's own words. What the template writes around them is no one's; an answer's end is its own."""
    spans: list[tuple[str, int, int]] = []
    here = 0
    for turn in content.get("messages", ()):
        if turn["role"] != "assistant" or not answers_only:
            words = turn["content"].strip()
            start = encoded_row.text.find(words, here)
            if words and start >= 0:
                here = start + len(words)
                spans.append((turn["role"], start, here))
    if answers_only and "messages" in content:
        answers = sorted([*encoded_row.spans, *masked_spans(encoded_row.turns)])
        spans += [("assistant", start, end) for start, end in answers]
    tokens: Counter[str] = Counter()
    if spans:
        starts, ends = encoded_row.offsets.T
        counts = np.searchsorted(starts, [end for _, _, end in spans]) - np.searchsorted(
            ends, [start for _, start, _ in spans], side="right"
        )
        for (role, _, _), count in zip(spans, counts.tolist(), strict=True):
            tokens[role] += count
    return tokens


class _Judge:
    """What is wrong with a row for this model, this length and this validation set."""

    def __init__(self, request: CountTokensRequest, tokenizer: Any) -> None:
        self._max_length = request.max_length
        self._special = SpecialTokens(tokenizer)
        self._held_out = _HeldOut(request.validation) if request.validation else None

    def problems(self, row: Row, content: Row | None, result: Encoded | StudioError | None) -> Iterator[_Problem]:
        """(field, code, values) of each."""
        if isinstance(result, StudioError):
            yield self._refusal_problem(result)
        elif result is not None:
            yield from self._of_length(result)
        if isinstance(result, Encoded) and content is not None and "messages" in content:
            seen_codes: set[str] = set()
            for loss in losses(content, result.text, result.turns):
                if loss.code not in seen_codes:  # one of a kind is enough for a row: its count is that of rows
                    seen_codes.add(loss.code)
                    yield _path(row, loss), loss.code, loss.values
        for field, token in self._special.find(texts_of(row)):
            yield field, "special_tokens", {"token": token}
        if self._held_out is not None and content is not None and (twin := self._held_out.line_of(content)):
            yield "", "leakage", {"unit": self._held_out.unit, "twin": twin}

    def problems_beside(self, result: Encoded | StudioError, earlier_problems: Sequence[_Problem]) -> list[_Problem]:
        """What is wrong with another document of a row: what leaves the whole row out, unless that is known."""
        codes = {code for _, code, _ in earlier_problems}
        problems = [self._refusal_problem(result)] if isinstance(result, StudioError) else self._of_length(result)
        return [each for each in problems if each[1] in _LEAVES_OUT and not codes & _LEAVES_OUT]

    @staticmethod
    def _refusal_problem(fault: StudioError) -> _Problem:
        return "", "template_refuses", {"reason": fault.values.get("reason") or fault.problem.rstrip(".")}

    def _of_length(self, encoded_row: Encoded) -> Iterator[_Problem]:
        excess = len(encoded_row) - self._max_length
        if not encoded_row.is_target[: self._max_length].any():
            yield "", "no_trained_token", {"max_length": self._max_length}
        elif excess > 0:
            lost_trained = int(encoded_row.is_target[self._max_length :].sum())
            yield "", "too_long", {"tokens": len(encoded_row), "lost": excess, "lost_trained": lost_trained}


def _path(row: Row, loss: Loss) -> str:
    """Where in the row it is: "messages[3]"."""
    if loss.turn is None:
        return "tools"
    place = loss.turn
    for part in (part for part in TURN_PARTS if part != "rejected"):
        if place < len(turns := row.get(part, ())):
            return f"{part}[{place}]"
        place -= len(turns)
    return ""


class _HeldOut:
    """The rows of a validation set, found by what is learned of them."""

    def __init__(self, rows: ValidationRows) -> None:
        self.unit = rows.unit
        contents = read_contents(rows.rows_path)
        lines: list[int] = []
        first = 0
        for batch in read_batches(rows.rows_path):
            lines += [line for line, _ in places_of(batch, first)]
            first += batch.num_rows
        order = np.argsort(contents.digests, kind="stable")
        self._digests = contents.digests[order]
        self._lines = np.array(lines, dtype=np.int64)[contents.rows[order]]

    def line_of(self, content: Row) -> int | None:
        """Where in its file an equal row stands, if any."""
        (row_digest,) = as_array(digest(content))
        place = int(np.searchsorted(self._digests, row_digest))
        return int(self._lines[place]) if place < len(self._digests) and self._digests[place] == row_digest else None
