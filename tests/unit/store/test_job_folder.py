"""The run folder: whole lines only, whole files only."""

import math

import pytest

from studio.domain.events import Evaluated, Finished, Started, Step
from studio.store.job_folder import JobFolder, whole_folder, write_json


def step(number, loss=1.0):
    return Step(step=number, epoch=0.5, loss=loss, learning_rate=1e-4, grad_norm=0.5)


def test_events_come_back_as_they_went_in(tmp_path):
    folder = JobFolder(tmp_path)
    said = [
        Started(total_steps=2, trainable=1, parameters=2, device="cpu", precision="fp32", train_rows=3, eval_rows=1,
                tokens_per_epoch=9, versions={"torch": "2"}),
        step(1), Evaluated(step=1, loss=0.5), Finished(path="/a", step=1),
    ]  # fmt: skip
    for event in said:
        folder.append(event)
    events, offset = folder.read()
    assert events == said
    assert offset == folder.events.stat().st_size
    assert folder.last_event() == said[-1]


def test_a_loss_that_is_no_number_survives_json(tmp_path):
    folder = JobFolder(tmp_path)
    folder.append(step(1, loss=math.nan))
    folder.append(step(2, loss=math.inf))
    first, second = folder.read()[0]
    assert math.isnan(first.loss)
    assert second.loss == math.inf


def test_a_line_counts_only_once_its_newline_is_written(tmp_path):
    folder = JobFolder(tmp_path)
    folder.append(step(1))
    with folder.events.open("ab") as file:
        file.write(b'{"kind": "step", "step": 2')
    events, offset = folder.read()
    assert [e.step for e in events] == [1]
    folder.append(step(3))  # the worker that died in the middle of a line is followed by another
    assert [e.step for e in folder.read(offset)[0]] == [3]


def test_a_damaged_line_spoils_nothing_but_itself(tmp_path):
    folder = JobFolder(tmp_path)
    folder.append(step(1))
    with folder.events.open("ab") as file:
        file.write(b"\x00\xff garbage\n[]\n{}\n")
    folder.append(step(2))
    assert [e.step for e in folder.read()[0]] == [1, 2]


def test_the_log_tail_begins_with_a_whole_line(tmp_path):
    folder = JobFolder(tmp_path)
    folder.log.write_text("first line\nsecond line\nthird line\n")
    assert folder.log_tail(most_bytes=20) == "third line\n"
    assert folder.log_tail().startswith("first line")


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "adapter") as aside:
        (aside / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "adapter") as aside:
        (aside / "file").write_text("x")
    assert [p.name for p in tmp_path.rglob("*")] == ["adapter", "file"]


def test_json_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "run.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == '{\n "a": 1\n}'
    assert list(tmp_path.iterdir()) == [path]
