"""A home is copied while a run trains: in the copy it was interrupted, and goes on there."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.domain.events import Resumed
from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.studio_process import studio_json
from tests.support.training_jobs import all_events


@pytest.mark.long
def test_a_run_that_trains_while_its_home_is_copied_goes_on_from_its_checkpoint_in_the_copy(
    bed: Bed, tmp_path: Path, tiny: Path
) -> None:
    file, again = tmp_path / "copy.studio", tmp_path / "again"
    rows = bed.home / "datasets" / "1" / "rows.arrow"  # where a studio keeps them; the bed's own lie elsewhere
    rows.parent.mkdir()
    (bed.home / "rows.arrow").rename(rows)
    bed.studio.catalogue.change_dataset(1, path=str(rows), rows_path=str(rows), folder=str(rows.parent))
    id = bed.submit("long", 10**6)
    bed.tick_until(lambda: bed.run(id).checkpoint_step, "a checkpoint")
    studio_json(bed.home, "backup", str(file))
    assert bed.run(id).status == "running"
    bed.worker(id).kill()
    assert studio_json(again, "restore", str(file))["elsewhere"] == ["tiny"]
    [listed] = studio_json(again, "runs", "list")
    assert (listed["id"], listed["name"], listed["status"], listed["worker"]) == (id, "long", "interrupted", "")
    bed.home.rename(tmp_path / "gone")  # nothing of what follows may need it
    with opened(again, tiny) as restored:
        reached = restored.run(id).checkpoint_step
        restored.studio.run_control.resume(id)
        restored.tick_until(lambda: restored.steps_now(id)[-1:] > [reached + 2], "steps after the checkpoint")
        resumed = [event.step for event in all_events(restored.folder(id)) if isinstance(event, Resumed)]
        assert resumed == [reached]
        restored.studio.run_control.end_now(id)
        restored.tick_until_over(id)
        steps = list(restored.curve(id))
        assert steps == list(range(1, len(steps) + 1)), "a step is lost"
