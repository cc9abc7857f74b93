"""Several datasets in one run: what is refused, what is pinned, what is in use, and what the run will be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.domain.errors import InvalidInput, StudioError
from studio.domain.jobs.training import TrainRequest
from studio.domain.run import RunStatus
from studio.domain.spec.run_spec import RunSpec, read_spec
from studio.services.runs.control import RunControl
from studio.services.runs.dispatcher import Dispatcher
from studio.services.runs.memory_estimate import RowTokens
from studio.services.runs.plan import plan
from studio.services.runs.service import Runs
from studio.services.runs.settings_diff import compare_settings
from studio.services.runs.sweeps import Sweeps
from studio.store.catalogue import Catalogue
from studio.store.job_folder import JobFolder
from tests.support.fakes import FakeEngine
from tests.support.training_jobs import started


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    catalogue.add_model(name="m", reference="m", source="folder", status="ready", path=str(tmp_path))
    for name, version, format, rows in (
        ("crew", 1, "chat", 40), ("tales", 1, "text", 100), ("tales", 2, "text", 90), ("pairs", 1, "preference", 20),
        ("held", 1, "chat", 8), ("船员", 1, "chat", 10),
    ):  # fmt: skip
        catalogue.add_dataset(
            name=name, version=version, format=format, sha256=f"{name} {version}", file_name="f", path="/f",
            rows_path=f"/{name}-{version}", rows=rows, size=rows * 400, details={}, status="ready",
        )  # fmt: skip
    return catalogue


@pytest.fixture
def runs(catalogue: Catalogue) -> Runs:
    return Runs(catalogue)


def spec(*mix: str, name: str = "crew", objective: str = "sft", **data: Any) -> RunSpec:
    return read_spec(
        {"model": {"name": "m"}, "data": {"name": name, "mix": list(mix)} | data, "objective": {"kind": objective}}
    )


def refused(runs: Runs, asked: RunSpec) -> dict[str, StudioError]:
    with pytest.raises(InvalidInput) as caught:
        runs.submit(asked, "a")
    assert runs.list() == []
    return caught.value.fields


def test_the_plan_has_of_each_dataset_what_its_weight_says() -> None:
    asked = spec("tales=0.5", "pairs=2", validation_split=0.1)
    made = plan(asked, [40, 100, 20])
    assert (made.train_rows, made.eval_rows) == (36 + 90 + 18, 4 + 10 + 2)
    assert made.epoch_rows == [36, 45, 36]
    assert (made.steps_per_epoch, made.steps) == (30, 90), "of 117 rows, 4 to a step"
    assert plan(spec(), 40) == plan(spec(), [40])


def test_a_queued_run_names_the_very_versions(runs: Runs) -> None:
    run = runs.get(runs.submit(spec("tales=0.5", "船员"), "a"))
    assert run.mixture == run.spec["data"]["mix"] == ["tales@2=0.5", "船员@1=1"]
    older = runs.get(runs.submit(spec("tales@1=0.5"), "b"))
    assert older.mixture == ["tales@1=0.5"]
    assert compare_settings([run, older]).names == ["data.mix"]


def test_a_run_on_one_dataset_is_written_as_it_always_was(runs: Runs) -> None:
    run = runs.get(runs.submit(spec(), "a"))
    assert set(run.spec["data"]) == {"name", "validation_split", "validation_name", "answers_only"}
    assert run.mixture == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (spec("crew"), "“crew” is in the run twice"),
        (spec("tales", "tales@1"), "“tales” is in the run twice"),
        (spec("nothing"), "no dataset named “nothing”"),
        (spec("pairs", "tales=0.5", name="pairs", objective="orpo"), "“pairs” is in the run twice"),
        (spec("tales=0.5", name="pairs", objective="orpo"), "ORPO does not train on the format of “tales”, text"),
    ],
)
def test_what_cannot_be_mixed_is_refused_with_its_name(runs: Runs, asked: RunSpec, words: str) -> None:
    fault = refused(runs, asked)["data.mix"]
    assert words in str(fault) and fault.remedy


def test_the_same_rows_under_two_names_are_refused(runs: Runs, catalogue: Catalogue) -> None:
    catalogue.change_dataset(catalogue.dataset("tales").id, sha256="crew 1")
    assert "“tales” has the same rows as “crew”" in str(refused(runs, spec("tales"))["data.mix"])


def test_rows_that_cannot_be_trained_on_and_a_split_that_leaves_none_name_their_dataset(
    runs: Runs, catalogue: Catalogue
) -> None:
    catalogue.change_dataset(catalogue.dataset("tales").id, details={"bad_rows": 3})
    assert "3 rows of “tales” cannot be trained on" in str(refused(runs, spec("tales"))["data.mix"])
    catalogue.change_dataset(catalogue.dataset("tales").id, rows=1, details={})
    assert "“tales” has 1 row" in str(refused(runs, spec("tales"))["data.validation_split"])


def test_no_dataset_of_a_mixture_is_its_validation_set(runs: Runs) -> None:
    assert "data.validation_name" in refused(runs, spec("tales", validation_name="tales"))


def test_kinds_may_be_mixed_for_supervised_fine_tuning(runs: Runs) -> None:
    assert runs.submit(spec("tales", "pairs"), "a")


def test_what_a_waiting_run_trains_on_or_is_measured_by_is_in_use(runs: Runs, catalogue: Catalogue) -> None:
    id = runs.submit(spec("tales@1=0.5", validation_name="held"), "a")
    in_use = {d.reference for d in catalogue.datasets() if catalogue.dataset_is_in_use(d)}
    assert in_use == {"crew@1", "tales@1", "held@1"}
    catalogue.change_run(id, RunStatus.CANCELLED)
    assert not any(map(catalogue.dataset_is_in_use, catalogue.datasets()))


def test_adapters_of_a_dataset_are_those_that_learned_from_it_among_others_too(catalogue: Catalogue) -> None:
    crew, tales = catalogue.dataset("crew"), catalogue.dataset("tales@1")
    datasets = [{"name": d.name, "version": d.version, "sha256": d.sha256} for d in (crew, tales)]
    catalogue.add_adapter(
        name="both", path="/a", size=1, base_name="m", base_reference="m", base_source="hub", dataset_id=crew.id,
        dataset_name="crew", dataset_sha256=crew.sha256, dataset_rows=40, mixture=["tales@1=0.5"], spec={}, seed=1,
        versions={}, steps=1, details={"datasets": datasets},
    )  # fmt: skip
    for reference, names in (("crew", ["both"]), ("tales@1", ["both"]), ("tales@2", []), ("held", [])):
        assert [a.name for a in catalogue.adapters_of_dataset(catalogue.dataset(reference))] == names
    (found,) = catalogue.adapters("tales")
    assert found.dataset_names == ["crew", "tales"]


def test_a_worker_is_asked_for_all_datasets_with_their_weights(
    runs: Runs, catalogue: Catalogue, tmp_path: Path
) -> None:
    id = runs.submit(spec("tales=0.5", weight=2), "a")
    Dispatcher(catalogue, FakeEngine(), [], runs=tmp_path / "runs", adapters=tmp_path / "adapters").tick()
    request = JobFolder(tmp_path / "runs" / str(id)).read_request(TrainRequest)
    assert [(d.name, d.version, d.rows_path) for d in request.datasets] == [
        ("crew", 1, "/crew-1"), ("tales", 2, "/tales-2")
    ]  # fmt: skip
    assert (request.spec.data.weights, request.mixture[0].weight) == ([2, 0.5], 0.5)


def test_runs_and_adapters_are_found_by_any_of_their_datasets(runs: Runs, catalogue: Catalogue) -> None:
    runs.submit(spec("tales=0.5", "船员"), "a")
    runs.submit(spec(), "b")
    for word, names in (("TALES", ["a"]), ("船员", ["a"]), ("crew", ["b", "a"]), ("weight", []), ("tales crew", ["a"])):
        assert [run.name for run in catalogue.runs_page(search=word)[0]] == names, word


def test_a_continued_run_goes_on_with_the_rows_of_an_epoch(runs: Runs, catalogue: Catalogue) -> None:
    id = runs.submit(spec("tales=0.5"), "a")
    parts = [
        {"name": "crew", "sha256": "x", "train_rows": 36, "epoch_rows": 36},
        {"name": "tales", "sha256": "y", "train_rows": 90, "epoch_rows": 45},
    ]
    catalogue.change_run(id, started=started(train_rows=126, datasets=parts))
    begun = runs.get(id).started
    assert begun and begun.epoch_rows == 81
    assert RunControl(catalogue, runs).queue()[0].mixture == ["tales@2=0.5"]


def test_a_sweep_of_a_mixture_has_it_in_every_run(runs: Runs, catalogue: Catalogue) -> None:
    values = {"model": {"name": "m"}, "data": {"name": "crew", "mix": ["tales=0.5"]}}
    sweep = Sweeps(catalogue, runs).submit(values, {"data.weight": "1, 2"}, "a")
    made = catalogue.runs(sweep_id=sweep)
    assert [run.mixture for run in made] == [["tales@2=0.5"]] * 2
    assert sorted(run.spec["data"].get("weight", 1) for run in made) == [1, 2]


def test_lengths_of_a_mixture_vary_as_those_of_its_parts_together() -> None:
    assert RowTokens.of_mixture([100], [40]) == RowTokens.about(100)
    both = RowTokens.of_mixture([100, 1000], [90, 10])
    assert both.mean == 190 and both.longest == 4000
    assert both.deviation == pytest.approx((0.9 * 2 * 100**2 + 0.1 * 2 * 1000**2 - 190**2) ** 0.5)
