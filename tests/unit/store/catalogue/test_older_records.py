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


def add_adapter(catalogue):
    return catalogue.add_adapter(
        name="captain", path="/a", size=1, base_name="m", base_reference="org/m", base_source="hub", dataset_name="d",
        dataset_sha256="x", dataset_rows=1, spec={}, seed=1, versions={}, steps=1,
    )  # fmt: skip


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


def test_an_adapters_details_of_older_studios_are_told_as_they_were(catalogue):
    add_adapter(catalogue)
    for written in (
        {},
        {"trainable": 10, "parameters": 100, "device": "cpu", "precision": "bf16", "seconds": 2.5, "samples": 3},
        {
            "from_step": 4, "format": None, "split": {
                "seed": 1, "share": 0.1, "stratified": False, "train_rows": 9, "eval_rows": 1, "kept_together": 0,
                "sha256": "ab",
            },
        },
    ):  # fmt: skip
        rewrite(catalogue, "adapters", "details", written)
        details = catalogue.adapter("captain").details
        assert (details.trainable, details.dropped_rows) == (written.get("trainable"), 0)
        assert catalogue.adapter("captain").as_dict()["details"] == written


def test_rows_that_an_older_studio_had_not_counted_are_none(catalogue):
    add_adapter(catalogue)
    validation = {"name": "other", "sha256": "cd"}
    split = {
        "seed": 1, "share": 0.0, "stratified": False, "train_rows": 9, "eval_rows": 5, "kept_together": 0,
        "validation": validation, "sha256": "ab",
    }  # fmt: skip
    rewrite(catalogue, "adapters", "details", {"dropped_rows": None, "split": split})
    details = catalogue.adapter("captain").details
    assert (details.dropped_rows, details.split.validation.rows) == (0, 5)
