"""Datasets of the Hub on the command line: real workers with the real client and library, and the hub of the tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.fake_hub.server import HubServer
from tests.support.fake_hub.store import Repository
from tests.support.hub_fixtures import ADA, BEN, hub_environment
from tests.support.studio_process import studio

NOWHERE = "http://127.0.0.1:9"  # nobody listens on the discard port
WRONG = 2

Add = Callable[..., dict[str, Any]]


def parquet(*rows: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), sink)
    return sink.getvalue().to_pybytes()


def asked(*places: str) -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "user", "content": f"Where is the {place}?"},
                {"role": "assistant", "content": f"Below deck, behind the {place} door."},
            ]
        }
        for place in places
    ]


CARD = """---
license: mit
configs:
- config_name: questions
  default: true
  data_files:
  - split: train
    path: questions/train-*.parquet
  - split: test
    path: questions/test.parquet
- config_name: moods
  data_files:
  - split: train
    path: moods/*.parquet
dataset_info:
- config_name: moods
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': calm
          '1': stormy
---
# Aboard
"""
ABOARD = {
    "README.md": CARD.encode(),
    "questions/train-00000-of-00002.parquet": parquet(*asked("galley", "helm", "anchor")),
    "questions/train-00001-of-00002.parquet": parquet(*asked("cabin", "mast"), {"messages": []}),
    "questions/test.parquet": parquet(*asked("lantern")),
    "moods/all.parquet": parquet(
        {"text": "Glassy sea, no wind.", "label": 0}, {"text": "Waves over the rail!", "label": 1},
        {"text": "Nobody said.", "label": -1},
    ),
}  # fmt: skip


@pytest.fixture
def aboard(hub: HubServer) -> Repository:
    return hub.add_repository("datasets/ada/aboard", ABOARD)


@pytest.fixture
def run(hub: HubServer, tmp_path: Path) -> Callable[..., Any]:
    """`studio datasets …` with this hub, or another endpoint, and a cache of its own."""

    def run(*arguments: str, token: str = "", **environment: str) -> Any:
        own = hub_environment(hub, tmp_path / "cache", token) | environment
        return studio(tmp_path / "home", "datasets", *arguments, **own)

    return run


@pytest.fixture
def answered(run: Callable[..., Any]) -> Add:
    def answered(*arguments: str, code: int = 0, **more: str) -> dict[str, Any]:
        done = run(*arguments, "--json", **more)
        assert done.returncode == code, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return answered


@pytest.fixture
def refused(run: Callable[..., Any], tmp_path: Path) -> Callable[..., str]:
    """What is said of a dataset that cannot be added, of which nothing is left behind."""

    def refused(repository: str, *arguments: str, **more: str) -> str:
        done = run("add", "--hub", repository, *arguments, **more)
        assert done.returncode == WRONG, done.stdout
        assert "Traceback" not in done.stderr
        assert [path for path in (tmp_path / "home" / "datasets").iterdir() if path.name[0] != "."] == []
        said: str = done.stderr
        return said

    return refused


def test_a_split_in_several_files_is_one_dataset_of_the_default_config(
    aboard: Repository, answered: Add, hub: HubServer
) -> None:
    made = answered("add", "--hub", "ada/aboard", code=WRONG)
    assert (made["name"], made["format"], made["rows"], made["details"]["bad_rows"]) == ("aboard", "chat", 5, 1)
    assert [(f["name"], f["unit"]) for f in made["details"]["files"]] == [("ada/aboard", "row")]
    place = {"repository": "ada/aboard", "config": "", "split": "train", "revision": "", "commit": aboard.head.sha}
    assert made["details"]["hub"] == made["steps"][0]["hub"] == {"kind": "hub", **place}
    problems = answered("problems", "aboard")["problems"]
    assert [(p["line"], p["file"], p["code"]) for p in problems] == [(6, 0, "no_turns")], "rows are counted through"
    assert hub.count(r"GET .*\.parquet") == 2, "what is not of the split is not downloaded"


def test_another_split_and_another_config_are_other_datasets(aboard: Repository, answered: Add) -> None:
    held_out = answered("add", "--hub", "ada/aboard", "--split", "test")
    assert (held_out["name"], held_out["rows"]) == ("aboard", 1)
    layout = ("--format", "text", "--column", "text=text", "--column", "label=label")
    moods = answered("add", "--hub", "ada/aboard", "--config", "moods", "--name", "moods", *layout)
    assert (moods["format"], moods["rows"]) == ("text", 3)
    rows = answered("show", "moods")["preview"]
    assert [row.get("label") for row in rows] == ["calm", "stormy", None], "classes have their names"


def test_lines_are_read_as_those_of_a_file_and_broken_ones_cost_no_others(hub: HubServer, answered: Add) -> None:
    lines = [json.dumps(row) for row in asked("galley", "helm")]
    hub.add_repository("datasets/ada/lines", {"data.jsonl": "\n".join([lines[0], '{"messages": [', lines[1]]).encode()})
    made = answered("add", "--hub", "ada/lines", code=WRONG)
    assert (made["rows"], made["details"]["bad_rows"]) == (2, 1)
    assert [(p["line"], p["code"]) for p in answered("problems", "lines")["problems"]] == [(2, "not_json")]


def test_pictures_are_named_as_a_problem_and_not_decoded(hub: HubServer, answered: Add) -> None:
    rows = [row | {"image": {"bytes": b"no picture", "path": "a.png"}} for row in asked("galley", "helm")]
    hub.add_repository("datasets/ada/seen", {"data/train.parquet": parquet(*rows)})
    made = answered("add", "--hub", "ada/seen", code=WRONG)
    assert (made["rows"], made["details"]["problems"]) == (0, {"media": 2})


def test_a_revision_pins_the_rows_though_the_dataset_goes_on(aboard: Repository, hub: HubServer, answered: Add) -> None:
    old = aboard.head.sha
    longer = hub.store.keep("test.parquet", parquet(*asked("lantern", "bell")))
    aboard.commit("Ring the bell", {**aboard.head.files, "questions/test.parquet": longer})
    newest = answered("add", "--hub", "ada/aboard", "--split", "test")
    pinned = answered("add", "--hub", "ada/aboard", "--split", "test", "--revision", old, "--name", "pinned")
    assert (newest["rows"], pinned["rows"]) == (2, 1)
    assert (newest["details"]["hub"]["commit"], pinned["details"]["hub"]["commit"]) == (aboard.head.sha, old)


def test_columns_are_mapped_at_the_commit_that_was_read_and_without_a_network(hub: HubServer, answered: Add) -> None:
    files = {"train.csv": b"topic,prompt,completion\nsea,What is aft?,The stern.\nsea,What is fore?,The bow.\n"}
    repository = hub.add_repository("datasets/ada/terms", files)
    first = answered("add", "--hub", "ada/terms")
    read = first["details"]["hub"]["commit"]
    repository.commit("Empty it", {"train.csv": hub.store.keep("train.csv", b"a,b\n1,2\n")})
    layout = ("--format", "prompt-completion", "--column", "prompt=completion", "--column", "completion=prompt")
    second = answered("read", "terms", *layout, HF_ENDPOINT=NOWHERE)
    assert (second["version"], second["rows"], second["details"]["hub"]["commit"]) == (2, 2, read)
    turns = answered("show", "terms")["preview"][0]["messages"]
    assert [turn["content"] for turn in turns] == ["The stern.", "What is aft?"]
    third = answered("read", "terms", "--encoding", "latin-1")
    assert (third["version"], third["rows"], third["details"]["hub"]["commit"]) == (3, 2, read)


def test_what_was_downloaded_whole_needs_no_network_and_what_was_not_does(
    aboard: Repository, answered: Add, run: Callable[..., Any]
) -> None:
    answered("add", "--hub", "ada/aboard", "--split", "test")
    again = answered("add", "--hub", "ada/aboard", "--split", "test", "--name", "again", HF_ENDPOINT=NOWHERE)
    assert (again["rows"], again["details"]["hub"]["commit"]) == (1, aboard.head.sha)
    other = run("add", "--hub", "ada/aboard", "--split", "train", HF_ENDPOINT=NOWHERE)
    assert f"{NOWHERE} cannot be reached" in other.stderr


def test_a_hub_that_cannot_be_reached_is_given_up_at_once(refused: Callable[..., str]) -> None:
    began = time.monotonic()
    said = refused("ada/aboard", HF_ENDPOINT=NOWHERE)
    assert f"{NOWHERE} cannot be reached" in said
    assert "add the dataset's files themselves" in said
    assert time.monotonic() - began < 10, "the library's own retries would take minutes"


def test_an_answer_that_is_an_error_is_told_and_the_next_try_needs_no_second_download(
    aboard: Repository, hub: HubServer, refused: Callable[..., str], answered: Add
) -> None:
    hub.fail_next(r"GET .*train-00001.*\.parquet", 500)
    assert "answered with error 500" in refused("ada/aboard")
    assert answered("add", "--hub", "ada/aboard", code=WRONG)["rows"] == 5
    assert hub.count(r"GET .*train-00000.*\.parquet") == 1


def test_a_private_dataset_is_read_with_a_token_that_may(hub: HubServer, answered: Add, refused: Any) -> None:
    hub.add_repository("datasets/ada/log", {"train.parquet": parquet(*asked("helm"))}, private=True)
    assert "There is no dataset ada/log" in refused("ada/log", token=BEN)
    assert answered("add", "--hub", "ada/log", token=ADA)["rows"] == 1


@pytest.mark.parametrize(
    ("arguments", "problem", "remedy"),
    [
        (["ada/nothing"], "There is no dataset ada/nothing", "Check the spelling"),
        (["ada/aboard", "--split", "dev"], "has no split “dev”; it has train, test.", "Enter one of these"),
        (["ada/aboard", "--config", "fish"], "no config “fish”; it has questions, moods.", "Enter one of these"),
        (["ada/aboard", "--revision", "v9"], "has no revision “v9”", "branches, tags or commits"),
        (["ada/plain", "--config", "fish"], "no config “fish”; it has default.", "Enter one of these"),
        (["ada/several"], "has several configs: one, two.", "Enter the one you want"),
        (["ben/gated"], "is gated", "Accept the terms at {hub}/datasets/ben/gated"),
        (["ada/script"], "its own code (script.py)", "refs/convert/parquet"),
        (["ada/words"], "No rows were recognised in the dataset ada/words", "{hub}/datasets/ada/words"),
        (["ada/sounds"], "“a.wav” is not a supported file type", ".jsonl"),
        (["ada/thief"], "Data files don't belong to ada/thief", "download those with rows"),
        (["ada/stray"], "not part of this commit: hf://datasets/ada/stray@main/train.csv", "Get that file yourself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value).replace("/", "-"),
)
def test_what_the_hub_does_not_give_is_explained(
    aboard: Repository, hub: HubServer, tmp_path: Path, refused: Any, arguments: list[str], problem: str, remedy: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("Nobody else is to read this.")
    two = "---\nconfigs:\n- config_name: one\n  data_files: a.csv\n- config_name: two\n  data_files: b.csv\n---\n"
    stray = "---\nconfigs:\n- config_name: default\n  data_files: hf://datasets/ada/stray@main/train.csv\n---\n"
    thief = f"---\nconfigs:\n- config_name: default\n  data_files: {secret}\n---\n"
    for id, files in {
        "ada/plain": {"train.csv": b"text\nAhoy.\n"},
        "ada/several": {"README.md": two.encode(), "a.csv": b"text\nAhoy.\n", "b.csv": b"text\nAvast.\n"},
        "ada/script": {"script.py": b"import datasets", "train.csv": b"text\nAhoy.\n"},
        "ada/words": {"README.md": b"# Only words\n", "plan.docx": b"words"},
        "ada/sounds": {"a.wav": b"RIFF"},
        "ada/thief": {"README.md": thief.encode()},
        "ada/stray": {"README.md": stray.encode(), "train.csv": b"text\nAhoy.\n"},
    }.items():
        hub.add_repository(f"datasets/{id}", files)
    hub.add_repository("datasets/ben/gated", {"train.csv": b"text\nAhoy.\n"}, gated=True)
    said = refused(*arguments, token=ADA)
    assert problem in said
    assert remedy.format(hub=hub.endpoint) in said
