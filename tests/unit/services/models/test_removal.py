"""Base models that failed, were removed or lost their folder: what is said of them, and what is left of them."""

from __future__ import annotations

import json

import pytest

from studio.cli import main
from studio.domain.columns import Column
from studio.domain.errors import InvalidInput, NotFound, StudioError
from studio.domain.events import Failed, Finished
from studio.domain.spec.run_spec import read_spec
from studio.services.datasets.browse import render_rows
from studio.services.evaluation.service import Evaluations
from studio.services.models.chat_template import sample_conversation
from studio.services.models.service import Models
from studio.services.models.status import check_ready, fault_of, ready_model
from studio.services.runs.control import RunControl
from studio.services.runs.dispatcher import Dispatcher
from studio.services.runs.service import Runs
from studio.store.job_folder import JobFolder
from tests.support.fakes import FakeEngine
from tests.support.sample_adapters import adapter_fields
from tests.support.weight_files import write_weights


class Bench:
    def __init__(self, catalogue, home):
        self.catalogue, self.home, self.engine = catalogue, home, FakeEngine()
        self.models = Models(catalogue, self.engine, home / "models", lambda: None)
        self.runs = Runs(catalogue)
        self.control = RunControl(catalogue, self.runs)
        self.dispatcher = Dispatcher(
            catalogue, self.engine, [self.models], runs=home / "runs", adapters=home / "adapters"
        )
        catalogue.add_dataset(
            name="rows", format="chat", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=40, size=1,
            details={}, status="ready",
        )  # fmt: skip

    def fetched(self, reference="org/small"):
        """A model that the studio has made in its own home."""
        model = self.models.add(reference)
        own = self.folder(model) / "model"
        own.mkdir()
        (own / "weights").write_bytes(b"0" * 100)
        self.says(model, Finished(path=str(own), size=100, details={"parameters": 7}))
        self.engine.alive.clear()
        return self.catalogue.model_by_id(model.id)

    def failed(self):
        model = self.models.add("org/secret")
        fault = StudioError("The model {repo} is only for some.", "Accept the terms.", repo="org/secret")
        self.says(model, Failed(problem=fault.problem, remedy=fault.remedy, fault=fault.as_dict()))
        return self.catalogue.model_by_id(model.id)

    def says(self, model, word):
        JobFolder(model.folder).append(word)
        self.models.tick()

    def folder(self, model):
        return self.home / "models" / f"{model.name}-{model.id}"

    def submit(self, model, name="a"):
        return self.runs.submit(read_spec({"model": {"name": model.name}, "data": {"name": "rows"}}), name)


@pytest.fixture
def bench(catalogue, tmp_path):
    return Bench(catalogue, tmp_path)


def everywhere(bench, model):
    """What is said wherever a model is wanted."""
    column = [Column(model=model.name)]
    asked = [
        lambda: check_ready(model),
        lambda: bench.models.ready(model.name),
        lambda: sample_conversation(model),
        lambda: ready_model(bench.catalogue, model.name),
        lambda: render_rows([], model, "auto"),
        lambda: Evaluations(bench.catalogue, None, None)._judge(column),
        lambda: bench.submit(model),
    ]
    said = set()
    for ask in asked:
        with pytest.raises(InvalidInput) as caught:
            ask()
        said.add(str(caught.value))
    return said


def test_a_model_that_is_being_fetched_is_waited_for_wherever_it_is_wanted(bench):
    model = bench.models.add("org/late")
    assert everywhere(bench, model) == {"The base model “late” is not ready yet. Wait until it is ready."}


def test_a_model_whose_fetch_failed_says_why_and_is_never_waited_for(bench):
    model = bench.failed()
    (said,) = everywhere(bench, model)
    assert said.startswith("The model org/secret is only for some. Try again, or remove the model")
    assert fault_of(model).values == {"repo": "org/secret"}  # apart, so that a page can translate the words


def test_a_model_whose_folder_is_gone_says_so_wherever_it_is_wanted(bench):
    model = bench.fetched()
    for file in (bench.folder(model) / "model").iterdir():
        file.unlink()
    (bench.folder(model) / "model").rmdir()
    (said,) = everywhere(bench, model)
    assert said.startswith("The folder of the base model “small” is missing: ")


def test_a_removed_model_says_how_it_comes_back_and_is_in_no_list(bench):
    model = bench.fetched()
    bench.catalogue.add_adapter(**adapter_fields(bench.home / "a", model_id=model.id))
    bench.models.delete("small")
    kept = bench.catalogue.model_by_id(model.id)
    assert everywhere(bench, kept) == {"The base model “small” was removed. Add it again: org/small."}
    assert bench.models.list() == []
    with pytest.raises(NotFound):
        bench.models.delete("small")


def test_removing_a_model_deletes_what_the_studio_has_made_and_its_record(bench):
    model = bench.fetched()
    bench.models.delete("org/small")  # by its reference too
    assert not bench.folder(model).exists()
    assert bench.catalogue.model_by_id(model.id) is None
    assert bench.models.add("org/small").status == "preparing"


def test_files_that_are_not_the_studios_own_stay(bench, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "config.json").write_text("{}")
    write_weights(theirs / "model.safetensors", {"w": [1]})
    model = bench.models.add(str(theirs))
    bench.says(model, Finished(path=str(theirs), size=1))
    assert bench.models.keeps_files(bench.models.get("theirs"))
    bench.models.delete("theirs")
    assert (theirs / "model.safetensors").exists()
    assert not bench.folder(model).exists()


