"""The handlers behind the home, datasets, train and settings pages, on a real catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.app import Studio
from studio.domain.errors import InvalidInput
from studio.domain.spec.presets import preset_values
from studio.domain.spec.spec import defaults
from studio.ui.language import translate
from studio.ui.pages import datasets, home, settings, train
from studio.ui.presenters.dataset import LONGEST
from tests.support.weight_files import write_weights

IN_ENGLISH: Any = SimpleNamespace(cookies={}, headers={})
IN_CHINESE: Any = SimpleNamespace(cookies={"studio_language": "zh"}, headers={})
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
LAYERS = {
    "model.embed_tokens.weight": [10, 8],
    "model.layers.0.q_proj.weight": [8, 8],
    "model.layers.0.v_proj.weight": [4, 8],
}


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> str:
    """A base model that is ready, as far as the web process looks at it."""
    folder = tmp_path / "model"
    folder.mkdir()
    write_weights(folder / "model.safetensors", LAYERS)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    studio.catalogue.add_model(name="small", reference="small", source="folder", status="ready", path=str(folder))
    return "small"


def upload(studio: Studio, *rows: Any) -> str:
    """The token of a file that the page has sent."""
    with studio.uploads.receiving(None) as (token, file):
        file.write("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode())
    return token


def left_of_uploads(studio: Studio) -> list[Path]:
    return list((studio.settings.home / "uploads").iterdir())


def chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def values(dataset: str = "", model: str = "small", **changes: Any) -> train.Values:
    chosen = preset_values("Quick", defaults())
    chosen["model"]["name"], chosen["data"]["name"] = model, dataset
    for place, value in changes.items():
        section, _, knob = place.partition("__")
        chosen[section] = chosen[section] | {knob: value}
    return chosen


# Datasets


def bring(studio: Studio, name: str, *rows: Any, request: Any = IN_ENGLISH) -> dict[str, Any]:
    """A dataset of these rows, as the page shows it once it is read."""
    begun = datasets.add(studio, [upload(studio, *rows)], [name], request)["dataset"]
    assert begun["status"] == "reading"
    assert left_of_uploads(studio) == []
    studio.datasets.tick()
    return datasets.look(studio, begun["name"], request)


def test_an_uploaded_file_becomes_a_dataset_under_its_own_name_and_the_upload_is_gone(studio):
    seen = bring(studio, "tales.jsonl", chat("Who?", "Me."), chat("Where?", "Here."))["dataset"]
    assert (seen["name"], seen["rows"], seen["format"], seen["status"]) == ("tales", 2, "Chat messages", "ready")
    assert [row["name"] for row in datasets.listing(studio, IN_ENGLISH)["rows"]] == ["tales"]


def test_several_uploads_become_one_dataset(studio):
    sent = [upload(studio, chat(f"Who {i}?", "Me.")) for i in range(2)]
    datasets.add(studio, sent, ["one.jsonl", "two.jsonl"], IN_ENGLISH)
    studio.datasets.tick()
    seen = datasets.look(studio, "one", IN_ENGLISH)["dataset"]
    assert (seen["rows"], seen["file_name"]) == (2, "one.jsonl + 1")
    assert left_of_uploads(studio) == []


def test_a_file_with_faults_is_kept_and_every_one_of_them_is_shown(studio):
    seen = bring(
        studio, "tales.jsonl", chat("Who?", "Me."), '{"messages": [', chat("", "Me."), chat("Mail?", "a@b.org")
    )
    assert (seen["dataset"]["rows"], seen["dataset"]["bad_rows"]) == (2, 2)
    assert (seen["dataset"]["errors"], seen["dataset"]["warnings"]) == (2, 1)
    assert [(g["code"], g["level"], g["count"], g["heals"]) for g in seen["groups"]] == [
        ("not_json", "error", 1, "skip_bad_rows"), ("empty", "error", 1, "skip_bad_rows"), ("email", "warning", 1, ""),
    ]  # fmt: skip
    listed = datasets.problems(studio, "tales", IN_ENGLISH)
    assert listed["total"] == 3
    assert [(each["line"], each["field"], each["level"]) for each in listed["problems"]] == [
        (2, "", "error"), (3, "messages[0].content", "error"), (4, "messages[1].content", "warning"),
    ]  # fmt: skip
    assert all(each["problem"] and each["remedy"] for each in listed["problems"])


def test_problems_are_filtered_by_kind_and_by_words(studio):
    bring(studio, "tales.jsonl", chat("", "Me."), "{", chat("", "You."), chat("Who?", "Me."))
    assert [p["line"] for p in datasets.problems(studio, "tales", IN_ENGLISH, code="empty")["problems"]] == [1, 3]
    assert [p["line"] for p in datasets.problems(studio, "tales", IN_ENGLISH, search="Content")["problems"]] == [1, 3]
    assert [p["line"] for p in datasets.problems(studio, "tales", IN_ENGLISH, search="2")["problems"]] == [2]
    assert datasets.problems(studio, "tales", IN_ENGLISH, offset=2)["problems"][0]["line"] == 3


def test_problems_are_told_in_the_readers_language(studio):
    bring(studio, "tales.jsonl", chat("", "Me."), chat("Who?", "Me."))
    (problem,) = datasets.problems(studio, "tales", IN_CHINESE)["problems"]
    assert problem["remedy"] == translate("Fill it in, or skip the row.", "zh")


def test_what_cannot_be_read_at_all_is_said_on_its_page_in_the_readers_language(studio):
    seen = bring(studio, "tales.jsonl", "", "", request=IN_CHINESE)["dataset"]
    assert seen["status"] == "failed"
    assert seen["fault"] == {
        "problem": translate("“{file}” has no rows.", "zh", file="tales.jsonl"),
        "remedy": translate("Add a file with at least one row.", "zh"),
    }


def test_unclear_columns_are_mapped_by_hand_with_the_first_rows_to_look_at(studio):
    rows = [{"q1": f"Question {i}", "a1": f"A longer answer {i}"} for i in range(3)] + [{"q1": "", "a1": "x"}]
    assert bring(studio, "tales.jsonl", *rows)["dataset"]["status"] == "unclear"
    asked = datasets.columns(studio, "tales", IN_ENGLISH)
    assert asked["columns"] == ["q1", "a1"]
    assert asked["layout"] == {"format": "prompt-completion", "columns": {"prompt": "q1", "completion": "a1"}}
    assert asked["sample"] == rows
    swapped = {"format": "prompt-completion", "columns": {"prompt": "a1", "completion": "q1"}}
    tried = datasets.try_columns(studio, "tales", swapped, IN_ENGLISH)
    assert [turn["content"] for turn in tried[0]["row"]["turns"]] == ["A longer answer 0", "Question 0"]
    assert tried[3]["row"] is None
    assert [problem["field"] for problem in tried[3]["problems"]] == ["q1"]
    with pytest.raises(InvalidInput) as caught:
        datasets.try_columns(studio, "tales", {"format": "text", "columns": {}}, IN_ENGLISH)
    assert list(caught.value.fields) == ["text"]
    datasets.read_again(studio, "tales", IN_ENGLISH, layout=swapped)
    studio.datasets.tick()
    seen = datasets.look(studio, "tales", IN_ENGLISH)["dataset"]
    assert (seen["status"], seen["version"], seen["rows"], seen["bad_rows"]) == ("ready", 1, 3, 1)


def test_healing_makes_the_next_version_and_says_what_it_did(studio):
    bring(studio, "tales.jsonl", chat("Who?", "Me."), "{", chat("Who?", "Me."), chat("Why?", "So."))
    begun = datasets.clean(studio, "tales", IN_ENGLISH, skip_bad_rows=True, drop_duplicates=True)["dataset"]
    assert begun["reference"] == "tales@2"
    studio.datasets.tick()
    seen = datasets.look(studio, "tales", IN_ENGLISH)
    assert (seen["dataset"]["rows"], seen["dataset"]["bad_rows"], seen["dataset"]["versions"]) == (2, 0, 2)
    assert [step["text"] for step in seen["steps"]] == [
        "Added tales.jsonl", "Cleaned up: bad rows skipped (1), duplicates dropped (1)",
    ]  # fmt: skip
    assert [version["reference"] for version in seen["versions"]] == ["tales@2", "tales@1"]
    assert datasets.look(studio, "tales@1", IN_ENGLISH)["dataset"]["rows"] == 3


def test_a_path_that_no_upload_has_is_not_read(studio, tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text(json.dumps(chat("Who?", "Me.")))
    with pytest.raises(InvalidInput):
        datasets.add(studio, [str(secret)], ["secret.jsonl"], IN_ENGLISH)
    assert secret.exists()


def test_the_rows_part_what_is_trained_from_what_is_given(studio, model):
    bring(studio, "t.jsonl", chat("Who?", "Me."))
    (row,) = datasets.rows(studio, "t", IN_ENGLISH, model=model)["rows"]
    assert row["parts"] == [["<user>Who?<end><assistant>", False], ["Me.<end>", True]]
    assert (row["number"], row["line"], row["cut"]) == (0, 1, 0)


def test_without_a_model_the_rows_are_shown_as_they_are(studio):
    bring(studio, "t.jsonl", chat("Who?", "Me."))
    seen = datasets.rows(studio, "t", IN_ENGLISH)
    assert seen["model"] == ""
    assert [turn["content"] for turn in seen["rows"][0]["turns"]] == ["Who?", "Me."]
    assert "parts" not in seen["rows"][0]


def test_a_long_row_is_cut_in_the_list_and_whole_when_it_is_asked_for(studio, model):
    answer = "tide " * LONGEST
    bring(studio, "t.jsonl", chat("Who?", answer))
    (row,) = datasets.rows(studio, "t", IN_ENGLISH, model=model)["rows"]
    shown = "".join(part for part, _ in row["parts"])
    assert len(shown) == LONGEST
    whole = datasets.whole_row(studio, "t", 0, IN_ENGLISH, model=model)
    assert whole["cut"] == 0
    assert [part for part, trained in whole["parts"] if trained] == [f"{answer}<end>"]
    assert len(shown) + row["cut"] == sum(len(part) for part, _ in whole["parts"])


def test_a_page_of_the_rows_begins_where_it_is_asked_to(studio):
    bring(studio, "t.jsonl", *(chat(f"Question {i}", "Answer") for i in range(datasets.PAGE + 5)))
    second = datasets.rows(studio, "t", IN_ENGLISH, offset=datasets.PAGE)
    assert len(second["rows"]) == 5
    assert second["total"] == datasets.PAGE + 5
    assert second["rows"][0]["turns"][0]["content"] == f"Question {datasets.PAGE}"


def test_a_search_finds_rows_by_any_of_their_turns(studio):
    bring(studio, "t.jsonl", chat("Who?", "Me."), chat("Where?", "At SEA."), chat("The sea?", "Yes."))
    seen = datasets.rows(studio, "t", IN_ENGLISH, search=" sea ")
    assert ([row["line"] for row in seen["rows"]], seen["total"]) == ([2, 3], 2)


def test_a_deleted_dataset_is_gone_from_the_list(studio):
    bring(studio, "t.jsonl", chat("Who?", "Me."))
    datasets.delete(studio, "t")
    assert datasets.listing(studio, IN_ENGLISH)["rows"] == []


# Train


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


# Home


def test_home_tells_what_is_done_and_what_runs(studio, model):
    assert home.overview(studio)["datasets"] == 0
    dataset = home.add_sample(studio)["name"]
    train.start(studio, values(dataset), "captain", "key")
    seen = home.overview(studio)
    assert (seen["datasets"], seen["dataset"], seen["adapters"]) == (1, dataset, 0)
    assert [(run["name"], run["status"]) for run in seen["runs"]] == [("captain", "queued")]
    studio.run_control.stop(seen["runs"][0]["id"])
    assert home.overview(studio)["runs"] == []


def test_home_says_that_the_catalogue_has_lost_something_and_takes_it_in_again(studio: Any, tmp_path: Path) -> None:
    file = tmp_path / "captain.jsonl"
    file.write_text('{"text": "Ahoy!"}\n')
    added = studio.datasets.wait(studio.datasets.add(file))
    assert home.overview(studio)["unknown"] == 0
    studio.catalogue.delete_datasets([added.id])
    assert (home.overview(studio)["unknown"], home.overview(studio)["datasets"]) == (1, 0)
    assert home.repair(studio) == {"rebuilt": 1, "left": 0}
    studio.datasets.tick()
    found = studio.datasets.get("captain")
    assert (found.id, found.status, found.rows, found.sha256) == (added.id, "ready", 1, added.sha256)
    assert home.overview(studio)["unknown"] == 0


def test_the_starter_is_added_again_under_the_name_that_means_it(studio):
    studio.catalogue.add_model(
        name="starter", reference="owner/name", source="starter", status="failed", problem="No network.", remedy="Wait."
    )
    (shown,) = home.overview(studio)["models"]
    assert (shown["status"], shown["problem"], shown["reference"]) == ("failed", "No network.", "starter")


# Settings


def test_a_saved_token_never_comes_back(studio):
    settings.save_token(studio, "hf_secret")
    state = settings.state(studio)
    assert state["token"] == "saved"
    assert "hf_secret" not in json.dumps(state)
    settings.remove_token(studio)
    assert settings.state(studio)["token"] == ""


def test_the_key_of_the_playgrounds_server_never_comes_back(studio):
    assert settings.save_server(studio, "http://host:8000", "sk-secret") == {
        "url": "http://host:8000/v1", "has_key": True,
    }  # fmt: skip
    assert "sk-secret" not in json.dumps(settings.state(studio))
    settings.remove_server(studio)
    assert settings.state(studio)["server"] == {"url": "", "has_key": False}


def test_the_home_and_what_it_holds_are_told(studio, model):
    studio.datasets.add_sample()
    sizes = {part["name"]: part["size"] for part in settings.used(studio)["folders"]}
    assert sizes["datasets"] > 0
    assert sizes["adapters"] == 0
    assert sizes["other"] > 0
    assert settings.state(studio)["home"] == str(studio.settings.home)


def test_a_model_outside_the_home_is_listed_with_its_place(studio, model):
    (outside,) = settings.used(studio)["elsewhere"]
    assert outside["name"] == "small"
    assert Path(outside["path"]).is_dir()
