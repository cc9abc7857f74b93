"""One step of the dispatcher, with a fake engine in place of processes."""

from dataclasses import dataclass, field

import pytest

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.events import Evaluated, Failed, Finished, Progress, Started, Step
from studio.domain.spec import read_spec
from studio.engines.base import Process
from studio.services.dispatcher import Dispatcher
from studio.services.models import Models
from studio.services.runs import Runs
from studio.store.catalogue import Catalogue
from studio.store.run_folder import RunFolder


@dataclass
class FakeEngine:
    slots: int = 1
    refuses: bool = False
    started: list = field(default_factory=list)
    alive: set = field(default_factory=set)
    stopped: list = field(default_factory=list)

    def start(self, task, folder, *, online=False, token=None):
        if self.refuses:
            raise StudioError("No process can be made.", "Try later.")
        process = Process(1000 + len(self.started), 5.0)
        self.started.append((task, folder))
        self.alive.add(process.pid)
        return process

    def is_alive(self, process):
        return process.pid in self.alive

    def stop(self, process, *, force=False):
        self.stopped.append(force)

    def has_room(self, busy):
        return busy < self.slots


class Bench:
    """A catalogue with a ready model and a dataset, and a dispatcher over a fake engine."""

    def __init__(self, home):
        self.home = home
        self.engine = FakeEngine()
        self.open()
        self.catalogue.add_model(name="tiny", reference="tiny", source="folder", status="ready", path=str(home))
        self.catalogue.add_dataset(
            name="rows", format="messages", sha256="ab", file_name="rows.jsonl", path="/rows", rows_path="/rows.arrow",
            rows=20, size=1, details={}, status="ready",
        )  # fmt: skip

    def open(self):
        self.catalogue = Catalogue(f"sqlite:///{self.home / 'studio.db'}")
        self.runs = Runs(self.catalogue)
        self.models = Models(self.catalogue, self.engine, self.home / "models", lambda: None)
        self.dispatcher = Dispatcher(
            self.catalogue, self.engine, [self.models], runs=self.home / "runs", adapters=self.home / "adapters"
        )

    def submit(self, name="a", **keywords):
        return self.runs.submit(read_spec({"model": {"name": "tiny"}, "data": {"name": "rows"}}), name, **keywords)

    def folder(self, id):
        return RunFolder(self.home / "runs" / str(id))

    def status(self, id):
        return self.runs.get(id).status


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def started(total=4):
    return Started(
        total_steps=total, trainable=10, parameters=100, device="cpu", precision="bf16", train_rows=18, eval_rows=2,
        tokens_per_epoch=900, versions={"peft": "1"},
    )  # fmt: skip


def step(number, loss=1.0):
    return Step(step=number, epoch=0.5, loss=loss, learning_rate=1e-4, tokens_per_second=50.0, memory=7)


def test_a_queued_run_starts_when_there_is_room_and_the_next_one_waits(bench):
    first, second = bench.submit("a"), bench.submit("b")
    bench.dispatcher.tick()
    assert (bench.status(first), bench.status(second)) == ("starting", "queued")
    request = bench.folder(first).read_request()
    assert request["spec"]["lora"]["r"] == 16
    assert request["adapter"].startswith(str(bench.home / "adapters"))
    bench.folder(first).append(Finished(path="/x"))
    bench.dispatcher.tick()
    assert (bench.status(first), bench.status(second)) == ("finished", "starting")


