"""Writes a dataset's version: rows, problems, and a summary."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.formats import Layout
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import TURN_PARTS, Row
from studio.domain.jobs.ingest import DatasetSummary
from studio.store.datasets.folder import PROBLEMS, REFUSED, ROWS
from studio.store.datasets.problem_file import ProblemFileWriter, refused_number, row_of_refused, sort_problems
from studio.store.datasets.refused_file import RefusedFileWriter, RefusedRow
from studio.store.datasets.row_file import BATCH, RowFileWriter, RowLookup
from studio.store.datasets.row_lines import column_lines, row_line
from studio.worker.ingest.exact_duplicates import Duplicates
from studio.worker.ingest.fast_path import Columns, words_of
from studio.worker.ingest.near_duplicates import NearDuplicates, similarity_text
from studio.worker.ingest.text_scan import scan

MAX_LABELS = 1000  # beyond, they are no classes
NEAR_ROWS = 2_000_000  # beyond, near duplicates are not looked for
BATCHES_ASIDE = 3  # that wait for the second thread
UNBALANCED = 10  # times as many rows with one label as with another

Progress = Callable[[int, int], None]


class VersionWriter:
    """Takes rows one by one, in memory that hardly grows with them: some 50 bytes a row are kept to tell them apart.

    `finish` looks for duplicates, and gives `details`, plain data: rows_in, rows, bad_rows, trainable, size (bytes),
    sha256 (of the rows as lines of the clean file), turns, characters, roles, labels, problems ({code: count}).
    """

    def __init__(self, folder: Path, kind: str, *, near: bool = True) -> None:
        self._folder = folder
        self._kind = kind
        self._rows_file = RowFileWriter(folder / ROWS, kind)
        self._problems = ProblemFileWriter(folder / PROBLEMS)
        self._refused = RefusedFileWriter(folder / REFUSED)
        self._rows: list[Row] = []
        self._places: list[tuple[int, int]] = []
        self._layouts: list[Layout] = []
        self._lines, self._files = array("q"), array("h")
        self._content = hashlib.sha256()
        self._size = self._bad_rows = self._trainable = self._turns = self._characters = 0
        self._roles: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._writing = ThreadPoolExecutor(1)
        self._scanning = ThreadPoolExecutor(1)
        self._aside: deque[Future[Future[list[tuple[Problem, int]]]]] = deque()
        self._duplicates = Duplicates()
        self._near = NearDuplicates()
        self._most_near = NEAR_ROWS if near else 0

    def __enter__(self) -> VersionWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """May be called again, and after `finish`."""
        self._writing.shutdown()
        self._scanning.shutdown()
        with ExitStack() as closing:
            for file in (self._rows_file, self._problems, self._refused):
                closing.callback(file.close)

    @property
    def rows(self) -> int:
        return len(self._lines) + len(self._rows)

    @property
    def room(self) -> int:
        """Rows until the next batch is full."""
        return BATCH - len(self._rows)

    def accept(self, row: Row, line: int, file: int, layout: Layout) -> None:
        self._rows.append(row)
        self._places.append((line, file))
        self._layouts.append(layout)
        if len(self._rows) == BATCH:
            self._flush()

    def accept_all(self, columns: Columns, lines: Sequence[int], file: int, layout: Layout) -> None:
        """A whole batch, when there is `room` for it."""
        words = words_of(columns) if len(self._lines) < self._most_near else []
        self._store([], columns, words, lines, [file] * len(lines), [layout] * len(lines))

    def refuse(self, problems: Sequence[Problem], row: RefusedRow) -> None:
        """One row that cannot be used, and what was read of it."""
        self._bad_rows += 1
        self._problems.extend(problems, row_of_refused(self._refused.rows))
        self._refused.append(row)

    def carry_over(
        self, problems: Iterable[tuple[Problem, int]], rows: Iterable[tuple[int, RefusedRow]], bad_rows: int
    ) -> None:
        """What an earlier version has of the rows that cannot be used: their problems, each with its row, those of them
        that it has kept, with their numbers, and how many there are in all. Problems of all rows together are found
        anew."""
        self._bad_rows += bad_rows
        new_numbers: dict[int | None, int] = {}
        for number, row in rows:
            new_numbers[number] = self._refused.rows
            self._refused.append(row)
        for problem, place in problems:
            if problem.kind.level == "error" and place < 0:
                new_number = new_numbers.get(refused_number(place))
                self._problems.append(problem, -1 if new_number is None else row_of_refused(new_number))

    def _flush(self) -> None:
        lines, files = [line for line, _ in self._places], [file for _, file in self._places]
        words = [_words(row) for row in self._rows] if len(self._lines) < self._most_near else []
        self._store(self._rows, None, words, lines, files, self._layouts)
        self._rows, self._places, self._layouts = [], [], []

    def _store(
        self,
        rows: Sequence[Row],
        columns: Columns | None,
        words: Sequence[str],
        lines: Sequence[int],
        files: Sequence[int],
        layouts: Sequence[Layout],
    ) -> None:
        """One batch, as rows or as columns."""
        first = len(self._lines)
        self._lines.extend(lines)
        self._files.extend(files)
        # Most of it is done outside of Python's lock: beside the reading of the next rows.
        self._collect(BATCHES_ASIDE)
        self._aside.append(self._writing.submit(self._write, rows, columns, lines, files, layouts, first))
        if words:
            self._near.add(words)

    def _write(
        self,
        rows: Sequence[Row],
        columns: Columns | None,
        lines: Sequence[int],
        files: Sequence[int],
        layouts: Sequence[Layout],
        first: int,
    ) -> Future[list[tuple[Problem, int]]]:
        """Writes a batch; the problems of its words, each with its row, come from a third thread."""
        if columns is None:
            content = list(map(row_line, rows))
            whole: bytes | memoryview = b"".join(content)
            ends = list(accumulate(map(len, content)))
        else:
            whole, ends = column_lines(columns)
        self._duplicates.add(whole, ends)
        self._content.update(whole)
        self._size += len(whole)
        batch = self._rows_file.write(rows, lines, files, columns)
        self._count(batch)
        return self._scanning.submit(self._scan, batch, lines, files, layouts, first)

    def _scan(
        self,
        batch: pa.RecordBatch,
        lines: Sequence[int],
        files: Sequence[int],
        layouts: Sequence[Layout],
        first: int,
    ) -> list[tuple[Problem, int]]:
        return [
            (Problem(lines[i], field, code, values, files[i]), first + i)
            for i, field, code, values in scan(batch, layouts)
        ]

    def _collect(self, most: int = 0) -> None:
        """Waits until no more than `most` batches are being looked at."""
        while len(self._aside) > most:
            for problem, row in self._aside.popleft().result().result():
                self._problems.append(problem, row)

    def _count(self, batch: pa.RecordBatch) -> None:
        for name in batch.schema.names:
            column = batch.column(name)
            if pa.types.is_list(column.type):
                turns = column.flatten()
                self._turns += len(turns)
                self._characters += pc.sum(pc.utf8_length(turns.field("content"))).as_py() or 0
                for entry in pc.value_counts(turns.field("role")).to_pylist():
                    self._roles[entry["values"]] += entry["counts"]
            elif name == "text":
                self._characters += pc.sum(pc.utf8_length(column)).as_py() or 0
            elif name == "label" and len(self._labels) <= MAX_LABELS:
                for entry in pc.value_counts(column.drop_null()).to_pylist():
                    self._labels[str(entry["values"]).lower() if self._kind == "unpaired" else entry["values"]] += (
                        entry["counts"]
                    )
        if self._kind == "unpaired":
            self._trainable += pc.sum(batch.column("label")).as_py() or 0
        else:
            self._trainable += batch.num_rows

    # the rows together

    def finish(self, progress: Progress = lambda done, total: None) -> DatasetSummary:
        if self._rows:
            self._flush()
        self._collect()
        self._rows_file.close()
        is_twin = np.zeros(len(self._lines), dtype=bool)
        for row, twin in self._duplicates.pairs():
            self._note_twin("duplicate", row, twin)
            is_twin[row] = True
        progress(0, len(self._lines))
        with RowLookup(self._folder / ROWS) as lookup:
            for row, twin, similarity in self._near.groups(lambda rows: [_words(r) for r in lookup.rows(rows)]):
                if not is_twin[row]:
                    self._note_twin("near_duplicate", row, twin, similarity=similarity_text(similarity))
        self._note_imbalance()
        self._problems.close()
        self._refused.close()
        sort_problems(self._folder / PROBLEMS)
        return DatasetSummary(
            rows_in=len(self._lines) + self._bad_rows,
            rows=len(self._lines),
            bad_rows=self._bad_rows,
            refused_kept=self._refused.kept,
            trainable=self._trainable,
            size=self._size,
            sha256=self._content.hexdigest(),
            turns=self._turns,
            characters=self._characters,
            roles=dict(self._roles),
            labels={str(label): count for label, count in self._labels.most_common(MAX_LABELS)}
            if len(self._labels) <= MAX_LABELS
            else {},
            problems=dict(self._problems.counts),
            near_checked=len(self._lines) <= self._most_near,
        )

    def _note_twin(self, code: str, row: int, twin: int, **values: Any) -> None:
        place = str(self._lines[twin])
        if self._files[twin] != self._files[row]:
            place = f"{place} ({self._files[twin] + 1})"
        self._problems.append(Problem(self._lines[row], "", code, {"twin": place, **values}, self._files[row]), row)

    def _note_imbalance(self) -> None:
        if not 1 < len(self._labels) <= MAX_LABELS:
            return
        (most, many), *_, (least, few) = self._labels.most_common()
        if many >= UNBALANCED * few and many > UNBALANCED:
            share = f"{many / self._labels.total():.0%}"
            values = {"most": most, "share": share, "least": least, "count": few}
            self._problems.append(Problem(0, "label", "label_imbalance", values))


def _words(row: Row) -> str:
    """What a row says, for comparing it with others. A system message that all share would make all alike."""
    if "text" in row:
        return str(row["text"])
    texts: Iterator[str] = (
        turn["content"] for part in TURN_PARTS for turn in row.get(part, ()) if turn["role"] != "system"
    )
    return "\n".join(texts)
