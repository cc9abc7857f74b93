"""Settings that do not go together are said before a run begins, wherever it is asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.domain.errors import InvalidInput
from studio.domain.spec.run_spec import read_spec
from studio.services.runs.checks import faults, notes, warm_up_steps
from studio.services.runs.plan import Plan
from studio.services.runs.service import Runs
from studio.services.runs.sweeps import Sweeps

PLAN = Plan(train_rows=36, eval_rows=4, steps=27, steps_per_epoch=9)


def spec(watch=None, **training):
    return read_spec({"model": {"name": "m"}, "data": {"name": "rows"}, "training": training, "watch": watch or {}})


def at_fault(context=0, plan=PLAN, **training):
    return {
        field.removeprefix("training."): str(fault)
        for field, fault in faults(spec(**training), context=context, plan=plan).items()
    }


@pytest.mark.parametrize(("rate", "is_fault"), [(1e-8, True), (1e-7, True), (1.1e-7, False), (2e-4, False)])
def test_a_polynomial_schedule_begins_higher_than_it_ends(rate, is_fault):
    assert ("learning_rate" in at_fault(learning_rate=rate, lr_scheduler_type="polynomial")) == is_fault
    assert at_fault(learning_rate=rate, lr_scheduler_type="linear") == {}


@pytest.mark.parametrize("scheduler", ["linear", "cosine", "constant_with_warmup", "polynomial"])
def test_a_warm_up_of_as_many_steps_as_there_are_is_a_fault(scheduler):
    assert (
        "takes 27 steps, but the run has only 27"
        in at_fault(warmup_steps=27, lr_scheduler_type=scheduler)["warmup_steps"]
    )
    assert "takes 225000 steps" in at_fault(warmup_steps=225_000, lr_scheduler_type=scheduler)["warmup_steps"]
    assert at_fault(warmup_steps=26, lr_scheduler_type=scheduler) == {}
    assert at_fault(warmup_steps=0, lr_scheduler_type=scheduler) == {}
    assert "warmup_steps" in at_fault(warmup_steps=0.99, lr_scheduler_type=scheduler)  # 27 of 27, rounded up


def test_a_schedule_without_warm_up_takes_any():
    assert at_fault(warmup_steps=225_000, lr_scheduler_type="constant") == {}


def test_a_validation_set_has_a_format_that_the_objective_can_be_measured_on():
    pairs = read_spec({"data": {"name": "pairs", "validation_name": "talk"}, "objective": {"kind": "orpo"}})
    found = faults(pairs, format="preference", validation_format="chat")
    assert list(found) == ["data.validation_name"]
    assert "ORPO" in found["data.validation_name"].problem and "preference" in found["data.validation_name"].remedy
    assert faults(pairs, format="preference", validation_format="preference") == {}
    assert faults(spec(), format="preference", validation_format="chat") == {}


def test_without_rows_nothing_is_said_of_steps():
    assert at_fault(plan=None, warmup_steps=225_000) == {}


@given(warm_up=st.floats(0, 40), steps=st.integers(1, 40))
def test_what_passes_has_a_step_at_the_full_learning_rate(warm_up, steps):
    plan = Plan(train_rows=steps, eval_rows=0, steps=steps, steps_per_epoch=steps)
    if not at_fault(plan=plan, warmup_steps=warm_up) and not (steps == 1 and warm_up < 1):
        assert warm_up_steps(spec(warmup_steps=warm_up).training, steps) < steps


def test_a_run_of_one_step_is_told_that_its_share_of_warm_up_is_all_of_it():
    one = Plan(train_rows=4, eval_rows=0, steps=1, steps_per_epoch=1)
    assert at_fault(plan=one, warmup_steps=0.05) == {}
    assert "only step is warmup" in noted(plan=one, save_steps=1)[0]
    assert noted(plan=one, warmup_steps=0, save_steps=1) == []


def test_a_max_length_beyond_what_the_model_reads_is_a_fault():
    assert "at most 512 tokens" in at_fault(context=512, max_length=513)["max_length"]
    assert at_fault(context=512, max_length=512) == {}
    assert at_fault(context=0, max_length=131_072) == {}, "where it is not known"


def noted(watch=None, plan=PLAN, **training):
    return [str(note) for note in notes(spec(watch, **training), plan)]


def test_steps_beyond_the_last_are_noted_and_no_fault():
    assert noted(eval_steps=20, save_steps=50) == []
    assert noted(eval_steps=27, save_steps=27) == []
    (evaluated, saved) = noted(eval_steps=225_000, save_steps=225_000)
    assert "only once, at the end" in evaluated and "225000" in evaluated and "27 steps" in evaluated
    assert "no checkpoint before the end" in saved
    assert at_fault(eval_steps=225_000, save_steps=225_000) == {}
    one = Plan(train_rows=4, eval_rows=1, steps=1, steps_per_epoch=1)
    assert all("the run has 1 step." in said for said in noted(plan=one, eval_steps=20, save_steps=50, warmup_steps=0))


def test_a_best_checkpoint_on_the_way_is_one():
    assert noted(eval_steps=10, save_steps=225_000) == []
    assert len(noted({"keep_best": False}, eval_steps=10, save_steps=225_000)) == 1
    unmeasured = Plan(train_rows=36, eval_rows=0, steps=27, steps_per_epoch=9)
    assert len(noted(plan=unmeasured, eval_steps=10, save_steps=225_000)) == 1


def test_most_steps_far_beyond_the_epochs_are_noted():
    (said,) = noted(max_steps=225_000, plan=Plan(train_rows=36, eval_rows=4, steps=225_000, steps_per_epoch=9))
    assert "go through the rows 25000 times" in said
    assert noted(max_steps=60, plan=Plan(train_rows=36, eval_rows=4, steps=60, steps_per_epoch=9)) == []


@pytest.fixture
def runs(catalogue, tmp_path):
    catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(tmp_path), context=512)
    catalogue.add_dataset(
        name="rows", format="chat", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=40, size=1,
        details={}, status="ready",
    )  # fmt: skip
    return Runs(catalogue)


BAD = {"learning_rate": 1e-9, "lr_scheduler_type": "polynomial", "warmup_steps": 400.0, "max_length": 2048}


def test_a_submission_names_each_field_at_fault(runs):
    with pytest.raises(InvalidInput) as caught:
        runs.submit(spec(**BAD), "a")
    assert set(caught.value.fields) == {"training.learning_rate", "training.max_length", "training.warmup_steps"}
    assert runs.list() == []


def test_a_sweep_is_refused_whole_where_one_of_its_values_cannot_work(runs, catalogue):
    values = {"model": {"name": "m"}, "data": {"name": "rows"}, "training": {"max_length": 512}}
    with pytest.raises(InvalidInput) as caught:
        Sweeps(catalogue, runs).submit(values, {"training.warmup_steps": "2, 400"}, "a")
    assert list(caught.value.fields) == ["training.warmup_steps"]
    assert runs.list() == []


def test_the_notes_of_a_spec_are_found_from_its_dataset(runs):
    assert len(runs.notes(spec(eval_steps=225_000, save_steps=10))) == 1
    assert runs.notes(read_spec({"model": {"name": "m"}, "data": {"name": "nothing"}})) == []
