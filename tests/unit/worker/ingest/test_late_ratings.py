from __future__ import annotations

from pathlib import Path
from typing import Any

from studio.domain.datasets.columns import header_key
from tests.support.dataset_zoo.making import lines
from tests.support.in_process_intake import take_in


def test_ratings_that_no_first_row_has_are_asked_about_before_anything_is_kept(tmp_path: Path) -> None:
    rows = [{"prompt": f"Question {i}?", "completion": f"Answer {i * i}.", "label": ""} for i in range(1000)]
    rows += [{"prompt": "p", "completion": "c", "label": False}]
    unclear = take_in(tmp_path / "one", {"a.jsonl": lines(*rows)}).details.unclear
    assert unclear is not None
    assert unclear.guess is not None
    assert unclear.guess["format"] == "unpaired"
    assert unclear.columns == ["prompt", "completion", "label"]
    as_labels: dict[str, Any] = {
        "format": "prompt-completion",
        "columns": {"prompt": "prompt", "completion": "completion"},
    }
    assert len(take_in(tmp_path / "two", {"a.jsonl": lines(*rows)}, layout=as_labels).rows) == 1001
    remembered = {header_key(unclear.columns): as_labels | {"columns": as_labels["columns"] | {"label": "label"}}}
    assert len(take_in(tmp_path / "three", {"a.jsonl": lines(*rows)}, layouts=remembered).rows) == 1001
