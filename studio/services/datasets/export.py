"""A version's rows and problems as files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from studio.services.datasets.browse import _problem_files
from studio.services.datasets.status import check_ready
from studio.services.datasets.token_counts import TokenCount
from studio.services.shared.csv_export import harmless
from studio.store.datasets.problem_file import read_problems
from studio.store.datasets.row_file import read_batches, rows_from
from studio.store.datasets.row_lines import row_line
from studio.store.tables.datasets import Dataset


def problem_lines(dataset: Dataset, token_count: TokenCount | None = None) -> Iterator[str]:
    """All problems as a CSV file, a piece at a time."""
    names = [original.name for original in dataset.details.originals] or [dataset.file_name]
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["file", "line", "field", "level", "code", "message", "remedy"])
    for path in _problem_files(dataset, token_count):
        for problem, _ in read_problems(path):
            p = problem.as_dict()
            name = names[min(problem.file, len(names) - 1)]
            cells = [name, p["line"], p["field"], p["level"], p["code"], p["message"], p["remedy"]]
            writer.writerow([harmless(cell) for cell in cells])
            if buffer.tell() > 1 << 16:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
    yield buffer.getvalue()


def clean_lines(dataset: Dataset) -> Iterator[bytes]:
    """The rows as JSON Lines, a batch at a time; their SHA-256 is the version's hash.

    Raises:
        InvalidInput: the dataset has no rows yet.
        OSError: its file cannot be read.
    """
    check_ready(dataset)
    for batch in read_batches(dataset.rows_path):
        yield b"".join(map(row_line, rows_from(batch)))
