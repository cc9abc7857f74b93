from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from studio.store.datasets.folder import ROWS
from studio.worker.ingest import writer
from tests.support.dataset_zoo.making import lines, said
from tests.support.in_process_intake import take_in


def test_long_rows_are_kept_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_BATCH_CHARACTERS", 2000)
    rows = [said(f"Question {i}: " + "why " * (i % 7) * 40, f"Answer {i}: {i * i}.") for i in range(60)]
    rows += [rows[3], {"messages": [{"role": "user", "content": "alone"}]}]
    taken = take_in(tmp_path, {"a.jsonl": lines(*rows)})
    assert taken.rows == rows[:-1]
    assert sorted(taken.places) == [(61, "duplicate", ""), (62, "no_answer", "messages")]
    with pa.memory_map(str(taken.folder / ROWS)) as source:
        file = pa.ipc.open_file(source)
        sizes = [file.get_batch(number).num_rows for number in range(file.num_record_batches)]
    assert sum(sizes) == 61
    assert max(sizes) < 40