def test_a_model_that_lies_in_anothers_folder_keeps_that_one(bench):
    outer = bench.fetched()
    inner = bench.folder(outer) / "model"
    (inner / "config.json").write_text("{}")
    write_weights(inner / "model.safetensors", {"w": [1]})
    added = bench.models.add(str(inner))
    bench.says(added, Finished(path=str(inner), size=1))
    with pytest.raises(InvalidInput, match="“model” is in the folder of “small”"):
        bench.models.delete("small")
    bench.models.delete("model")
    bench.models.delete("small")
    assert not inner.exists()


def test_a_fetch_that_is_under_way_is_ended_and_its_last_word_changes_nothing(bench):
    model = bench.models.add("org/large")
    bench.catalogue.add_adapter(**adapter_fields(bench.home / "a", model_id=model.id))
    bench.models.delete("large")
    assert bench.engine.alive == set()
    bench.models.tick()
    bench.models._look_after(model)  # by a server that had looked at it just before
    assert bench.catalogue.model_by_id(model.id).status == "removed"


def test_a_check_that_is_under_way_is_ended_with_its_model(bench):
    model = bench.fetched()
    bench.models.start_check("small")
    assert bench.engine.alive
    bench.models.delete("small")
    assert bench.engine.alive == set()
    assert not bench.folder(model).exists()
    with pytest.raises(NotFound):
        bench.models.start_check("small")


@pytest.mark.parametrize("begins", [False, True])
def test_a_model_stays_as_long_as_a_run_needs_it(bench, begins):
    model = bench.fetched()
    id = bench.submit(model)
    if begins:
        bench.dispatcher.tick()
    with pytest.raises(InvalidInput, match=f"train on it or are waiting to: a \\({id}\\)"):
        bench.models.delete("small")
    assert (bench.folder(model) / "model" / "weights").exists()
    assert bench.models.ready("small")


def test_a_run_that_waits_to_be_resumed_by_itself_needs_its_model_and_its_dataset_too(bench):
    model = bench.fetched()
    id = bench.submit(model)
    bench.dispatcher.tick()
    bench.catalogue.change_run(id, ended_at=5.0)  # as it is of one that was interrupted and queued again
    with pytest.raises(InvalidInput, match="train on it or are waiting"):
        bench.models.delete("small")
    assert bench.catalogue.dataset_is_in_use(bench.catalogue.dataset_by_id(1))


def test_a_model_stays_as_long_as_an_evaluation_asks_it(bench):
    bench.fetched()
    kept = bench.catalogue.add_prompt_set([{"messages": [], "text": "?", "reference": ""}], name="few")
    bench.catalogue.add_evaluation(
        name="quiz", key=None, set_id=kept.id, set_name="few", prompts=1, references=0, columns=[{"model": "small"}],
        adapters={}, sampling={},
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="“quiz” is running on it"):
        bench.models.delete("small")


def test_adapters_and_runs_stay_and_come_back_to_life_when_the_model_is_added_again(bench):
    model = bench.fetched()
    id = bench.submit(model)
    bench.control.stop(id)
    bench.catalogue.add_adapter(**adapter_fields(bench.home / "a", model_id=model.id))
    assert [a.name for a in bench.models.adapters(model)] == ["Captain v1"]
    bench.models.delete("small")
    again = bench.fetched()
    assert (again.id, again.status, again.report.is_empty) == (model.id, "ready", True)
    assert bench.catalogue.adapters(model_id=again.id)


def test_a_removal_that_was_broken_off_is_ended_by_the_next_tick(bench):
    model = bench.fetched()
    bench.catalogue.remove_model(model.id)  # and then the power failed
    bench.models.tick()
    assert not bench.folder(model).exists()
    assert bench.catalogue.model_by_id(model.id) is None


def test_a_starter_that_was_removed_is_not_fetched_again_by_the_next_start(bench):
    bench.models.add_starter_once()
    bench.models.delete("starter")
    bench.models.add_starter_once()
    assert bench.models.list() == []
    assert bench.models.add("starter").status == "preparing"  # but by whoever asks for it


def test_a_failed_model_is_tried_again_by_adding_it_once_more(bench):
    model = bench.failed()
    assert model.report.problems[0]["problem"] == "The model {repo} is only for some."
    again = bench.models.add("org/secret")
    assert (again.id, again.status, again.problem, again.report.is_empty) == (model.id, "preparing", "", True)


def test_a_run_whose_model_is_gone_by_the_time_it_begins_says_so(bench):
    model = bench.fetched()
    id = bench.submit(model)
    (bench.folder(model) / "model" / "weights").unlink()
    (bench.folder(model) / "model").rmdir()
    bench.dispatcher.tick()
    run = bench.runs.get(id)
    assert run.status == "failed"
    assert "The folder of the base model “small” is missing" in run.problem
    with pytest.raises(InvalidInput, match="is missing"):
        bench.control.resume(id)


def test_the_command_line_asks_before_it_takes_a_model_from_its_adapters(tmp_path, capsys, catalogue):
    path = tmp_path / "theirs"
    path.mkdir()
    model = catalogue.add_model(name="small", reference="org/small", source="hub", status="ready", path=str(path))
    catalogue.add_adapter(**adapter_fields(tmp_path / "a", model_id=model.id))
    catalogue.close()

    def studio(*words):
        return main([*words, "--home", str(tmp_path), "--json"])

    assert studio("models", "delete", "small") == 2
    assert "Captain v1" in capsys.readouterr().err
    assert studio("models", "delete", "small", "--yes") == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": "small", "files_kept": str(path)}
    assert path.is_dir()
    assert studio("models", "list") == 0
    assert json.loads(capsys.readouterr().out) == []
    assert studio("models", "delete", "small") == 2
