"""The handlers behind the runs page, and what home and the sidebar say of runs, on a real catalogue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.app import Studio, build
from studio.domain.errors import InvalidInput, NotFound
from studio.domain.run import RunStatus
from studio.domain.spec import read_spec
from studio.engines.base import Device
from studio.services.progress import NOTES
from studio.services.room import place
from studio.settings import Settings
from studio.ui.language import translate
from studio.ui.pages import home, runs

IN_ENGLISH: Any = SimpleNamespace(cookies={}, headers={})
IN_CHINESE: Any = SimpleNamespace(cookies={"studio_language": "zh"}, headers={})
STEP_BYTES = 150


@pytest.fixture
def studio(tmp_path: Path, migrated: Path) -> Iterator[Studio]:
    """A studio with a model and a dataset. Nothing is dispatched, so what waits stays waiting."""
    settings = Settings(home=tmp_path / "home")
    shutil.copy(migrated, settings.folder("") / "studio.db")
    studio = build(settings)
    studio.catalogue.add_model(name="small", reference="small", source="folder", status="ready", path=str(tmp_path))
    studio.catalogue.add_dataset(
        name="rows", format="messages", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=40, size=1,
        details={}, status="ready",
    )  # fmt: skip
    yield studio
    studio.close()


def submit(studio: Studio, name: str, **lora: Any) -> int:
    values = {"model": {"name": "small"}, "data": {"name": "rows"}, "lora": lora}
    return studio.runs.submit(read_spec(values), name)


def train(studio: Studio, name: str, steps: int = 0, **lora: Any) -> int:
    """A run in training that has done so many steps."""
    id = submit(studio, name, **lora)
    studio.catalogue.change_run(id, RunStatus.STARTING, attempt=1)
    studio.catalogue.change_run(id, RunStatus.RUNNING)
    record(studio, id, range(1, steps + 1))
    return id


def record(studio: Studio, id: int, steps: range, *, answers: bool = False, **more: Any) -> None:
    """What the dispatcher writes of these steps: a chunk of events."""
    if not steps:
        return
    seq = steps[-1] * STEP_BYTES
    figures = {"learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 9.0, "memory": 1}
    metrics = [{"kind": "step", "step": s, "seq": seq, "at": float(s), "loss": 1 / s, **figures} for s in steps]
    samples = [{"step": steps[-1], "place": 0, "prompt": "Who?", "text": "Me.", "seq": seq}] if answers else []
    studio.catalogue.record_progress(id, metrics, samples=samples, step=steps[-1], **more)


def steps_of(answer: dict[str, Any]) -> list[int]:
    return [m["step"] for m in answer["metrics"]]


# The list


def test_the_list_has_what_trains_the_queue_in_its_order_and_one_page_of_all_runs(studio):
    training = train(studio, "now", 3)
    first, second = submit(studio, "first"), submit(studio, "second")
    runs.ask(studio, second, "run_next")
    answer = runs.listing(studio, request=IN_ENGLISH)
    assert [run["id"] for run in answer["training"]] == [training]
    assert [run["id"] for run in answer["queue"]] == [second, first]
    assert [run["id"] for run in answer["rows"]] == [second, first, training]
    assert (answer["total"], answer["pages"]) == (3, 1)
    assert answer["rows"][2]["losses"] == [1.0, 0.5, 1 / 3]


def test_the_list_is_paged_searched_and_filtered_by_the_server(studio):
    ids = [submit(studio, f"tide-{n}") for n in range(runs.ON_A_PAGE + 2)]
    studio.catalogue.change_run(ids[3], RunStatus.FAILED)
    second = runs.listing(studio, page=1, request=IN_ENGLISH)
    assert [run["id"] for run in second["rows"]] == [ids[1], ids[0]]
    assert (second["total"], second["pages"]) == (runs.ON_A_PAGE + 2, 2)
    assert [run["id"] for run in runs.listing(studio, search="ROWS tide-7")["rows"]] == [ids[7]]
    assert [run["id"] for run in runs.listing(studio, shown="faulty")["rows"]] == [ids[3]]
    assert runs.listing(studio, shown="open")["total"] == runs.ON_A_PAGE + 1


def test_the_queue_is_put_in_another_order_held_and_pinned(studio):
    one, two, three = (submit(studio, name) for name in ("one", "two", "three"))
    runs.move(studio, three, before=two)
    runs.ask(studio, one, "hold")
    runs.pin(studio, two, "cpu")
    queue = runs.listing(studio)["queue"]
    assert [run["id"] for run in queue] == [one, three, two]
    assert [run["held"] for run in queue] == [True, False, False]
    assert [run["device"] for run in queue] == ["", "", "cpu"]
    runs.ask(studio, one, "release")
    runs.move(studio, one)
    assert [(run["id"], run["held"]) for run in runs.listing(studio)["queue"]] == [
        (three, False), (two, False), (one, False),
    ]  # fmt: skip


def waiting_for(device: str, memory: int) -> dict[str, Any]:
    """Why a run that needs 8 GB waits on a machine with one CPU, as the dispatcher puts it down."""
    run = SimpleNamespace(id=1, held=False, device=device, ignore_memory=False)
    placed = place([run], [], [Device("cpu", "CPU", memory, memory)], {1: 8 * 10**9})
    return placed.reasons[1].as_dict()


def test_what_waits_for_memory_says_so_in_the_readers_language_and_may_be_started_anyway(studio):
    id = submit(studio, "large")
    reason = waiting_for("", 4 * 10**9)
    studio.catalogue.change_run(id, waiting=reason)
    (run,) = runs.listing(studio, request=IN_CHINESE)["queue"]
    assert run["may_start"] is True
    assert run["waiting"].startswith(translate(reason["problem"], "zh", **reason["values"]))
    assert "8.0 GB" in run["waiting"]
    runs.ask(studio, id, "start_anyway")
    studio.catalogue.change_run(id, waiting=reason)
    assert runs.listing(studio)["queue"][0]["may_start"] is False


def test_what_waits_for_a_device_that_is_gone_cannot_be_started_anyway(studio):
    id = submit(studio, "pinned")
    studio.catalogue.change_run(id, waiting=waiting_for("cuda:1", 10**12))
    (run,) = runs.listing(studio, request=IN_ENGLISH)["queue"]
    assert "cuda:1" in run["waiting"]
    assert run["may_start"] is False


# One run


def test_a_page_that_opens_late_has_the_whole_curve_and_follows_from_there(studio):
    id = train(studio, "late", 3000)
    first = runs.progress(studio, id, request=IN_ENGLISH)
    assert first["begins"] is True
    assert len(first["metrics"]) <= 2 * 1000
    assert (steps_of(first)[0], steps_of(first)[-1]) == (1, 3000)
    assert first["free_name"] == "late-2"
    record(studio, id, range(3001, 3003), answers=True)
    then = runs.progress(studio, id, after=first["seq"], attempt=1, request=IN_ENGLISH)
    assert then["begins"] is False
    assert steps_of(then) == [3001, 3002]
    assert [s["text"] for s in then["samples"]] == ["Me."]
    assert "settings" not in then
    last = runs.progress(studio, id, after=then["seq"], attempt=1)
    assert (last["metrics"], last["samples"], last["seq"]) == ([], [], then["seq"])


def test_what_is_recorded_while_a_page_asks_is_in_its_next_answer_at_the_latest(studio, monkeypatch):
    id = train(studio, "busy", 2)
    first = runs.progress(studio, id)
    seen = studio.runs.samples

    def meanwhile(id: int, *, after: int = -1) -> Any:
        if not seen(id):
            record(studio, id, range(3, 6), answers=True)
        return seen(id, after=after)

    monkeypatch.setattr(studio.runs, "samples", meanwhile)
    second = runs.progress(studio, id, after=first["seq"], attempt=1)
    third = runs.progress(studio, id, after=second["seq"], attempt=1)
    assert [s["step"] for s in second["samples"]] == [5]
    assert {*steps_of(second), *steps_of(third)} == {3, 4, 5}


def test_a_page_that_slept_through_much_is_given_the_whole_curve_anew(studio):
    id = train(studio, "long", 10)
    first = runs.progress(studio, id)
    record(studio, id, range(11, 12 + runs.MOST_BEHIND // STEP_BYTES))
    again = runs.progress(studio, id, after=first["seq"], attempt=1)
    assert again["begins"] is True
    assert steps_of(again)[0] == 1


def test_a_run_that_was_started_again_is_read_anew_with_a_mark_where_it_went_on(studio):
    id = train(studio, "again", 10)
    first = runs.progress(studio, id)
    studio.catalogue.change_run(id, RunStatus.INTERRUPTED)
    studio.catalogue.change_run(id, RunStatus.QUEUED)
    studio.catalogue.change_run(id, RunStatus.STARTING, attempt=2)
    halved = {"step": 6, "batch": 2, "accumulation": 2}
    notes = [(5.0, NOTES["resumed"], {"step": 4}), (6.0, NOTES["halved"], halved)]
    record(studio, id, range(5, 6), forget_after=4, notes=notes)
    answer = runs.progress(studio, id, after=first["seq"], attempt=1, request=IN_CHINESE)
    assert answer["begins"] is True
    assert steps_of(answer) == [1, 2, 3, 4, 5]
    marked = [(line["mark"], line["step"]) for line in answer["history"] if line["mark"]]
    assert marked == [("resumed", 4), ("halved", 6)]
    assert answer["history"][-1]["reason"] == translate(NOTES["halved"], "zh", **halved)


def test_what_went_wrong_is_told_in_the_readers_language(studio):
    id = train(studio, "ill", 1)
    problem, remedy = "The dataset “{name}” was deleted before the run began.", "Add it again."
    fault = {"problem": problem, "remedy": remedy, "values": {"name": "rows"}}
    studio.catalogue.change_run(id, RunStatus.FAILED, fault=fault, problem="in English", ended_at=2.0)
    run = runs.progress(studio, id, request=IN_CHINESE)["run"]
    assert run["problem"] == translate(problem, "zh", name="rows")
    assert run["remedy"] == translate(remedy, "zh")
    assert run["can_resume"] is True


def test_what_is_of_no_use_in_a_runs_state_is_refused(studio):
    id = train(studio, "busy", 1)
    for wish in ("hold", "run_next", "resume"):
        with pytest.raises(InvalidInput):
            runs.ask(studio, id, wish)
    with pytest.raises(InvalidInput):
        runs.continue_with(studio, id, "key", "longer", steps=5)
    with pytest.raises(NotFound):
        runs.progress(studio, 99)


def test_runs_side_by_side_show_only_the_settings_that_differ(studio):
    one, two = train(studio, "one", 2, r=4), train(studio, "two", 3, r=8)
    answer = runs.compare(studio, ids=[one, two], request=IN_ENGLISH)
    assert answer["differing"] == ["lora.r"]
    assert [run["settings"] for run in answer["rows"]] == [{"lora.r": 4}, {"lora.r": 8}]
    assert [len(run["points"]) for run in answer["rows"]] == [2, 3]
    assert {"name": "data.name", "value": "rows@1"} in answer["same"]


# What other pages say of runs


def test_home_shows_what_trains_and_what_is_next_and_counts_the_rest(studio):
    training = train(studio, "now", 1)
    ids = [submit(studio, f"later-{n}") for n in range(home.NEXT + 2)]
    runs.ask(studio, ids[-1], "run_next")
    seen = home.overview(studio)
    assert [run["id"] for run in seen["runs"]] == [training, ids[-1], *ids[: home.NEXT - 1]]
    assert seen["waiting"] == len(ids)


def test_the_sidebar_names_what_trains_else_what_is_next_and_counts_the_others(studio):
    assert studio.runs.now() is None
    held, next_one = submit(studio, "held"), submit(studio, "next")
    runs.ask(studio, held, "hold")
    assert studio.runs.now() == {"run": next_one, "name": "next", "status": "queued", "percent": None, "waiting": 1}
    training = train(studio, "now")
    studio.catalogue.change_run(training, step=3, total_steps=12)
    assert studio.runs.now() == {"run": training, "name": "now", "status": "running", "percent": 25, "waiting": 2}
