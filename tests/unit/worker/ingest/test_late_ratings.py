from __future__ import annotations

from pathlib import Path

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
    as_labels = {"format": "prompt-completion", "columns": {"prompt": "prompt", "completion": "completion"}}
    assert len(take_in(tmp_path / "two", {"a.jsonl": lines(*rows)}, layout=as_labels).rows) == 1001
