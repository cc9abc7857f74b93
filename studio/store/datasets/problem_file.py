"""Problems on the disk: an Arrow file of every problem of a dataset's version, read a page at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from studio.domain.datasets.problem import Problem
from studio.store.arrow_file import ArrowFile, ArrowFileWriter, DamagedFile

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


class ProblemFileWriter:
    """Writes problems, and counts them by their code."""

    def __init__(self, path: Path) -> None:
        self.counts: Counter[str] = Counter()
        self._waiting: list[tuple[Any, ...]] = []
        self._file = ArrowFileWriter(path, SCHEMA)

    def append(self, problem: Problem, row: int = -1) -> None:
        self.counts[problem.code] += 1
        values = json.dumps(dict(problem.values), ensure_ascii=True, default=str)
        field = problem.field.encode("utf-8", "replace").decode()
        self._waiting.append((problem.line, problem.file, row, field, problem.code, values))
        if len(self._waiting) == BATCH:
            self._flush()

    def extend(self, problems: Iterable[Problem], row: int = -1) -> None:
        for problem in problems:
            self.append(problem, row)

    def _flush(self) -> None:
        columns = zip(*self._waiting, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
        self._file.write(pa.record_batch(arrays, schema=SCHEMA))
        self._waiting.clear()

    def close(self) -> None:
        try:
            if self._waiting:
                self._flush()
        finally:
            self._waiting.clear()
            self._file.close()

    def __enter__(self) -> ProblemFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
