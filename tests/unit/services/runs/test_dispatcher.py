"""One step of the dispatcher, with a fake engine in place of processes."""

import json
import math
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain.errors import InvalidInput
from studio.domain.events import Evaluated, Failed, Finished, Halved, Progress, Resumed, Sampled, Step
from studio.domain.jobs.training import TrainRequest
from studio.domain.spec.run_spec import read_spec
from studio.engines.exit_reason import ExitReason
from studio.services.models.service import Models
from studio.services.runs.checkpoints import Checkpoints
from studio.services.runs.control import RunControl, _longer
from studio.services.runs.dispatcher import SECONDS_TO_TERMINATE, Dispatcher
from studio.services.runs.service import Runs
from studio.services.runs.settings_diff import compare_settings
from studio.services.runs.sweeps import Sweeps
from studio.store.catalogue import Catalogue
from studio.store.checkpoint_folder import Checkpoint, seal
from studio.store.job_folder import JobFolder
from studio.store.tables.runs import Run
from tests.support.fakes import FakeEngine
from tests.support.training_jobs import started


class Bench:
    """A catalogue with a ready model and a dataset, and a dispatcher over a fake engine."""

    def __init__(self, home):
        self.home = home
        self.engine = FakeEngine()
        self.open()
        self.catalogue.add_model(name="tiny", reference="tiny", source="folder", status="ready", path=str(home))
        self.catalogue.add_dataset(
            name="rows", format="chat", sha256="ab", file_name="rows.jsonl", path="/rows", rows_path="/rows.arrow",
            rows=20, size=1, details={}, status="ready",
        )  # fmt: skip

    def open(self):
        self.catalogue = Catalogue(f"sqlite:///{self.home / 'studio.db'}")
        self.runs = Runs(self.catalogue)
        self.control = RunControl(self.catalogue, self.runs)
        self.models = Models(self.catalogue, self.engine, self.home / "models", lambda: None)
        self.dispatcher = Dispatcher(
            self.catalogue, self.engine, [self.models], runs=self.home / "runs", adapters=self.home / "adapters"
        )

    def submit(self, name="a", watch=None, **keywords):
        spec = read_spec({"model": {"name": "tiny"}, "data": {"name": "rows"}, "watch": watch or {}})
        return self.runs.submit(spec, name, **keywords)

    def queue(self):
        return [run.name for run in self.control.queue()]

    def history(self, id):
        return [line.status for line in self.runs.history(id)]

    def dies(self, *events, id):
        """The worker of that run says something, and then is gone."""
        for event in events:
            self.folder(id).append(event)
        self.engine.alive.clear()
        self.dispatcher.tick()

    def running(self, now=None):
        """A run whose worker has told of its first step."""
        id = self.submit()
        self.dispatcher.tick(now)
        self.folder(id).append(step(1))
        self.dispatcher.tick(now)
        return id

    def folder(self, id):
        return JobFolder(self.home / "runs" / str(id))

    def status(self, id):
        return self.runs.get(id).status


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def step(number, loss=1.0):
    return Step(step=number, epoch=0.5, loss=loss, learning_rate=1e-4, tokens_per_second=50.0, memory=7)


def test_a_queued_run_starts_when_there_is_room_and_the_next_one_waits(bench):
    first, second = bench.submit("a"), bench.submit("b")
    bench.dispatcher.tick()
    assert (bench.status(first), bench.status(second)) == ("starting", "queued")
    request = bench.folder(first).read_request(TrainRequest)
    assert request.spec.method.r == 16
    assert request.adapter.startswith(str(bench.home / "adapters"))
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


