"""JSON in the catalogue's records as older studios wrote it: read as what it is now, and told as it was."""

import json

from sqlalchemy import text

from studio.ui.presenters.model import shown_report


def rewrite(catalogue, table, column, value):
    """As if an older studio had written that."""
    with catalogue.engine.begin() as connection:
        connection.execute(text(f"update {table} set {column} = :value"), {"value": json.dumps(value)})


def add_model(catalogue):
    return catalogue.add_model(name="m", reference="org/m", source="hub")


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
