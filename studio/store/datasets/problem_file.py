"""Problems on the disk: an Arrow file of every problem of a dataset's version, read a page at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.problem import Problem
from studio.store.arrow_file import ArrowFile, ArrowFileWriter, DamagedFile, RecordFileWriter

BATCH = 1000
MAX_SORTED = 200_000
SCHEMA = pa.schema(
    [
        ("line", pa.int64()), ("file", pa.int16()), ("row", pa.int64()),
        ("field", pa.string()), ("code", pa.string()), ("values", pa.string()),
    ]
)  # fmt: skip
"""`row` is the row's index in the rows' own file, negative where it is not in there: see `refused_number`. `values` is
JSON."""


def row_of_refused(number: int) -> int:
    """The `row` of a problem in a row that could not be used, by its number among those (see refused_file)."""
    return -2 - number


def refused_number(row: int) -> int | None:
    """Which of the rows that could not be used has the problem; None where it is in no such row, or was written by an
    older studio, which kept none."""
    return -2 - row if row < -1 else None


class ProblemFileWriter(RecordFileWriter):
    """Writes problems, and counts them by their code."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SCHEMA, BATCH)
        self.counts: Counter[str] = Counter()

    def append(self, problem: Problem, row: int = -1) -> None:
        self.counts[problem.code] += 1
        values = json.dumps(dict(problem.values), ensure_ascii=True, default=str)
        field = problem.field.encode("utf-8", "replace").decode()
        self.put(problem.line, problem.file, row, field, problem.code, values)

    def extend(self, problems: Iterable[Problem], row: int = -1) -> None:
        for problem in problems:
            self.append(problem, row)


def read_problems(
    path: str | Path, offset: int = 0, limit: int | None = None, *, codes: Iterable[str] = (), search: str = ""
) -> Iterator[tuple[Problem, int]]:
    """Each problem with its row, from the `offset`-th on; only those of some codes, or with a text in their field or
    values, where such are given. Raises OSError."""
    wanted_codes = pa.array(list(codes), pa.string())
    with _open(path) as file:
        for batch in file:
            batch = _matching(batch, wanted_codes, search)
            if offset >= batch.num_rows:
                offset -= batch.num_rows
                continue
            batch, offset = batch.slice(offset, limit), 0
            for line, in_file, row, field, code, values in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                yield Problem(line, field, code, json.loads(values), in_file), row
            if limit is not None and (limit := limit - batch.num_rows) <= 0:
                return


def count_problems(path: str | Path, *, codes: Iterable[str] = (), search: str = "") -> int:
    """How many `read_problems` would give in all. Raises OSError."""
    wanted_codes = pa.array(list(codes), pa.string())
    with _open(path) as file:
        return sum(_matching(batch, wanted_codes, search).num_rows for batch in file)


def rows_with(path: str | Path, codes: Iterable[str]) -> set[int]:
    """The rows that have a problem of these codes. Raises OSError."""
    wanted_codes = pa.array(list(codes), pa.string())
    with _open(path) as file:
        return {row for batch in file for row in _matching(batch, wanted_codes, "")["row"].to_pylist() if row >= 0}


class ProblemLookup:
    """The problems of single rows, by their `row` in the file (see SCHEMA); in memory for 16 bytes each. What it is
    told of the same row stands together in the file, mostly, so that few batches are read twice."""

    def __init__(self, path: str | Path) -> None:
        """Raises OSError."""
        self._file = _open(path)
        try:
            rows = [batch["row"].to_numpy() for batch in self._file]
        except BaseException:
            self.close()
            raise
        self._starts = np.cumsum([0, *map(len, rows)])
        all_rows = np.concatenate(rows) if rows else np.array([], np.int64)
        self._order = np.argsort(all_rows, kind="stable")
        self._rows = all_rows[self._order]
        self._number = -1
        self._batch: Any = None

    def of(self, row: int) -> list[Problem]:
        return list(self.between(row, row))

    def between(self, first: int, last: int) -> Iterator[Problem]:
        """Of all rows from the first to the last."""
        begin, end = np.searchsorted(self._rows, first, "left"), np.searchsorted(self._rows, last, "right")
        return map(self._problem, self._order[begin:end].tolist())

    def _problem(self, index: int) -> Problem:
        number = int(np.searchsorted(self._starts, index, "right")) - 1
        if number != self._number:
            self._number, self._batch = number, self._file.batch(number)
        one = self._batch.slice(index - int(self._starts[number]), 1).to_pylist()[0]
        return Problem(one["line"], one["field"], one["code"], json.loads(one["values"]), one["file"])

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> ProblemLookup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def sort_problems(path: str | Path) -> None:
    """Puts them in the order of their places; where there are very many they stay as they were found.
    Raises OSError."""
    path = Path(path)
    with _open(path) as file:
        table = pa.Table.from_batches(file, SCHEMA)
        if table.num_rows > MAX_SORTED:
            return
        table = table.take(pc.sort_indices(table, [("file", "ascending"), ("line", "ascending")]))
    aside = path.with_name(f".{path.name}.sorted")
    with ArrowFileWriter(aside, SCHEMA) as sorted_file:
        for batch in table.combine_chunks().to_batches(BATCH):
            sorted_file.write(batch)
    aside.replace(path)


def _open(path: str | Path) -> ArrowFile:
    file = ArrowFile(path)
    if file.names != SCHEMA.names:
        file.close()
        raise DamagedFile(path)
    return file


def _matching(batch: pa.RecordBatch, codes: pa.Array, search: str) -> pa.RecordBatch:
    if len(codes):
        batch = batch.filter(pc.is_in(batch["code"], codes))
    if search:
        matches = [pc.match_substring(batch[name], search, ignore_case=True) for name in ("field", "values")]
        matches.append(pc.equal(pc.cast(batch["line"], pa.string()), search.strip()))
        batch = batch.filter(pc.or_(pc.or_(*matches[:2]), matches[2]))
    return batch