def test_what_an_objective_measures_is_recorded_with_the_loss(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    accurate = step(1, 2.0).model_copy(update={"figures": {"accuracy": 0.75, "margin": float("nan")}})
    for event in (started(), accurate, step(2, 1.5), Evaluated(step=2, loss=1.4, figures={"accuracy": 1.0})):
        bench.folder(id).append(event)
    bench.dispatcher.tick()
    assert [m["figures"] for m in bench.runs.metrics(id)] == [
        {"accuracy": 0.75, "margin": None}, {}, {"accuracy": 1.0},
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
    assert adapter.details.trainable == 10


def test_a_worker_that_dies_without_a_word_is_an_interrupted_run(bench):
    id = bench.submit(watch={"automatic_resumes": 0})
    bench.dispatcher.tick()
    bench.dies(step(1), id=id)
    run = bench.runs.get(id)
    assert run.status == "interrupted"
    assert run.problem
    assert run.remedy
    assert bench.history(id) == ["queued", "starting", "interrupted"]


def test_an_interrupted_run_goes_on_by_itself_before_all_others_and_only_as_often_as_it_may(bench):
    first, second = bench.submit("a"), bench.submit("b")
    bench.dispatcher.tick()
    bench.dies(step(1), id=first)
    assert (bench.status(first), bench.status(second)) == ("starting", "queued")
    assert bench.history(first) == ["queued", "starting", "interrupted", "queued", "starting"]
    bench.dies(step(2), id=first)
    assert (bench.status(first), bench.status(second)) == ("interrupted", "starting")


def test_what_an_earlier_attempt_said_last_is_not_the_word_of_the_next(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.dies(step(1), Failed(problem="The disk is full.", remedy="Free some space."), id=id)
    assert bench.status(id) == "failed"
    bench.control.resume(id)
    bench.dispatcher.tick()
    assert (bench.status(id), bench.runs.get(id).problem) == ("starting", "")
    bench.dispatcher.tick()
    assert bench.status(id) == "starting"
    bench.dies(id=id)
    assert bench.history(id)[-2:] == ["queued", "starting"], "it died again and was resumed by itself"


def test_a_run_that_goes_back_to_a_checkpoint_forgets_what_came_after_it(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.dies(*(step(n, 5.0 - n) for n in (1, 2, 3)), id=id)
    for event in (Resumed(step=1, path="/c"), step(2, 9.0)):
        bench.folder(id).append(event)
    bench.dispatcher.tick()
    assert [(m["step"], m["loss"]) for m in bench.runs.metrics(id)] == [(1, 4.0), (2, 9.0)]
    assert bench.runs.get(id).step == 2
    assert "Continues from step {step}." in [line.reason for line in bench.runs.history(id)]


def test_memory_that_ran_out_is_told_and_kept_for_later_attempts(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.folder(id).append(Halved(step=3, batch=2, accumulation=2, halvings=1, where="host"))
    bench.dispatcher.tick()
    assert bench.runs.get(id).halvings == 1
    bench.dies(id=id)
    assert bench.folder(id).read_request(TrainRequest).halvings == 1


def test_a_worker_that_the_kernel_took_for_want_of_memory_goes_on_with_smaller_batches(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.engine.killed = ExitReason(exit_code=-9, out_of_memory=True)
    bench.dies(step(1), id=id)
    assert bench.folder(id).read_request(TrainRequest).halvings == 1


def test_a_run_whose_folder_is_deleted_has_failed_and_is_not_resumed(bench):
    id = bench.running()
    shutil.rmtree(bench.folder(id).path)
    bench.engine.alive.clear()
    bench.dispatcher.tick()
    assert bench.status(id) == "failed"
    assert "was deleted while it was training" in bench.runs.get(id).problem


def test_a_server_that_died_while_it_started_a_worker_finds_it_by_what_it_wrote(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.catalogue.change_run(id, worker="")  # it did not come so far
    bench.folder(id).append(step(1))
    bench.dispatcher.tick()
    assert (bench.status(id), bench.runs.get(id).worker, len(bench.engine.started)) == ("running", "worker 1", 1)


def test_the_queue_is_put_in_another_order_held_and_released(bench):
    a, b, c = (bench.submit(name) for name in "abc")
    bench.control.run_next(c)
    assert bench.queue() == ["c", "a", "b"]
    bench.control.move(b, before=a)
    assert bench.queue() == ["c", "b", "a"]
    bench.control.move(c)
    assert bench.queue() == ["b", "a", "c"]
    bench.control.hold(b)
    bench.dispatcher.tick()
    assert (bench.status(a), bench.queue()) == ("starting", ["b", "c"])
    bench.control.release(b)
    bench.dies(Finished(path=""), id=a)
    assert bench.status(b) == "starting"
    with pytest.raises(InvalidInput, match="is not waiting"):
        bench.control.move(b)


def test_a_discarded_run_leaves_neither_checkpoint_nor_adapter(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    (bench.folder(id).checkpoints / "checkpoint-1").mkdir(parents=True)
    bench.folder(id).append(step(1))
    bench.dispatcher.tick()
    bench.control.discard(id)
    bench.dispatcher.tick()
    assert bench.engine.stopped == [True]
    bench.dies(id=id)
    assert bench.status(id) == "cancelled"
    assert not bench.folder(id).checkpoints.exists()
    assert bench.catalogue.adapters() == []


def test_a_run_that_is_ended_at_once_can_be_resumed(bench):
    id = bench.running()
    bench.control.end_now(id)
    bench.dispatcher.tick()
    bench.dies(id=id)
    run = bench.runs.get(id)
    assert (run.status, bench.control.can_resume(run)) == ("stopped", True)
    bench.control.resume(id)
    assert bench.queue() == ["a"]


def test_a_finished_run_is_not_resumed(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.dies(Finished(path="/x", step=4), id=id)
    with pytest.raises(InvalidInput, match="Continue it instead"):
        bench.control.resume(id)


def test_a_clock_that_is_set_back_keeps_no_stop_waiting(bench):
    id = bench.running(now=1000)
    bench.control.stop(id, now=1002)
    bench.dispatcher.tick(now=10)
    bench.dispatcher.tick(now=10 + SECONDS_TO_TERMINATE + 1)
    assert bench.engine.stopped == [False]


def test_answers_to_the_fixed_prompts_are_kept_with_their_step(bench):
    id = bench.submit()
    bench.dispatcher.tick()
    bench.folder(id).append(Sampled(step=2, place=0, prompt="Who?", text="Arr!"))
    bench.dispatcher.tick()
    assert [(s.step, s.place, s.prompt, s.text) for s in bench.runs.samples(id)] == [(2, 0, "Who?", "Arr!")]


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
    id = bench.running()
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
    id = bench.running(now=0)
    bench.control.stop(id, now=10)
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
    bench.control.stop(id)
    assert bench.status(id) == "cancelled"
    with pytest.raises(InvalidInput, match="already cancelled"):
        bench.control.stop(id)
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


def test_a_sweep_is_queued_whole_or_not_at_all(bench):
    sweeps = Sweeps(bench.catalogue, bench.runs)
    values = {"model": {"name": "tiny"}, "data": {"name": "rows"}}
    with pytest.raises(InvalidInput):
        sweeps.submit(values, {"data.name": "rows, missing"}, "a")
    assert bench.queue() == []
    id = sweeps.submit(values, {"lora.r": "8, 16"}, "a", key="k")
    assert sweeps.submit(values, {"lora.r": "8, 16"}, "a", key="k") == id
    assert bench.queue() == ["a-r8", "a-r16"]
    compared = compare_settings(sweeps.runs(id))
    assert (compared.names, compared.values_by_run) == (["lora.r"], [{"lora.r": 8}, {"lora.r": 16}])
    assert compared.same["training.seed"] == 42


def whole_checkpoint(folder, step):
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in ("adapter_config.json", "trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (path / name).write_text("{}")
    seal(path, {})


@given(
    rows=st.integers(1, 60),
    batch=st.integers(1, 9),
    accumulation=st.integers(1, 5),
    epochs=st.floats(0.05, 6, allow_nan=False),
)
def test_a_run_is_continued_as_long_as_one_step_is_left_of_what_the_trainer_would_do(rows, batch, accumulation, epochs):
    # As transformers' Trainer.set_initial_training_values reckons.
    batches = -(-rows // batch)
    total = math.ceil(epochs * max(1, -(-batches // accumulation)))
    run = Run(name="a", started=started(train_rows=rows))
    spec = read_spec(
        {
            "model": {"name": "tiny"},
            "data": {"name": "rows"},
            "training": {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation},
        }
    )
    longer = _longer(spec, run, Checkpoint(Path("/c"), total - 1), epochs, None)
    assert longer.training.num_train_epochs == epochs
    with pytest.raises(InvalidInput, match=f"That is {total} steps?, and {total} (is|are) already done"):
        _longer(spec, run, Checkpoint(Path("/c"), total), epochs, None)


def test_a_run_with_half_a_step_left_goes_on(bench):
    id = bench.running()
    bench.catalogue.change_run(id, started=started(train_rows=5))  # 2 steps an epoch, in batches of 4
    whole_checkpoint(bench.folder(id), 2)
    bench.dies(Finished(path=str(bench.home / "adapter"), step=2), id=id)
    longer = bench.control.continue_with(id, epochs=1.25, name="longer")
    assert bench.runs.get(longer).spec["training"]["num_train_epochs"] == 1.25


def test_figures_of_a_run_that_went_back_are_those_of_the_steps_that_are_left(bench):
    id = bench.running()
    folder = bench.folder(id)
    for event in (
        step(2, 0.9),
        Evaluated(step=2, loss=0.8, best=True),
        step(3, 0.5),
        Evaluated(step=3, loss=0.4, best=True),
    ):
        folder.append(event)
    bench.dispatcher.tick()
    assert bench.runs.get(id).best_step == 3
    folder.append(Resumed(step=2))
    bench.dispatcher.tick()
    run = bench.runs.get(id)
    assert (run.train_loss, run.eval_loss, run.best_eval_loss, run.best_step) == (0.9, 0.8, 0.8, 2)
    for event in (step(3, 0.7), Evaluated(step=3, loss=0.9), Resumed(step=1)):
        folder.append(event)
    bench.dispatcher.tick()
    run = bench.runs.get(id)
    assert (run.train_loss, run.eval_loss, run.best_eval_loss, run.best_step) == (1.0, None, None, None)


def test_a_run_that_is_stopped_where_nothing_was_measured_has_no_evaluation_loss_of_its_own(bench):
    id = bench.running()
    folder = bench.folder(id)
    for event in (step(2), Evaluated(step=2, loss=0.8, best=True), step(3)):
        folder.append(event)
    bench.dispatcher.tick()
    assert bench.runs.get(id).eval_loss == 0.8  # while it trains: the newest there is
    bench.dies(Finished(path="/adapters/x", stopped=True, step=3, train_loss=0.9, best_eval_loss=0.8), id=id)
    run, adapter = bench.runs.get(id), bench.catalogue.adapter("a")
    assert (run.eval_loss, run.best_eval_loss, run.best_step) == (None, 0.8, 2)
    assert (adapter.eval_loss, adapter.best_eval_loss) == (None, 0.8)


def test_the_checkpoint_that_a_run_kept_as_its_adapter_says_so(bench):
    id = bench.running()
    for number in (2, 4):
        whole_checkpoint(bench.folder(id), number)
    best = Finished(path="/adapters/x", step=4, eval_loss=0.8, best_eval_loss=0.8, details={"from_step": 2})
    bench.dies(best, id=id)
    listed = Checkpoints(bench.catalogue, bench.home / "adapters").list(id)
    assert [(each.step, each.adapter) for each in listed] == [(4, None), (2, "a")]


def test_a_precision_that_the_stored_weights_do_not_have_is_refused_before_the_run(bench):
    quantised = {"model_type": "llama", "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    (bench.home / "config.json").write_text(json.dumps(quantised))
    values = {"model": {"name": "tiny", "precision": "bf16"}, "data": {"name": "rows"}}
    with pytest.raises(InvalidInput) as refused:
        bench.runs.submit(read_spec(values), "a")
    assert "stored as 4-bit, and cannot be loaded in bf16" in str(refused.value.fields["model.precision"])
    assert bench.submit()
