"""JSON in the catalogue's records as older studios wrote it: read as what it is now, and told as it was."""

import json

from sqlalchemy import text

from studio.ui.presenters.model import shown_report
from tests.support.training_jobs import started


def rewrite(catalogue, table, column, value):
    """As if an older studio had written that."""
    with catalogue.engine.begin() as connection:
        connection.execute(text(f"update {table} set {column} = :value"), {"value": json.dumps(value)})


def add_model(catalogue):
    return catalogue.add_model(name="m", reference="org/m", source="hub")


def add_run(catalogue):
    return catalogue.add_run(
        name="r", spec={}, model_id=add_model(catalogue).id, dataset_id=None, model_name="m", dataset_name="d"
    )


def test_a_model_that_was_never_checked_has_an_empty_report(catalogue):
    model = add_model(catalogue)
    assert model.report.is_empty
    assert catalogue.model("m").as_dict()["report"] == {}


def test_a_report_without_what_is_looked_at_today_is_told_as_it_was_written(catalogue):
    add_model(catalogue)
    fault = {"problem": "No layer of {name} gets one.", "remedy": "", "values": {"name": "m"}}
    written = {
        "causal": True, "quantization": None, "tried": True, "problems": [], "head": "linear",
        "adapters": {"layers": ["q_proj"], "trainable": 5, "left_out": [fault]},
        "template": {"end_of_turn": "<end>", "keeps_tools": True, "keeps_dates": True}, "seconds": 3.5,
    }  # fmt: skip
    rewrite(catalogue, "models", "report", written)
    report = catalogue.model("m").report
    assert (report.causal, report.packing, report.batches) == (True, None, None)
    assert catalogue.model("m").as_dict()["report"] == written
    shown = shown_report(report, "en")
    assert (shown["layers"], shown["template"], shown["notes"][0]["problem"]) == (
        ["q_proj"], written["template"], "No layer of m gets one.",
    )  # fmt: skip


def test_the_report_of_a_model_that_was_refused_has_its_problem_alone(catalogue):
    add_model(catalogue)
    written = {"problems": [{"problem": "It cannot be used.", "remedy": "", "values": {}}]}
    rewrite(catalogue, "models", "report", written)
    assert catalogue.model("m").as_dict()["report"] == written


def test_a_field_that_cannot_be_read_hides_nothing_else(catalogue):
    add_model(catalogue)
    rewrite(catalogue, "models", "report", {"causal": True, "problems": "none"})
    report = catalogue.model("m").report
    assert (report.causal, report.problems) == (True, [])


def test_a_run_that_has_not_begun_has_nothing_of_its_start(catalogue):
    run = add_run(catalogue)
    assert (run.started, catalogue.run(run.id).started, catalogue.run(run.id).as_dict()["started"]) == (None, None, {})


def test_what_the_first_studio_recorded_of_a_start_is_told_as_it_was(catalogue):
    run = add_run(catalogue)
    written = {
        "at": 5.0, "kind": "started", "total_steps": 4, "trainable": 10, "parameters": 100, "device": "cpu",
        "precision": "bf16", "train_rows": 18, "eval_rows": 2, "tokens_per_epoch": 900, "versions": {"peft": "1"},
    }  # fmt: skip
    rewrite(catalogue, "runs", "started", written)
    began = catalogue.run(run.id).started
    assert (began.train_rows, began.dropped_rows, began.format) == (18, 0, "")
    assert catalogue.run(run.id).as_dict()["started"] == written


def test_a_start_of_which_too_little_can_be_read_is_none(catalogue):
    run = add_run(catalogue)
    rewrite(catalogue, "runs", "started", {"train_rows": "many"})
    assert catalogue.run(run.id).started is None


def test_plain_data_is_its_type_as_soon_as_it_is_set(catalogue):
    run = add_run(catalogue)
    run.started = started(train_rows=3).model_dump()
    assert run.started == started(train_rows=3, at=run.started.at)
    model = catalogue.model("m")
    model.report = {"causal": True}
    assert model.report.causal
