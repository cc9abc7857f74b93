"""The handlers behind the datasets page, on a real catalogue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.domain.errors import InvalidInput, NotFound
from studio.services.datasets import browse
from studio.ui.language import translate
from studio.ui.pages import dataset_rows, datasets
from studio.ui.presenters.dataset import MAX_CHARACTERS, shown_offers, shown_steps
from tests.support.page_requests import IN_CHINESE, IN_ENGLISH
from tests.support.training_jobs import conversation


def upload(studio: Studio, *rows: Any) -> str:
    """The token of a file that the page has sent."""
    with studio.uploads.receiving(None) as (token, file):
        file.write("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode())
    return token


def left_of_uploads(studio: Studio) -> list[Path]:
    return list((studio.settings.home / "uploads").iterdir())


def bring(studio: Studio, name: str, *rows: Any, request: Any = IN_ENGLISH) -> dict[str, Any]:
    """A dataset of these rows, as the page shows it once it is read."""
    begun = datasets.add(studio, [upload(studio, *rows)], [name], request)["dataset"]
    assert begun["status"] == "reading"
    assert left_of_uploads(studio) == []
    studio.datasets.tick()
    return datasets.look(studio, begun["name"], request)


def test_an_uploaded_file_becomes_a_dataset_under_its_own_name_and_the_upload_is_gone(studio):
    seen = bring(studio, "tales.jsonl", conversation("Who?", "Me."), conversation("Where?", "Here."))["dataset"]
    assert (seen["name"], seen["rows"], seen["format"], seen["status"]) == ("tales", 2, "Chat messages", "ready")
    assert [row["name"] for row in datasets.listing(studio, IN_ENGLISH)["rows"]] == ["tales"]


def test_several_uploads_become_one_dataset(studio):
    sent = [upload(studio, conversation(f"Who {i}?", "Me.")) for i in range(2)]
    datasets.add(studio, sent, ["one.jsonl", "two.jsonl"], IN_ENGLISH)
    studio.datasets.tick()
    seen = datasets.look(studio, "one", IN_ENGLISH)["dataset"]
    assert (seen["rows"], seen["file_name"]) == (2, "one.jsonl + 1")
    assert left_of_uploads(studio) == []


def test_a_file_with_faults_is_kept_and_every_one_of_them_is_shown(studio):
    seen = bring(
        studio,
        "tales.jsonl",
        conversation("Who?", "Me."),
        '{"messages": [',
        conversation("", "Me."),
        conversation("Mail?", "a@b.org"),
    )
    assert (seen["dataset"]["rows"], seen["dataset"]["bad_rows"]) == (2, 2)
    assert (seen["dataset"]["errors"], seen["dataset"]["warnings"]) == (2, 1)
    assert [(g["code"], g["level"], g["count"]) for g in seen["groups"]] == [
        ("not_json", "error", 1), ("empty", "error", 1), ("email", "warning", 1),
    ]  # fmt: skip
    listed = datasets.problems(studio, "tales", IN_ENGLISH)
    assert listed["total"] == 3
    assert [(each["line"], each["field"], each["level"]) for each in listed["problems"]] == [
        (2, "", "error"), (3, "messages[0].content", "error"), (4, "messages[1].content", "warning"),
    ]  # fmt: skip
    assert all(each["problem"] and each["remedy"] for each in listed["problems"])


def test_problems_are_filtered_by_kind_and_by_words(studio):
    bring(studio, "tales.jsonl", conversation("", "Me."), "{", conversation("", "You."), conversation("Who?", "Me."))
    assert [p["line"] for p in datasets.problems(studio, "tales", IN_ENGLISH, code="empty")["problems"]] == [1, 3]
    assert [p["line"] for p in datasets.problems(studio, "tales", IN_ENGLISH, search="Content")["problems"]] == [1, 3]
    assert [p["line"] for p in datasets.problems(studio, "tales", IN_ENGLISH, search="2")["problems"]] == [2]
    assert datasets.problems(studio, "tales", IN_ENGLISH, offset=2)["problems"][0]["line"] == 3


def test_problems_are_told_in_the_readers_language(studio):
    bring(studio, "tales.jsonl", conversation("", "Me."), conversation("Who?", "Me."))
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


def test_cleaning_makes_the_next_version_and_says_what_it_did(studio):
    bring(
        studio,
        "tales.jsonl",
        conversation("Who?", "Me."),
        "{",
        conversation("Who?", "Me."),
        conversation("Why?", "So."),
    )
    begun = datasets.clean(studio, "tales", {"skip_bad_rows": True, "drop_duplicates": "exact"}, IN_ENGLISH)["dataset"]
    assert begun["reference"] == "tales@2"
    studio.datasets.tick()
    seen = datasets.look(studio, "tales", IN_ENGLISH)
    assert (seen["dataset"]["rows"], seen["dataset"]["bad_rows"], seen["dataset"]["versions"]) == (2, 0, 2)
    assert [step["text"] for step in seen["steps"]] == [
        "Added tales.jsonl", "Cleaned up: bad rows skipped (1), duplicates dropped (1)",
    ]  # fmt: skip
    assert [version["reference"] for version in seen["versions"]] == ["tales@2", "tales@1"]
    assert datasets.look(studio, "tales@1", IN_ENGLISH)["dataset"]["rows"] == 3


def test_what_can_be_cleaned_is_offered_with_its_rows_and_the_value_that_asks_for_it(studio):
    tale = "The old captain stood at the rail and watched the harbour lights go out one by one."
    rows = [conversation("Who?", tale), conversation("Who?", tale), conversation("Who?", tale + "!")]
    seen = bring(studio, "tales.jsonl", *rows, "{", conversation("Mail?", "a@b.org"))
    assert seen["offers"] == [
        {
            "name": "skip_bad_rows", "level": "error", "text": "1 row cannot be trained on.", "label": "Skip bad rows",
            "changes": False, "value": True, "stricter": None,
        },
        {
            "name": "drop_duplicates", "level": "warning", "text": "1 duplicate.", "label": "Drop duplicates",
            "changes": False, "value": "exact", "stricter": {"text": "and 1 near duplicate", "value": "near"},
        },
        {
            "name": "redact_emails", "level": "warning", "text": "1 text has an e-mail address.",
            "label": "Replace e-mail addresses", "changes": True, "value": True, "stricter": None,
        },
    ]  # fmt: skip
    bring(studio, "near.jsonl", *rows[1:])
    (offer,) = datasets.look(studio, "near", IN_CHINESE)["offers"]
    assert (offer["text"], offer["label"], offer["value"], offer["stricter"]) == (
        "有 1 行近似重复。", "去除近似重复", "near", None,
    )  # fmt: skip


def test_where_no_row_can_be_used_they_are_not_offered_to_be_skipped_but_to_be_healed(studio):
    turns = [{"role": role, "content": "Hm."} for role in ("user", "assistant", "user")]
    seen = bring(studio, "open.jsonl", {"messages": turns}, "{")
    assert [(offer["name"], offer["text"], offer["value"]) for offer in seen["offers"]] == [
        ("cut_to_answer", "1 conversation goes on after the last answer.", True)
    ]
    with pytest.raises(InvalidInput, match="nothing would be left"):
        datasets.clean(studio, "open", {"skip_bad_rows": True}, IN_ENGLISH)
    assert datasets.clean(studio, "open", {"cut_to_answer": True}, IN_ENGLISH)["dataset"]["version"] == 2


def test_rows_that_are_too_long_can_be_trimmed_to_what_they_were_counted_with(studio):
    bring(studio, "tales.jsonl", conversation("Who?", "Me."))
    dataset = studio.datasets.get("tales")
    (offer,) = shown_offers(dataset, "en", {"too_long": 1200}, 2048)
    assert (offer["name"], offer["text"], offer["value"]) == (
        "trim", "1,200 rows are longer than 2,048 tokens.", 2048,
    )  # fmt: skip
    offers = shown_offers(dataset, "en", {"leakage": 1, "no_trained_token": 2}, 8)
    assert [(offer["name"], offer["text"]) for offer in offers] == [
        ("skip_bad_rows", "2 rows cannot be trained on."),
        ("drop_leaks", "1 row is also in the validation set."),
    ]


def test_the_history_of_an_older_studio_is_told_as_before(studio):
    bring(studio, "tales.jsonl", conversation("Who?", "Me."))
    dataset = studio.datasets.get("tales")
    step = {"action": "clean", "at": 1.0, "skip_bad_rows": True, "drop_duplicates": "near", "trim": 1024}
    counts = {"left_out": {"skip": 1, "drop": 2, "trim": 3}, "trimmed": 4}
    told = "bad rows skipped ({}), duplicates and near duplicates dropped ({}), trimmed to 1,024 tokens ({})"
    for counted, text in (
        ({}, told.format("…", "…", "…")),  # under way
        (counts, f"{told.format(1, 2, 4)}, left out because they cannot be trimmed (3)"),
    ):
        dataset.steps = [step | counted]
        assert [shown["text"] for shown in shown_steps(dataset, "en")] == [f"Cleaned up: {text}"]


def test_a_path_that_no_upload_has_is_not_read(studio, tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text(json.dumps(conversation("Who?", "Me.")))
    with pytest.raises(InvalidInput):
        datasets.add(studio, [str(secret)], ["secret.jsonl"], IN_ENGLISH)
    assert secret.exists()


def test_the_rows_part_what_is_trained_from_what_is_given(studio, model):
    bring(studio, "t.jsonl", conversation("Who?", "Me."))
    (row,) = datasets.rows(studio, "t", IN_ENGLISH, model=model)["rows"]
    assert row["parts"] == [["<user>Who?<end><assistant>", False, False], ["Me.<end>", True, False]]
    assert (row["number"], row["line"], row["cut"]) == (0, 1, 0)


def test_the_rows_tell_what_the_dataset_says_is_not_to_be_trained_on(studio, model):
    first = {**conversation("Who?", "Me.")["messages"][1], "weight": 0, "reasoning": "Me or you."}
    turns = [conversation("Who?", "")["messages"][0], first, *conversation("Why?", "So.")["messages"]]
    bring(studio, "t.jsonl", {"messages": turns})
    (row,) = datasets.rows(studio, "t", IN_ENGLISH, model=model)["rows"]
    assert row["parts"] == [
        ["<user>Who?<end><assistant>", False, False], ["Me.<end>", False, True],
        ["<user>Why?<end><assistant>", False, False], ["So.<end>", True, False],
    ]  # fmt: skip
    assert [(turn["masked"], turn["reasoning"]) for turn in row["turns"]] == [
        (False, ""), (True, "Me or you."), (False, ""), (False, ""),
    ]  # fmt: skip


def test_without_a_model_the_rows_are_shown_as_they_are(studio):
    bring(studio, "t.jsonl", conversation("Who?", "Me."))
    seen = datasets.rows(studio, "t", IN_ENGLISH)
    assert seen["model"] == ""
    assert [turn["content"] for turn in seen["rows"][0]["turns"]] == ["Who?", "Me."]
    assert "parts" not in seen["rows"][0]


def test_a_long_row_is_cut_in_the_list_and_whole_when_it_is_asked_for(studio, model):
    answer = "tide " * MAX_CHARACTERS
    bring(studio, "t.jsonl", conversation("Who?", answer))
    (row,) = datasets.rows(studio, "t", IN_ENGLISH, model=model)["rows"]
    shown = "".join(part for part, *_ in row["parts"])
    assert len(shown) == MAX_CHARACTERS
    whole = datasets.whole_row(studio, "t", 0, IN_ENGLISH, model=model)
    assert whole["cut"] == 0
    assert [part for part, trained, _ in whole["parts"] if trained] == [f"{answer}<end>"]
    assert len(shown) + row["cut"] == sum(len(part) for part, *_ in whole["parts"])


def test_a_page_of_the_rows_begins_where_it_is_asked_to(studio):
    bring(studio, "t.jsonl", *(conversation(f"Question {i}", "Answer") for i in range(datasets.ON_A_PAGE + 5)))
    second = datasets.rows(studio, "t", IN_ENGLISH, offset=datasets.ON_A_PAGE)
    assert len(second["rows"]) == 5
    assert second["total"] == datasets.ON_A_PAGE + 5
    assert second["rows"][0]["turns"][0]["content"] == f"Question {datasets.ON_A_PAGE}"


def test_a_search_finds_rows_by_any_of_their_turns(studio):
    bring(
        studio,
        "t.jsonl",
        conversation("Who?", "Me."),
        conversation("Where?", "At SEA."),
        conversation("The sea?", "Yes."),
    )
    seen = datasets.rows(studio, "t", IN_ENGLISH, search=" sea ")
    assert ([row["line"] for row in seen["rows"]], seen["total"]) == ([2, 3], 2)


def test_a_search_finds_rows_by_what_was_thought_and_gives_them_in_order_wherever_they_stand(studio):
    thinking = conversation("Where?", "At home.")
    thinking["messages"][1]["reasoning_content"] = "Not at sea, surely."
    rows = [thinking if i % 700 == 5 else conversation(f"Who {i}?", "Me.") for i in range(3500)]
    bring(studio, "t.jsonl", *rows)
    seen = datasets.rows(studio, "t", IN_ENGLISH, search="SEA, SUR")
    assert ([row["number"] for row in seen["rows"]], seen["total"]) == ([5, 705, 1405, 2105, 2805], 5)
    page = browse.rows(studio.datasets.get("t"), 4, 10, search="SEA, SUR")
    assert ([row["number"] for row in page["rows"]], page["total"]) == ([2805], 5)
    assert datasets.rows(studio, "t", IN_ENGLISH, search="no such words")["total"] == 0


def test_a_near_duplicate_is_shown_beside_the_row_it_is_near_with_what_differs(studio):
    tale = "The old captain stood at the rail and watched the lights go out one by one, as he had done for years. "
    rows = [conversation("Who?", tale * 2), conversation("Who?", tale + tale.replace("rail", "wheel"))]
    bring(studio, "t.jsonl", conversation("Why?", "So."), *rows)
    (problem,) = datasets.problems(studio, "t", IN_ENGLISH)["problems"]
    assert (problem["code"], problem["row"]) == ("near_duplicate", 2)
    twins = datasets.twins(studio, "t", problem["row"])
    assert twins["similarity"] == 88
    assert [(row["number"], row["line"], row["file"]) for row in twins["rows"]] == [(1, 2, ""), (2, 3, "")]
    for row, word in zip(twins["rows"], ("rail ", "wheel "), strict=True):
        question, answer = row["turns"]
        assert question["pieces"] == [("Who?", False)]
        assert [text for text, differs in answer["pieces"] if differs] == [word]
        assert (answer["role"], answer["cut"]) == ("assistant", 0)
    for number in (0, 1, 99):  # near no earlier row
        with pytest.raises(NotFound):
            datasets.twins(studio, "t", number)


def test_near_duplicates_are_dropped_from_a_threshold_on_whose_rows_are_counted_before(studio):
    words = " ".join(f"word{i}" for i in range(60))
    rows = [{"text": text} for text in (words, words.upper(), words.replace("word30", "other"), words, "Another.")]
    seen = bring(studio, "t.jsonl", *rows)["dataset"]
    counts = seen["details"]["near_counts"]
    assert tuple(counts[each] for each in ("70", "90", "91", "100")) == (2, 2, 1, 1)
    for threshold, left in ((0.7, 2), (0.9, 2), (0.95, 3), (1, 3)):
        datasets.clean(studio, "t@1", {"drop_duplicates": threshold}, IN_ENGLISH)
        studio.datasets.tick()
        cleaned = datasets.look(studio, "t", IN_ENGLISH)
        assert cleaned["dataset"]["rows"] == left
    assert cleaned["steps"][-1]["text"] == "Cleaned up: duplicates and near duplicates from 100% on dropped (2)"
    (studio.datasets.get("t@1").own_folder / "near.arrow").unlink()  # of an older studio
    with pytest.raises(InvalidInput):
        datasets.clean(studio, "t@1", {"drop_duplicates": 0.9}, IN_ENGLISH)
    with pytest.raises(NotFound):
        datasets.twins(studio, "t@1", 1)


def test_a_deleted_dataset_is_gone_from_the_list(studio):
    bring(studio, "t.jsonl", conversation("Who?", "Me."))
    datasets.delete(studio, "t")
    assert datasets.listing(studio, IN_ENGLISH)["rows"] == []


def test_a_row_is_tried_with_an_edit_before_it_is_saved(studio):
    bring(studio, "tales.jsonl", conversation("Who?", "Me."), {"messages": [{"role": "robot", "content": "Hi"}]}, "{")
    as_it_is = datasets.edited_row(studio, "tales", {"row": 0}, IN_ENGLISH)
    assert [(turn["path"], turn["content"]) for turn in as_it_is["turns"]] == [
        ("messages[0]", "Who?"), ("messages[1]", "Me."),
    ]  # fmt: skip
    assert (as_it_is["usable"], as_it_is["problems"], as_it_is["line"]) == (True, [], 1)
    wrong = datasets.edited_row(studio, "tales", {"row": 0, "set": {"messages[1].content": ""}}, IN_ENGLISH)
    assert (wrong["usable"], [p["field"] for p in wrong["problems"]]) == (False, ["messages[1].content"])
    assert datasets.edited_row(studio, "tales", {}, IN_ENGLISH)["turns"] == []

    robot = datasets.edited_row(studio, "tales", {"refused": 0}, IN_ENGLISH)
    assert (robot["usable"], [turn["role"] for turn in robot["turns"]]) == (False, [""])
    broken = datasets.edited_row(studio, "tales", {"refused": 1}, IN_ENGLISH)
    assert (broken["turns"], broken["raw"]) == ([], "{")
    listed = dataset_rows.refused(studio, "tales", IN_ENGLISH)
    assert [(row["line"], row["problems"][0]["code"]) for row in listed["rows"]] == [
        (2, "unknown_role"), (3, "not_json"),
    ]  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        dataset_rows.save_edits(studio, "tales", [{"row": 0, "remove": ["messages[1]"]}], IN_ENGLISH)
    assert list(refused.value.fields) == ["edits[0]"]
    edits = [{"row": 0, "drop": True}, {"refused": 1, "raw": json.dumps(conversation("New?", "Yes."))}]
    dataset_rows.save_edits(studio, "tales", edits, IN_ENGLISH)
    studio.datasets.wait(studio.datasets.get("tales"))
    seen = datasets.look(studio, "tales", IN_CHINESE)
    assert (seen["dataset"]["version"], seen["dataset"]["rows"], seen["dataset"]["bad_rows"]) == (2, 1, 1)
    assert seen["steps"][-1]["text"] == "手工编辑：修补了 1 行, 去掉了 1 行"


def test_what_cleaning_would_do_is_said_before_it_is_done(studio):
    bring(studio, "mails.jsonl", conversation("Who?", "a@b.org and c@d.org"), conversation("Who?", "Me."), "{")
    actions = {"skip_bad_rows": True, "redact_emails": True}
    said = datasets.preview_cleaning(studio, "mails", actions, IN_ENGLISH)
    assert [(effect["name"], effect["text"]) for effect in said["effects"]] == [
        ("skip_bad_rows", "leaves out 1 row"), ("redact_emails", "changes 1 row, in 2 places"),
    ]  # fmt: skip
    (example,) = said["effects"][1]["examples"]
    assert (example["before"], example["after"]) == ("a@b.org and c@d.org", "[EMAIL] and [EMAIL]")
    assert (said["rows"], said["bad_rows"]) == (2, 0)
    assert datasets.look(studio, "mails", IN_ENGLISH)["dataset"]["version"] == 1


def test_what_cleaning_has_done_is_what_was_said_before(studio):
    said = conversation("Who?", "Me.")
    open_end = {"messages": [*conversation("Hi", "Ask a@b.org")["messages"], {"role": "user", "content": "More?"}]}
    twice = {"messages": [{"role": "user", "content": "Hm"}, *said["messages"]]}
    rows = [said, said, conversation("Mail?", "a@b.org"), conversation("Qui?", "l’humanitÃ© a@b.org"), open_end, twice]
    bring(studio, "all.jsonl", *rows, conversation("Mail?", "a@b.org"), conversation("Key?", "hf_" + "aB3" * 10), "{")
    actions = {
        "cut_to_answer": True, "join_turns": True, "skip_bad_rows": True, "drop_duplicates": "exact",
        "repair_text": True, "redact_secrets": True, "redact_emails": True,
    }  # fmt: skip
    before = datasets.preview_cleaning(studio, "all", actions, IN_ENGLISH)
    counts = {effect["name"]: effect["rows"] for effect in before["effects"]}
    datasets.clean(studio, "all", actions, IN_ENGLISH)
    dataset = studio.datasets.wait(studio.datasets.get("all"))
    assert (dataset.rows, dataset.bad_rows) == (before["rows"], before["bad_rows"]) == (6, 0)
    changed = {name: count for name, count in dataset.details.changed.items() if name != "trim"}
    left_out = dataset.details.left_out
    assert counts == changed | {"skip_bad_rows": left_out["skip"], "drop_duplicates": left_out["drop"]}
    assert counts == {
        "cut_to_answer": 1, "join_turns": 1, "skip_bad_rows": 1, "drop_duplicates": 2, "repair_text": 1,
        "redact_secrets": 1, "redact_emails": 3,
    }  # fmt: skip


def test_where_very_many_rows_would_be_changed_their_places_are_counted_in_part(studio, monkeypatch):
    monkeypatch.setattr("studio.services.datasets.preview.MAX_LOOKED_AT", 2)
    bring(studio, "mails.jsonl", *(conversation(f"Mail {i}?", f"a{i}@b.org") for i in range(4)))
    (effect,) = datasets.preview_cleaning(studio, "mails", {"redact_emails": True}, IN_ENGLISH)["effects"]
    assert effect["text"] == "changes 4 rows, in 2+ places"
