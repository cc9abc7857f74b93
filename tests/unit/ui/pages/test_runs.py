"""The handlers behind the runs page, and what home and the sidebar say of runs, on a real catalogue."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.app import Studio
from studio.domain.errors import InvalidInput, NotFound
from studio.domain.events import Evaluated, Finished, Progress, Saved, Step
from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import read_spec
from studio.platform.hardware import Device
from studio.services.runs.device_placement import place
from studio.services.runs.progress import NOTES, summarise
from studio.ui.language import translate
from studio.ui.pages import adapters, home, playground, runs
from tests.support.page_requests import IN_CHINESE, IN_ENGLISH
from tests.support.sample_adapters import adapter_fields

STEP_BYTES = 150


@pytest.fixture
def studio(studio: Studio, tmp_path: Path) -> Studio:
    """With a model and a dataset."""
    studio.catalogue.add_model(name="small", reference="small", source="folder", status="ready", path=str(tmp_path))
    studio.catalogue.add_dataset(
        name="rows", format="chat", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=40, size=1,
        details={}, status="ready",
    )  # fmt: skip
    return studio


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
    record(studio, id, range(11, 12 + runs.MAX_BYTES_BEHIND // STEP_BYTES))
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
    problem, remedy = "The dataset “{name}” was deleted before the run started.", "Add it again."
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


def test_a_run_has_a_curve_for_all_that_its_objective_measures(studio):
    plain = runs.progress(studio, train(studio, "plain", 1), request=IN_ENGLISH)
    assert plain["figures"] == [] and plain["metrics"][0]["figures"] == {}
    pairs = studio.catalogue.run(train(studio, "pairs", 1))
    studio.catalogue.change_run(pairs.id, spec=pairs.spec | {"objective": {"kind": "orpo"}, "orpo": {"beta": 0.1}})
    answer = runs.progress(studio, pairs.id, request=IN_ENGLISH)
    assert answer["figures"][0]["label"] == "Preference accuracy"
    assert {"name": "orpo.beta", "value": 0.1, "changed": False} in answer["settings"]


# What other pages say of runs


def test_home_shows_what_trains_and_what_is_next_and_counts_the_rest(studio):
    training = train(studio, "now", 1)
    ids = [submit(studio, f"later-{n}") for n in range(home.NEXT + 2)]
    runs.ask(studio, ids[-1], "run_next")
    seen = home.overview(studio)
    assert [run["id"] for run in seen["runs"]] == [training, ids[-1], *ids[: home.NEXT - 1]]
    assert seen["waiting"] == len(ids)


def sidebar(studio: Studio, *fields: str) -> tuple[Any, ...]:
    now = studio.runs.now()
    return tuple(now[field] for field in fields)


def test_the_sidebar_names_what_trains_else_what_is_next_and_counts_the_others(studio):
    assert studio.runs.now() is None
    held, next_one = submit(studio, "held"), submit(studio, "next")
    runs.ask(studio, held, "hold")
    fields = ("run", "name", "status", "held", "percent", "waiting", "on_hold")
    assert sidebar(studio, *fields) == (next_one, "next", "queued", False, None, 0, 1)
    training = train(studio, "now")
    studio.catalogue.change_run(training, step=3, total_steps=12)
    assert sidebar(studio, *fields) == (training, "now", "running", False, 25, 1, 1)


def test_what_is_on_hold_is_neither_waiting_nor_running(studio):
    held = submit(studio, "held")
    runs.ask(studio, held, "hold")
    assert sidebar(studio, "status", "held", "waiting", "on_hold") == ("queued", True, 0, 0)
    seen = home.overview(studio)
    assert (seen["runs"], seen["waiting"], seen["on_hold"]) == ([], 0, 1)


def test_a_stage_after_the_last_step_replaces_the_percent_and_the_time_left(studio):
    id = train(studio, "now", 10)
    studio.catalogue.change_run(id, total_steps=12)
    assert sidebar(studio, "stage", "percent") == ("", 83)
    assert runs.progress(studio, id)["run"]["seconds_left"] == 2
    record(studio, id, range(11, 13))
    assert sidebar(studio, "stage", "percent") == ("finishing", None)
    studio.catalogue.change_run(id, stage="evaluating")
    shown = runs.progress(studio, id)["run"]
    assert (shown["stage"], shown["seconds_left"]) == ("evaluating", None)
    (listed,) = runs.listing(studio)["training"]
    assert (listed["stage"], listed["seconds_left"]) == ("evaluating", None)
    assert home.overview(studio)["runs"][0]["stage"] == "evaluating"


def test_the_hours_in_which_a_run_was_interrupted_are_not_in_the_time_left(studio):
    id = train(studio, "again", 10)
    studio.catalogue.change_run(id, RunStatus.INTERRUPTED)
    studio.catalogue.change_run(id, RunStatus.QUEUED)
    studio.catalogue.change_run(id, RunStatus.STARTING, attempt=2, attempt_offset=10 * STEP_BYTES, total_steps=40)
    assert runs.progress(studio, id)["run"]["seconds_left"] is None
    studio.catalogue.change_run(id, RunStatus.RUNNING)
    figures = {"learning_rate": 1e-4, "grad_norm": 1.0, "tokens_per_second": 9.0, "memory": 1}
    for step in range(11, 14):
        metric = {
            "kind": "step",
            "step": step,
            "seq": step * STEP_BYTES,
            "at": 9000.0 + 2 * step,
            "loss": 1.0,
            **figures,
        }
        studio.catalogue.record_progress(id, [metric], step=step)
    assert runs.progress(studio, id)["run"]["seconds_left"] == 2 * (40 - 13)


def test_a_runs_training_loss_means_the_same_while_it_trains_and_at_its_end(studio):
    """The mean of the last ten steps, as the worker tells it with each of them."""
    id = train(studio, "now")
    losses = [5.0, 4.0, 3.0]
    steps = [
        Step(step=n, epoch=0.0, loss=loss, recent_loss=sum(losses[:n]) / n, learning_rate=1e-4)
        for n, loss in enumerate(losses, start=1)
    ]
    summary = summarise(steps, seq=9)
    studio.catalogue.record_progress(id, summary.metrics, **summary.fields)
    assert runs.progress(studio, id)["run"]["train_loss"] == 4.0
    assert summarise([Finished(path="/a", train_loss=4.0)], seq=10).fields["train_loss"] == 4.0
    assert summarise([steps[0].model_copy(update={"recent_loss": None})], seq=1).fields["train_loss"] == 5.0
    assert (
        studio.catalogue.losses_at(id, 3)["step"] == 4.0
    )  # what an adapter of that checkpoint has as its training loss


def test_a_run_says_what_it_does_besides_its_steps_until_that_is_over(studio):
    told = [
        (Progress(stage="evaluating"), "evaluating"), (Evaluated(step=1, loss=1.0), ""),
        (Progress(stage="answering"), "answering"), (Progress(stage="checkpointing"), "checkpointing"),
        (Saved(step=1, path="/c"), ""), (Progress(stage="saving"), "saving"), (Finished(path="/a"), ""),
    ]  # fmt: skip
    assert [summarise([event], seq=1).fields["stage"] for event, _ in told] == [stage for _, stage in told]


def test_of_a_long_run_the_smoothed_curve_is_made_of_the_means_of_all_its_steps(studio):
    id = train(studio, "long", 3000)
    means = runs.progress(studio, id)["means"]
    assert sum(n for _, _, n in means) == 3000
    assert means[-1][0] == 3000
    (end, mean, n), *_ = means
    assert mean == pytest.approx(sum(1 / s for s in range(1, end + 1)) / n)
    assert runs.progress(studio, train(studio, "short", 20))["means"] == []


def test_an_adapter_has_its_runs_colour_and_what_a_checkpoint_became_one_of_its_own(studio):
    submit(studio, "another")
    submit(studio, "third")
    id = train(studio, "curve", 3)
    fields = {"base_name": "small", "run_id": id}
    studio.catalogue.add_adapter(**adapter_fields(Path("/early"), name="early", checkpoint=2, **fields))
    last = studio.catalogue.add_adapter(**adapter_fields(Path("/curve"), name="curve", **fields))
    loose = studio.catalogue.add_adapter(**adapter_fields(Path("/loose"), name="loose", base_name="small"))
    colours = {row["name"]: row["colour"] for row in adapters.listing(studio)["rows"]}
    assert colours == {"early": 1, "curve": id, "loose": loose.id}
    assert last.id != id
    assert {a["name"]: a["colour"] for a in playground.options(studio)["adapters"]} == colours
    assert {a["name"]: a["colour"] for a in home.overview(studio)["newest"]} == colours
