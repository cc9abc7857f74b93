"""Rows are found by their number whatever the batches are that they are kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from studio.store.arrow_file import DamagedFile
from studio.store.datasets.row_file import RowFileWriter, RowLookup, read_rows

SIZES = (1000, 1, 3, 1000, 7)
ROWS = [{"text": f"row {i}"} for i in range(sum(SIZES))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path, first = tmp_path / "rows.arrow", 0
    with RowFileWriter(path, "text") as writer:
        for size in SIZES:
            places = range(first + 1, first + size + 1)
            writer.write(ROWS[first : first + size], places, [0] * size)
            first += size
    return path


@pytest.mark.parametrize("offset", [0, 998, 999, 1000, 1001, 1003, 1004, 2003, 2010, 2011, 5000])
@pytest.mark.parametrize("limit", [1, 8, 1500])
def test_a_page_has_the_rows_from_its_offset_on(path: Path, offset: int, limit: int) -> None:
    assert read_rows(path, offset, limit) == ROWS[offset : offset + limit]


def test_single_rows_are_found_in_any_order(path: Path) -> None:
    numbers = [2010, 0, 1003, 1000, 999, 1004, 2004]
    with RowLookup(path) as lookup:
        assert lookup.rows(numbers) == [ROWS[number] for number in numbers]
        assert lookup.places(numbers) == [(number + 1, 0) for number in numbers]
        ascending = np.array(sorted(numbers))
        assert lookup.batch(ascending)["text"].to_pylist() == [ROWS[number]["text"] for number in ascending]
        with pytest.raises(DamagedFile):
            lookup.rows([len(ROWS)])
