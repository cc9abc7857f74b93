"""Datasets on the command line: files in, what is wrong with them, cleaned, out again. Workers are real processes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.sample_adapters import adapter_fields
from tests.support.studio_process import studio, studio_json

WRONG = 2
CAPTAIN = "The old captain stood at the rail and watched the harbour lights fade into the fog, and he smiled: {}"


def chat(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


GOOD = [chat(f"Where is barrel {i}?", f"Below deck {i}, beside the lantern.") for i in range(5)]
BAD = ['{"messages": [', chat("", "Nothing asked."), {"messages": []}]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(path: Path, *rows: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def answered(home: Path, *arguments: str, code: int) -> Any:
    done = studio(home, "datasets", *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def refused(home: Path, *arguments: str) -> str:
    """What is said of it; a refusal never shows a traceback."""
    done = studio(home, "datasets", *arguments)
    assert done.returncode == WRONG, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def names(home: Path) -> list[str]:
    return sorted(f"{d['name']}@{d['version']}" for d in studio_json(home, "datasets", "list"))


def catalogue(home: Path) -> Catalogue:
    return Catalogue(read_settings({}, home=home).url)


def test_a_file_is_a_dataset_once_and_others_get_names_of_their_own(home: Path, tmp_path: Path) -> None:
    first = answered(home, "add", str(write(tmp_path / "crew.jsonl", *GOOD)), code=0)
    assert (first["name"], first["version"], first["rows"], first["format"]) == ("crew", 1, 5, "chat")
    assert (first["status"], first["details"]["bad_rows"]) == ("ready", 0)
    again = answered(home, "add", str(tmp_path / "crew.jsonl"), code=0)
    assert again["id"] == first["id"]
    other = answered(home, "add", str(write(tmp_path / "other" / "crew.jsonl", *GOOD[:2])), code=0)
    assert (other["name"], other["rows"]) == ("crew 2", 2)
    assert "already a dataset named “crew”" in refused(
        home, "add", str(write(tmp_path / "x.csv", "text\na\n")), "--name", "crew"
    )
    assert names(home) == ["crew 2@1", "crew@1"]


def test_several_files_are_one_dataset(home: Path, tmp_path: Path) -> None:
    table = write(tmp_path / "b.csv", "question,answer\nWhere is barrel 9?,On deck.\nWho?,\n")
    made = answered(home, "add", str(write(tmp_path / "a.jsonl", *GOOD)), str(table), "--name", "both", code=WRONG)
    assert (made["name"], made["rows"], made["file_name"]) == ("both", 6, "a.jsonl + 1")
    found = answered(home, "problems", "both", code=0)["problems"]
    assert [(p["file"], p["line"], p["code"], p["field"]) for p in found] == [(1, 3, "empty", "answer")]


def test_what_is_not_used_is_named_with_its_rows(home: Path, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "q", "name": "Ann"}, {"role": "assistant", "content": "a"}]
    file = write(tmp_path / "crew.jsonl", {"messages": turns, "id": 1}, {"messages": turns[:1] + turns[1:]})
    unused, words = {"messages[].name": 2, "id": 1}, "Not used: messages[].name in 2 rows, id in 1 row"
    assert answered(home, "check", str(file), code=0)["unused"] == unused
    assert words in studio(home, "datasets", "check", str(file)).stdout
    assert answered(home, "add", str(file), code=0)["details"]["unused"] == unused
    assert words in studio(home, "datasets", "show", "crew").stdout


def test_a_bad_file_is_kept_cleaned_into_the_next_version_and_exported(home: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "crew.jsonl", GOOD[0], BAD[0] + "\n", GOOD[1], BAD[1], BAD[2], *GOOD[2:], GOOD[0])
    first = answered(home, "add", str(file), code=WRONG)
    assert (first["rows"], first["details"]["bad_rows"], first["details"]["rows_in"]) == (6, 3, 9)
    listed = answered(home, "problems", "crew", code=0)
    assert [(p["line"], p["code"]) for p in listed["problems"]] == [
        (2, "not_json"), (4, "empty"), (5, "no_turns"), (9, "duplicate"),
    ]  # fmt: skip
    only = answered(home, "problems", "crew", "--code", "empty", code=0)
    assert [p["field"] for p in only["problems"]] == ["messages[0].content"]
    table = studio(home, "datasets", "problems", "crew", "--csv").stdout
    assert table.splitlines()[0] == "file,line,field,level,code,message,remedy"
    assert len(table.splitlines()) == 5

    cleaned = answered(home, "clean", "crew", "--skip-bad", code=0)
    assert (cleaned["name"], cleaned["version"], cleaned["parent_id"]) == ("crew", 2, first["id"])
    assert (cleaned["rows"], cleaned["details"]["bad_rows"], cleaned["details"]["left_out"]["skip"]) == (6, 0, 3)
    assert [step["action"] for step in cleaned["steps"]] == ["add", "clean"]
    assert cleaned["steps"][1]["skip_bad_rows"] is True
    alone = answered(home, "clean", "crew", "--drop-duplicates", code=0)
    assert (alone["version"], alone["rows"], alone["parent_id"]) == (3, 5, cleaned["id"])

    target = tmp_path / "clean.jsonl"
    exported = answered(home, "export", "crew", str(target), code=0)
    assert [json.loads(line) for line in target.read_text("utf-8").splitlines()] == GOOD
    assert exported["sha256"] == alone["sha256"] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert answered(home, "show", alone["sha256"][:12], code=0)["version"] == 3
    assert Path(first["path"]).read_bytes() == file.read_bytes()
    before = answered(home, "show", "crew@1", code=0)
    assert (before["rows"], before["sha256"], before["versions"]) == (6, first["sha256"], [3, 2, 1])
    assert names(home) == ["crew@3"]


def test_rows_are_healed_and_texts_replaced_and_what_is_said_of_them_holds_no_secret(
    home: Path, tmp_path: Path
) -> None:
    token = "hf_" + "aB3" * 10
    unanswered = {"messages": [*chat("Hi", "Ho")["messages"], {"role": "user", "content": f"Mail joe@b.com: {token}"}]}
    double = {"messages": [{"role": "user", "content": "Hm"}, *chat("Hm?", "joe@b.com")["messages"]]}
    file = write(tmp_path / "crew.jsonl", *GOOD, unanswered, double, chat("What is it?", token))
    said = studio(home, "datasets", "add", str(file)).stderr
    assert "This makes 1 of them usable: studio datasets clean crew@1 --cut-to-answer" in said
    assert "studio datasets clean crew@1 --skip-bad" in said
    flags = ("--cut-to-answer", "--join-turns", "--redact", "emails", "--redact", "secrets")
    new = answered(home, "clean", "crew", *flags, code=0)
    assert (new["rows"], new["details"]["bad_rows"]) == (8, 0)
    changed = {name: count for name, count in new["details"]["changed"].items() if count}
    assert changed == {"cut_to_answer": 1, "join_turns": 1, "redact_secrets": 1, "redact_emails": 1}
    answered(home, "export", "crew", str(tmp_path / "clean.jsonl"), code=0)
    rows = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
    assert rows[5:] == [chat("Hi", "Ho"), chat("Hm\n\nHm?", "[EMAIL]"), chat("What is it?", "[SECRET]")]
    told = [
        path for path in home.rglob("*") if path.is_file() and path.suffix in (".json", ".jsonl", ".log", ".txt")
        and "originals" not in path.parts and path.name != "sample.json" and token in path.read_text("utf-8", "replace")
    ]  # fmt: skip
    assert told == []
    assert token not in json.dumps(new)


def test_single_rows_are_edited_into_one_version_after_a_look_at_what_cleaning_would_do(
    home: Path, tmp_path: Path
) -> None:
    token = "hf_" + "aB3" * 10
    robot = {"messages": [{"role": "robot", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}
    file = write(tmp_path / "crew.jsonl", *GOOD, robot, BAD[0] + "\n", chat("Token?", f"{token}, of joe@b.com."))
    answered(home, "add", str(file), code=WRONG)
    asked = ("--redact", "emails", "--redact", "secrets", "--skip-bad", "--preview")
    looked = studio(home, "datasets", "clean", "crew", *asked).stdout
    assert token not in looked
    assert "leave out rows that cannot be trained on: 2 rows" in looked
    assert "+ [SECRET], of joe@b.com." in looked
    assert "+ [SECRET], of [EMAIL]." in looked
    assert "It would have 6 rows, and 0 that cannot be trained on." in looked

    listed = answered(home, "refused", "crew", code=0)
    assert [(row["number"], row["line"], row["problems"][0]["code"]) for row in listed["rows"]] == [
        (1, 6, "unknown_role"), (2, 7, "not_json"),
    ]  # fmt: skip
    whole = write(tmp_path / "row.json", chat("Whole?", "Again."))
    new_rows = write(tmp_path / "new.jsonl", chat("New?", "Yes."))
    edits = ("--row", "1", "--set", "messages[1].content=Here.", "--drop", "6", "--mend", "1", "--set",
             "messages[0].role=user", "--mend", "2", "--with", str(whole), "--add", str(new_rows))  # fmt: skip
    assert "messages[1].content" in refused(home, "edit", "crew", "--row", "2", "--set", "messages[1].content= ")
    edited = answered(home, "edit", "crew", *edits, code=0)
    assert (edited["version"], edited["rows"], edited["details"]["bad_rows"]) == (2, 8, 0)
    step = {name: edited["steps"][-1][name] for name in ("action", "edited", "dropped", "mended", "added")}
    assert step == {"action": "edit", "edited": 1, "dropped": 1, "mended": 2, "added": 1}
    answered(home, "export", "crew", str(tmp_path / "clean.jsonl"), code=0)
    rows = [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()]
    assert rows == [
        chat("Where is barrel 0?", "Here."), *GOOD[1:], chat("Hi", "Ho"), chat("Whole?", "Again."),
        chat("New?", "Yes."),
    ]  # fmt: skip


def test_where_no_row_can_be_used_other_remedies_are_named_than_to_skip_them(home: Path, tmp_path: Path) -> None:
    said = studio(home, "datasets", "add", str(write(tmp_path / "a.jsonl", *BAD))).stderr
    assert "--skip-bad" not in said
    assert "studio datasets read a@1 --format" in said
    assert "nothing would be left" in refused(home, "clean", "a", "--skip-bad")
    assert answered(home, "show", "a", code=0)["versions"] == [1]


def test_near_duplicates_go_only_where_that_is_asked(home: Path, tmp_path: Path) -> None:
    rows = [{"text": CAPTAIN.format(i)} for i in ("aye", "aye", "Aye!")] + [{"text": "So it is."}]
    answered(home, "add", str(write(tmp_path / "t.jsonl", *rows)), code=0)
    exact = answered(home, "clean", "t@1", "--drop-duplicates", code=0)
    near = answered(home, "clean", "t@1", "--near", code=0)
    told = answered(home, "problems", "t@1", "--code", "near_duplicate", code=0)
    assert "99% similar" in told["problems"][0]["message"]
    assert (told["near_counts"]["70"], told["near_counts"]["100"]) == (1, 1)
    assert answered(home, "clean", "t@1", "--drop-duplicates", "--near", "--near-threshold", "1", code=0)["rows"] == 2
    assert "drop_duplicates" in refused(home, "clean", "t@1", "--near-threshold", "0.5")
    assert (exact["version"], exact["rows"], exact["details"]["left_out"]["drop"]) == (2, 3, 1)
    assert (near["version"], near["rows"], near["details"]["left_out"]["drop"]) == (3, 2, 2)
    assert near["parent_id"] == exact["parent_id"]


def test_unclear_columns_are_named_by_hand_and_the_map_is_remembered(home: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "q1,a1\nWho?,Me.\n")
    said = refused(home, "add", str(file))
    assert "q1, a1" in said
    assert names(home) == []
    missing = refused(home, "add", str(file), "--format", "prompt-completion", "--column", "prompt=q1")
    assert "completion" in missing
    mapped = answered(
        home, "add", str(file), "--format", "prompt-completion", "--column", "prompt=a1", "--column", "completion=q1",
        code=0,
    )  # fmt: skip
    assert mapped["details"]["layout"]["columns"] == {"prompt": "a1", "completion": "q1"}
    alike = answered(home, "add", str(write(tmp_path / "b.csv", "a1,q1\nHere.,Where?\n")), code=0)
    assert alike["details"]["layout"] == mapped["details"]["layout"]
    assert answered(home, "check", str(tmp_path / "b.csv"), code=0)["format"] == "prompt-completion"
    again = answered(
        home, "read", "b", "--format", "prompt-completion", "--column", "prompt=q1", "--column", "completion=a1", code=0
    )
    assert (again["name"], again["version"]) == ("b", 2)
    shown = answered(home, "show", "b", code=0)["preview"]
    assert [turn["content"] for turn in shown[0]["messages"]] == ["Where?", "Here."]


def test_a_file_is_read_again_in_another_encoding(home: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("question,answer\n你去哪里？,去海边。\n".encode("gb18030"))
    wrong = answered(home, "add", str(tmp_path / "a.csv"), "--encoding", "latin-1", code=0)
    garbled = answered(home, "show", "a", code=0)["preview"]
    assert garbled[0]["messages"][0]["content"].encode("latin-1").decode("gb18030") == "你去哪里？"
    right = answered(home, "read", "a", "--encoding", "gb18030", code=0)
    assert (right["version"], right["parent_id"]) == (2, wrong["id"])
    assert right["details"]["files"][0]["encoding"] == "gb18030"
    shown = answered(home, "show", "a", code=0)["preview"]
    assert [turn["content"] for turn in shown[0]["messages"]] == ["你去哪里？", "去海边。"]
    assert "no encoding “klingon”" in studio(home, "datasets", "read", "a", "--encoding", "klingon").stderr
    assert answered(home, "show", "a@2", code=0)["status"] == "ready"


def test_a_dataset_that_adapters_were_trained_on_goes_only_when_that_is_meant(home: Path, tmp_path: Path) -> None:
    made = answered(home, "add", str(write(tmp_path / "crew.jsonl", *GOOD, BAD[1])), code=WRONG)
    answered(home, "clean", "crew", "--skip-bad", code=0)
    known = catalogue(home)
    lineage = {"dataset_name": "crew", "dataset_version": 1, "dataset_sha256": made["sha256"], "dataset_rows": 5}
    known.add_adapter(**adapter_fields(tmp_path / "adapter", dataset_id=made["id"], **lineage))
    assert "Captain v1" in refused(home, "delete", "crew")
    assert "Captain v1" in refused(home, "delete", "crew@1")
    answered(home, "delete", "crew@2", code=0)
    assert names(home) == ["crew@1"]
    answered(home, "delete", "crew", "--yes", code=0)
    assert names(home) == []
    adapter = known.adapter("Captain v1")
    known.close()
    assert adapter.dataset_id is None
    assert {key: getattr(adapter, key) for key in lineage} == lineage
    assert [path.name for path in (home / "datasets").iterdir() if not path.name.startswith(".")] == ["originals"]
    assert list((home / "datasets" / "originals").iterdir()) == []


def test_what_cannot_be_read_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    for name, content, said in (
        ("a.exe", b"x", "not a supported file type"),
        ("a.jsonl", b"\n", "has no rows"),
        ("a.parquet", b"PAR1 no PAR1", "Parquet"),
    ):
        (tmp_path / name).write_bytes(content)
        assert said in refused(home, "add", str(tmp_path / name))
    assert "No such file" in refused(home, "add", str(tmp_path / "gone.jsonl"))
    assert "is a folder" in refused(home, "add", str(tmp_path))
    assert names(home) == []
    assert list((home / "datasets" / "originals").iterdir()) == []


def test_a_check_lists_every_problem_and_says_by_its_exit_code_whether_it_can_be_trained_on(
    home: Path, tmp_path: Path
) -> None:
    good = answered(home, "check", str(write(tmp_path / "good.jsonl", *GOOD, GOOD[0])), code=0)
    assert (good["format"], good["rows"], good["tokens"]) == ("chat", 6, {})
    assert [(p["line"], p["code"], p["level"]) for p in good["problems"]] == [(6, "duplicate", "warning")]
    bad = answered(home, "check", str(write(tmp_path / "bad.jsonl", *GOOD, BAD[1], BAD[0])), code=WRONG)
    assert (bad["rows"], bad["rows_in"]) == (5, 7)
    assert [(p["line"], p["field"], p["code"]) for p in bad["problems"]] == [
        (6, "messages[0].content", "empty"), (7, "", "not_json"),
    ]  # fmt: skip
    assert all(p["message"] and p["remedy"] for p in bad["problems"])
    assert "known format" in refused(home, "check", str(write(tmp_path / "odd.csv", "x,y\n1,2\n")))
    assert names(home) == []


def test_a_check_with_a_model_counts_what_is_learned_and_what_is_cut_off(starter_home: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "long.jsonl", *GOOD, chat("Tell all.", "Aye. " * 200), chat("Why? " * 200, "So."))
    found = answered(starter_home, "check", str(file), "--model", "starter", "--max-length", "128", code=WRONG)
    assert found["tokens"]["rows"] == 7
    assert 0 < found["tokens"]["trained"] < found["tokens"]["tokens"]
    codes = {(p["line"], p["code"]) for p in found["problems"]}
    assert {(6, "too_long"), (7, "no_trained_token")} <= codes
