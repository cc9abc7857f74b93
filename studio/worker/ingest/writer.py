"""Writes a dataset's version: rows, problems, and a summary."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from studio.domain.datasets.formats import Layout
from studio.domain.datasets.nearness import NEAR
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.row_parts import TURN_PARTS, TURN_TEXTS, Row
from studio.domain.jobs.ingest import DatasetSummary
from studio.store.datasets.folder import NEAR_FILE, PROBLEMS, REFUSED, ROWS
from studio.store.datasets.near_file import NearFileWriter
from studio.store.datasets.problem_file import ProblemFileWriter, row_of_refused, sort_problems
from studio.store.datasets.refused_file import RefusedFileWriter, RefusedRow
from studio.store.datasets.row_file import BATCH, RowFileWriter, RowLookup
from studio.store.datasets.row_lines import column_lines, row_line
from studio.worker.ingest.exact_duplicates import Duplicates
from studio.worker.ingest.fast_path import Columns
from studio.worker.ingest.near_duplicates import NearDuplicates, least_counts, similarity_text
from studio.worker.ingest.row_words import words_of
from studio.worker.ingest.text_scan import scan

MAX_LABELS = 1000  # beyond, they are no classes
NEAR_ROWS = 5_000_000  # beyond, near duplicates are not looked for
MAX_BATCH_CHARACTERS = 1 << 25  # of the rows of one batch: so much is in memory several times over
BATCHES_ASIDE = 3  # that wait for the second thread
UNBALANCED = 10  # times as many rows with one label as with another

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Batch:
    """What other threads still do with a batch that is written: its problems, each with its row, and its signatures."""

    problems: Future[list[tuple[Problem, int]]]
    signatures: Future[None] | None


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
        self._healable: Counter[str] = Counter()
        self._rows: list[Row] = []
        self._places: list[tuple[int, int]] = []
        self._layouts: list[Layout] = []
        self._waiting_characters = 0  # of the rows
        self._lines, self._files = array("q"), array("h")
        self._content = hashlib.sha256()
        self._size = self._bad_rows = self._trainable = self._turns = self._characters = 0
        self._roles: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._writing = ThreadPoolExecutor(1)
        self._scanning = ThreadPoolExecutor(1)
        self._comparing = ThreadPoolExecutor(1)
        self._aside: deque[Future[_Batch]] = deque()
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
        self._comparing.shutdown()
        with ExitStack() as closing:
            for file in (self._rows_file, self._problems, self._refused):
                closing.callback(file.close)

    @property
    def rows(self) -> int:
        return len(self._lines) + len(self._rows)

    @property
    def labels(self) -> Collection[str]:
        """Those of the rows that are written: all, once nothing waits."""
        if self._rows:
            self._flush()
        self._collect()
        return self._labels

    @property
    def room(self) -> int:
        """Rows until the next batch is full."""
        return BATCH - len(self._rows)

    def accept(self, row: Row, line: int, file: int, layout: Layout, warnings: Iterable[Problem] = ()) -> None:
        for warning in warnings:
            self._problems.append(warning, self.rows)
        self._rows.append(row)
        self._places.append((line, file))
        self._layouts.append(layout)
        self._waiting_characters += _characters_of(row)
        if len(self._rows) == BATCH or self._waiting_characters > MAX_BATCH_CHARACTERS:
            self._flush()

    def accept_all(self, columns: Columns, lines: Sequence[int], file: int, layout: Layout) -> None:
        """A batch of its own, behind what waits."""
        if self._rows:
            self._flush()
        self._store([], columns, lines, [file] * len(lines), [layout] * len(lines))

    def refuse(self, problems: Iterable[Problem], row: RefusedRow, healed_by: Iterable[str] = ()) -> None:
        """One row that cannot be used, what was read of it, and which actions of cleaning can make it usable."""
        self._bad_rows += 1
        self._problems.extend(problems, row_of_refused(self._refused.rows))
        if self._refused.append(row):
            self._healable.update(healed_by)

    def refuse_unknown(self, problems: Iterable[Problem], count: int) -> None:
        """So many rows that cannot be used, of which an earlier version has kept nothing but their problems."""
        self._bad_rows += count
        self._problems.extend(problems)

    def _flush(self) -> None:
        lines, files = [line for line, _ in self._places], [file for _, file in self._places]
        self._store(self._rows, None, lines, files, self._layouts)
        self._rows, self._places, self._layouts = [], [], []
        self._waiting_characters = 0

    def _store(
        self,
        rows: Sequence[Row],
        columns: Columns | None,
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

    def _write(
        self,
        rows: Sequence[Row],
        columns: Columns | None,
        lines: Sequence[int],
        files: Sequence[int],
        layouts: Sequence[Layout],
        first: int,
    ) -> _Batch:
        """Writes a batch; what its words are like comes from further threads."""
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
        compared = first < self._most_near
        return _Batch(
            self._scanning.submit(self._scan, batch, lines, files, layouts, first),
            self._comparing.submit(lambda: self._near.add(words_of(batch))) if compared else None,
        )

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
            batch = self._aside.popleft().result()
            for problem, row in batch.problems.result():
                self._problems.append(problem, row)
            if batch.signatures is not None:
                batch.signatures.result()

    def _count(self, batch: pa.RecordBatch) -> None:
        for name in batch.schema.names:
            column = batch.column(name)
            if pa.types.is_list(column.type):
                turns = column.flatten()
                self._turns += len(turns)
                for name_of_text in TURN_TEXTS:
                    self._characters += pc.sum(pc.utf8_length(turns.field(name_of_text))).as_py() or 0
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
        progress(0, len(self._lines))
        is_twin = np.zeros(len(self._lines), dtype=bool)
        for row, twin in self._duplicates.pairs():
            self._note_twin("duplicate", row, twin)
            is_twin[row] = True
        near_counts = self._find_near(is_twin, progress)
        self._note_imbalance()
        self._problems.close()
        self._refused.close()
        sort_problems(self._folder / PROBLEMS)
        return DatasetSummary(
            rows_in=len(self._lines) + self._bad_rows,
            rows=len(self._lines),
            bad_rows=self._bad_rows,
            refused_kept=self._refused.kept,
            healable=dict(self._healable),
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
            near_counts=near_counts,
        )

    def _find_near(self, is_twin: NDArray[np.bool_], progress: Progress) -> dict[int, int]:
        """How many rows are as near an earlier one as a percentage says, or nearer; of those that are not the same as
        an earlier one."""
        total = len(self._lines)
        similarities = array("d")
        with (
            RowLookup(self._folder / ROWS, is_own=True) as lookup,
            NearFileWriter(self._folder / NEAR_FILE) as near_file,
        ):
            for near in self._near.groups(
                lambda rows: words_of(lookup.batch(rows)), lambda share: progress(int(total * share), total)
            ):
                if is_twin[near.row]:
                    continue
                near_file.append(*near)
                similarities.append(near.similarity)
                if near.similarity >= NEAR:
                    self._note_twin(
                        "near_duplicate", near.row, near.earlier, similarity=similarity_text(near.similarity)
                    )
        return least_counts(similarities) if similarities else {}

    def _note_twin(self, code: str, row: int, twin: int, **values: Any) -> None:
        place = str(self._lines[twin] or twin + 1)  # one that was added has no line
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


def _characters_of(row: Row) -> int:
    if "text" in row:
        return len(row["text"])
    return sum(
        len(turn[name]) for part in TURN_PARTS for turn in row.get(part, ()) for name in TURN_TEXTS if name in turn
    )
