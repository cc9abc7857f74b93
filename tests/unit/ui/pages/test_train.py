"""The handlers behind the train page, on a real catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from studio.domain.errors import InvalidInput
from studio.domain.events import Failed, Finished
from studio.domain.jobs.token_counts import CountTokensRequest, TokenSummary
from studio.domain.spec.presets import preset_values
from studio.domain.spec.run_spec import defaults
from studio.store.job_folder import JobFolder
from studio.ui.language import translate
from studio.ui.pages import train
from tests.support.page_requests import IN_CHINESE, IN_ENGLISH, values


def test_the_form_begins_with_what_was_asked_for_and_a_free_name(studio, model):
    studio.datasets.add_sample()
    begun = train.begin(studio, dataset="captain-brine")
    assert begun["name"] == "captain-brine"
    assert begun["values"]["model"]["name"] == "small"
    assert begun["values"]["lora"] == preset_values(train.FIRST_PRESET, defaults())["lora"]


def test_a_dataset_that_is_gone_is_not_chosen(studio, model):
    assert train.begin(studio, dataset="gone")["values"]["data"]["name"] == ""


def test_a_run_can_be_begun_anew_with_its_settings_under_another_name(studio, model):
    dataset = studio.datasets.add_sample().name
    first = train.start(studio, values(dataset, lora__r="3"), "captain", "key")["id"]
    again = train.begin(studio, run=first)
    assert again["values"]["lora"]["r"] == 3
    assert again["name"] == "captain-2"


def test_a_check_says_what_the_run_will_be(studio, model):
    dataset = studio.datasets.add_sample()
    answer = train.check(studio, values(dataset.name), IN_ENGLISH)
    assert answer["faults"] == {}
    assert answer["plan"]["train_rows"] + answer["plan"]["eval_rows"] == dataset.rows
    assert answer["plan"]["steps"] == 60
    assert answer["sizes"]["trainable"] == 8 * ((8 + 8) + (8 + 4))
    assert answer["layers"] == ["q_proj", "v_proj"]
    assert answer["machine"]["free_for_training"] > 0
    assert answer["memory"] > answer["sizes"]["base_bytes"][0]


def test_a_check_tells_faults_by_field_in_the_readers_language(studio, model):
    answer = train.check(studio, values("", lora__r="lots"), IN_CHINESE)
    assert answer["faults"] == {
        "data.name": translate("Choose one.", "zh"),
        "lora.r": translate("Enter a whole number, such as {example}.", "zh", example=16),
    }
    assert answer["plan"] is None


def test_sizes_are_known_before_a_dataset_is_chosen(studio, model):
    answer = train.check(studio, values(""), IN_ENGLISH)
    assert list(answer["faults"]) == ["data.name"]
    assert answer["plan"] is None
    assert answer["sizes"]["parameters"] == 10 * 8 + 8 * 8 + 4 * 8
    assert answer["memory"] is None


def test_a_layer_that_the_model_does_not_have_stops_the_submission(studio, model):
    dataset = studio.datasets.add_sample().name
    with pytest.raises(InvalidInput) as refused:
        train.start(studio, values(dataset, lora__target_modules=["q_proj", "key"]), "captain", "key")
    assert "“key”" in refused.value.fields["lora.target_modules"].problem
    assert studio.runs.list() == []


def test_a_second_click_starts_no_second_run(studio, model):
    dataset = studio.datasets.add_sample().name
    first, second = (train.start(studio, values(dataset), "captain", "the same key") for _ in range(2))
    assert first == second
    assert len(studio.runs.list()) == 1


def test_a_model_that_is_not_ready_is_a_fault_at_its_field(studio):
    studio.catalogue.add_model(name="small", reference="small", source="hub")
    dataset = studio.datasets.add_sample().name
    assert train.check(studio, values(dataset), IN_ENGLISH)["sizes"] is None
    with pytest.raises(InvalidInput) as refused:
        train.start(studio, values(dataset), "captain", "key")
    assert list(refused.value.fields) == ["model.name"]


def test_pairs_are_not_measured_on_conversations(studio, model, tmp_path):
    talk = studio.datasets.add_sample().name
    file = tmp_path / "pairs.jsonl"
    file.write_text(
        "".join(f'{{"prompt": "Who {n}?", "chosen": "Me {n}.", "rejected": "Not me."}}\n' for n in range(9))
    )
    pairs = studio.datasets.add([file]).name
    studio.datasets.tick()
    form = values(pairs, objective__kind="orpo", data__validation_name=talk)
    assert train.check(studio, form, IN_ENGLISH)["clashes"] == ["data.validation_name"]
    with pytest.raises(InvalidInput) as refused:
        train.start(studio, form, "captain", "key")
    assert list(refused.value.fields) == ["data.validation_name"]


def test_nothing_is_said_of_pairs_where_the_rows_are_none(studio, model):
    talk = studio.datasets.add_sample().name
    answer = train.check(studio, values(talk, objective__kind="orpo"), IN_ENGLISH)
    assert answer["clashes"] == ["objective.kind"]
    assert answer["trained_part"] == ""


@pytest.fixture
def begun(studio, monkeypatch) -> list[str]:
    """The tasks that were begun. Each fails at once."""
    tasks: list[str] = []

    def start(task: str, folder: Path, **_: Any) -> str:
        tasks.append(task)
        JobFolder(folder).append(Failed(problem="The worker cannot do this."))
        return "worker"

    studio.datasets.add_sample()
    monkeypatch.setattr(studio.engine, "start", start)
    return tasks


def test_a_count_of_tokens_that_failed_is_begun_again_only_by_who_asks_for_it(studio, model, begun):
    form = values("captain-brine")
    looks = [train.review(studio, form, IN_ENGLISH)["status"] for _ in range(4)]
    assert looks == ["running", "failed", "failed", "failed"]
    assert begun == ["count-tokens"]
    train.review(studio, form, IN_ENGLISH, start=True)
    assert begun == ["count-tokens"], "it goes on by itself with other datasets only"
    train.review(studio, form, IN_ENGLISH, start=True, again=True)
    assert begun == ["count-tokens"] * 2


def test_rows_that_the_objective_does_not_train_on_are_not_counted(studio, model, begun):
    form = values("captain-brine", objective__kind="orpo")
    assert train.review(studio, form, IN_ENGLISH)["status"] == "none"
    assert begun == []


def add_rows(studio, name, rows, version=1, format="chat"):
    return studio.catalogue.add_dataset(
        name=name, version=version, format=format, sha256=f"{name}{version}", file_name="f", path="/f",
        rows_path=f"/{name}-{version}", rows=rows, size=rows * 100, details={}, status="ready",
    )  # fmt: skip


def test_a_check_says_what_a_mixture_will_be(studio, model):
    add_rows(studio, "crew", 40)
    add_rows(studio, "tales", 100, format="text")
    answer = train.check(studio, values("crew", data__mix=["tales=0.5"]), IN_ENGLISH)
    assert (answer["faults"], answer["plan"]["epoch_rows"]) == ({}, [36, 45])
    assert (answer["plan"]["train_rows"], answer["plan"]["eval_rows"]) == (126, 14)
    alone = train.check(studio, values("crew"), IN_ENGLISH)
    assert answer["plan"]["steps_per_epoch"] > alone["plan"]["steps_per_epoch"] and answer["memory"] > 0


def test_a_check_names_what_cannot_be_mixed_before_it_is_started(studio, model):
    add_rows(studio, "crew", 40)
    add_rows(studio, "pairs", 40, format="preference")
    answer = train.check(studio, values("pairs", data__mix=["crew"], objective__kind="orpo"), IN_ENGLISH)
    assert answer["clashes"] == ["data.mix"] and "“crew”" in answer["faults"]["data.mix"]
    answer = train.check(studio, values("crew", data__mix=["pairs"]), IN_ENGLISH)
    assert answer["clashes"] == [] and answer["trained_part"].startswith("pairs: ")
    answer = train.check(studio, values("crew", data__mix=["crew@1=0.5"]), IN_ENGLISH)
    assert "“crew”" in answer["faults"]["data.mix"]


def test_versions_that_can_be_trained_on_are_offered(studio, model):
    for version in (1, 2, 3):
        add_rows(studio, "crew", 40, version)
    studio.catalogue.change_dataset(studio.datasets.get("crew@2").id, details={"bad_rows": 1})
    (offered,) = train.choices(studio)["datasets"]
    assert offered["versions"] == [3, 1]


def test_the_rows_of_all_datasets_are_looked_at_one_after_the_other_and_held_against_the_validation_set(
    studio, model, monkeypatch
):
    asked: list[CountTokensRequest] = []

    def start(task: str, folder: Path, **_: Any) -> str:
        asked.append(JobFolder(folder).read_request(CountTokensRequest))
        found = TokenSummary(rows=40, tokens=400, lost=40, train_rows=36, problems={"leakage": 3})
        JobFolder(folder).append(Finished(path=str(folder), details=found))
        return "worker"

    monkeypatch.setattr(studio.engine, "start", start)
    monkeypatch.setattr("studio.ui.pages.train_review._example", lambda *_: "")
    for name in ("crew", "tales", "held"):
        add_rows(studio, name, 40)
    form = values("crew", data__mix=["tales=0.5"], data__validation_name="held")
    looks = [train.review(studio, form, IN_ENGLISH) for _ in range(3)]
    assert [request.rows_path for request in asked] == ["/crew-1", "/tales-1"]
    assert {request.validation.rows_path for request in asked if request.validation} == {"/held-1"}
    assert [look["status"] for look in looks] == ["running", "running", "done"]
    assert looks[-1]["tokens"] == [10, 10]
    assert [(note["dataset"], note["code"]) for note in looks[-1]["notes"]] == [
        ("crew", "leakage"), ("tales", "leakage")
    ]  # fmt: skip
    assert looks[-1]["notes"][0]["said"] == "3 of 40 rows are also in the validation set."