def test_what_a_worker_says_is_recorded_once(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    folder = bench.folder(id)
    for event in (Progress(stage="loading", done=1, total=2), started(), step(1, 2.0), step(2, 1.5)):
        folder.append(event)
    bench.dispatcher.tick()
    folder.append(Evaluated(step=2, loss=1.4))
    bench.dispatcher.tick()
    bench.dispatcher.tick()
    run = bench.runs.get(id)
    assert (run.status, run.step, run.total_steps, run.train_loss, run.eval_loss) == ("running", 2, 4, 1.5, 1.4)
    assert [(m["kind"], m["step"], m["loss"]) for m in bench.runs.metrics(id)] == [
        ("step", 1, 2.0), ("step", 2, 1.5), ("eval", 2, 1.4),
    ]  # fmt: skip


def test_a_finished_run_leaves_an_adapter_with_its_whole_lineage(bench):
    id = bench.submit("captain", owner="ana")
    bench.dispatcher.tick()
    for event in (started(), step(4, 0.5), Finished(path="/adapters/x", size=9, step=4, train_loss=0.5, eval_loss=0.6)):
        bench.folder(id).append(event)
    bench.dispatcher.tick()
    adapter = bench.catalogue.adapter("captain")
    assert (adapter.base_reference, adapter.dataset_sha256, adapter.dataset_rows) == ("tiny", "ab", 20)
    assert (adapter.owner, adapter.seed, adapter.steps, adapter.size) == ("ana", 42, 4, 9)
    assert adapter.versions == {"peft": "1"}
    assert adapter.spec["training"]["learning_rate"] == 2e-4
    assert adapter.details["trainable"] == 10


def test_a_worker_that_dies_without_a_word_is_an_interrupted_run(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.folder(id).append(step(1))
    bench.engine.alive.clear()
    bench.dispatcher.tick()
    run = bench.runs.get(id)
    assert run.status == "interrupted"
    assert run.problem
    assert run.remedy


def test_a_failure_is_told_in_the_workers_own_words(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.folder(id).append(Failed(problem="The loss is not a number.", remedy="Lower the learning rate."))
    bench.dispatcher.tick()
    run = bench.runs.get(id)
    assert (run.status, run.problem, run.remedy) == (
        "failed", "The loss is not a number.", "Lower the learning rate.",
    )  # fmt: skip


def test_a_server_that_restarts_finds_the_run_where_it_is(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.folder(id).append(step(1))
    bench.dispatcher.tick()
    bench.catalogue.close()
    bench.open()
    bench.folder(id).append(step(2))
    bench.dispatcher.tick()
    assert bench.status(id) == "running"
    assert [m["step"] for m in bench.runs.metrics(id)] == [1, 2]
    assert len(bench.engine.started) == 1


def test_a_last_word_that_a_dying_server_recorded_still_makes_the_adapter(bench):
    id = bench.submit("a")
    bench.dispatcher.tick()
    bench.folder(id).append(Finished(path="/x", step=1))
    size = bench.folder(id).events.stat().st_size
    bench.catalogue.record_progress(id, [], offset=size)  # and then the server died
    bench.engine.alive.clear()
    bench.dispatcher.tick()
    assert bench.status(id) == "finished"
    assert bench.catalogue.adapter("a").path == "/x"


def test_a_server_that_dies_between_adapter_and_state_makes_no_second_adapter(bench):
    id = bench.submit("a")
    bench.dispatcher.tick()
    bench.folder(id).append(Finished(path="/x", step=1))
    change_run, bench.catalogue.change_run = bench.catalogue.change_run, _dies
    bench.dispatcher.tick()
    bench.catalogue.change_run = change_run
    bench.engine.alive.clear()
    bench.dispatcher.tick()
    assert bench.status(id) == "finished"
    assert [a.name for a in bench.catalogue.adapters()] == ["a"]


def _dies(*_, **__):
    raise RuntimeError


def test_a_process_that_cannot_be_made_fails_its_run_and_not_the_next(bench):
    first = bench.submit("a")
    bench.engine.refuses = True
    bench.dispatcher.tick()
    bench.engine.refuses = False
    second = bench.submit("b")
    bench.dispatcher.tick()
    assert (bench.status(first), bench.status(second)) == ("failed", "starting")
    assert bench.runs.get(first).problem == "No process can be made."


def test_stop_goes_from_a_flag_to_terminate_to_kill(bench):
    id = bench.submit()
    bench.dispatcher.tick(now=0)
    bench.folder(id).append(step(1))
    bench.dispatcher.tick(now=1)
    bench.runs.stop(id, now=10)
    assert bench.folder(id).stop_is_asked
    bench.dispatcher.tick(now=20)
    assert bench.engine.stopped == []
    bench.dispatcher.tick(now=75)
    bench.dispatcher.tick(now=101)
    assert bench.engine.stopped == [False, True]
    bench.engine.alive.clear()
    bench.dispatcher.tick(now=102)
    assert bench.status(id) == "stopped"


def test_stopping_a_run_that_waits_cancels_it_and_one_that_is_over_is_refused(bench):
    id = bench.submit()
    bench.runs.stop(id)
    assert bench.status(id) == "cancelled"
    with pytest.raises(InvalidInput, match="cancelled already"):
        bench.runs.stop(id)
    bench.dispatcher.tick()
    assert bench.engine.started == []


def test_a_double_click_makes_one_run(bench):
    assert bench.submit("a", key="k") == bench.submit("a", key="k")
    assert len(bench.runs.list()) == 1


def test_everything_that_is_wrong_with_a_run_is_said_at_once(bench):
    bench.submit("a")
    spec = read_spec({"model": {"name": "none"}, "data": {"name": "nothing"}})
    with pytest.raises(InvalidInput) as caught:
        bench.runs.submit(spec, "a")
    assert set(caught.value.fields) == {"model.name", "data.name", "name"}


def test_a_dataset_too_small_to_split_is_refused_before_it_starts(bench):
    bench.catalogue.add_dataset(
        name="one", format="text", sha256="cd", file_name="f", path="/f", rows_path="/f", rows=1, size=1, details={},
        status="ready",
    )  # fmt: skip
    spec = read_spec({"model": {"name": "tiny"}, "data": {"name": "one", "validation_split": 0.1}})
    with pytest.raises(InvalidInput, match="none would be left"):
        bench.runs.submit(spec, "a")


class Broken:
    def tick(self):
        raise OSError("its folder is gone")


def test_a_fault_in_what_else_is_looked_after_keeps_no_run_waiting(bench, caplog):
    others = [Broken(), bench.models]
    bench.dispatcher = Dispatcher(
        bench.catalogue, bench.engine, others, runs=bench.home / "runs", adapters=bench.home / "adapters"
    )
    id = bench.submit()
    bench.dispatcher.tick()
    assert bench.status(id) == "starting"
    assert "Broken could not be looked after" in caplog.text
