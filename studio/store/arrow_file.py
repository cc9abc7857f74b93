"""Arrow files: written by writers that may be closed twice, and read with the words of an operating system's faults."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class DamagedFile(OSError):
    """A file that is there and whose content cannot be what was written; `filename` says which."""

    def __init__(self, path: str | Path, what: str = "is damaged or cut short") -> None:
        super().__init__(errno.EIO, f"{Path(path).name} {what}", str(path))


class ArrowFileWriter:
    """Batches of one schema. Closing it again does nothing: Arrow's own writer would write a second footer, into
    whatever has taken the file's place since."""

    def __init__(self, path: str | Path, schema: pa.Schema) -> None:
        """Raises OSError where the file cannot be made."""
        self._sink = pa.OSFile(str(path), "wb")
        self._writer: pa.RecordBatchFileWriter | None = pa.ipc.new_file(self._sink, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Raises ValueError once it is closed, OSError where the disk is full."""
        if self._writer is None:
            raise ValueError("The file is closed")
        self._writer.write_batch(batch)

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.close()
            finally:
                self._sink.close()

    def __enter__(self) -> ArrowFileWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RecordFileWriter:
    """Takes records one by one, each with a value for every field of the schema, and writes them in batches."""

    def __init__(self, path: Path, schema: pa.Schema, batch: int) -> None:
        """batch: how many records a batch has. Raises OSError where the file cannot be made."""
        self._schema = schema
        self._most = batch
        self._waiting: list[tuple[Any, ...]] = []
        self._file = ArrowFileWriter(path, schema)

    def put(self, *record: Any) -> None:
        self._waiting.append(record)
        if len(self._waiting) == self._most:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        if not self._waiting:
            return
        columns = zip(*self._waiting, strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._file.write(pa.record_batch(arrays, schema=self._schema))
        self._waiting.clear()

    def close(self) -> None:
        """May be called again."""
        try:
            self.flush()
        finally:
            self._waiting.clear()
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ArrowFile:
    """A file's batches, any of them at once, in mapped memory.

    All of it raises OSError, which names the file, and DamagedFile where it is damaged. Each batch is looked through
    before it is given away: Arrow trusts the bytes of a file, and a wrong offset among them would end the process.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = str(path)
        with Path(path).open("rb"):  # an OSError that names the file, as Arrow's own does not
            pass
        with _readable(self._path):
            self._source = pa.memory_map(self._path)
            try:
                self._file = pa.ipc.open_file(self._source)
            except BaseException:
                self._source.close()
                raise

    def __len__(self) -> int:
        """Batches."""
        return int(self._file.num_record_batches)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return list(self._file.schema.names)

    def batch(self, number: int, *, is_checked: bool = True) -> pa.RecordBatch:
        """is_checked: False is for who has written the file itself just now."""
        with _readable(self._path):
            batch = self._file.get_batch(number)
            if is_checked:
                batch.validate(full=True)
        return batch

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """[batches + 1]: the number of each batch's first row, and of all rows."""
        with _readable(self._path):
            counts = [self._file.get_batch(number).num_rows for number in range(len(self))]
        return np.cumsum([0, *counts], dtype=np.int64)

    def place(self, number: int) -> tuple[int, int]:
        """In which batch a row is, and where in it. Raises DamagedFile where the file ends before that row."""
        if not 0 <= number < self.starts[-1]:
            raise DamagedFile(self._path)
        batch = int(np.searchsorted(self.starts, number, side="right")) - 1
        return batch, number - int(self.starts[batch])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return map(self.batch, range(len(self)))

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> ArrowFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, OverflowError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise DamagedFile(path) from error
