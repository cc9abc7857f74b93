"""Datasets of the Hub are searched and looked at: the real client and real workers, and the hub of the tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_hub_datasets import ABOARD, CARD, NOWHERE, asked, parquet
from tests.support.fake_hub.server import HubServer, running_hub
from tests.support.hub_fixtures import ADA, BEN, hub_environment
from tests.support.studio_process import Server, serving, studio

LINES = {"train.jsonl": json.dumps(asked("galley")[0]).encode()}


@pytest.fixture
def search(hub: HubServer, tmp_path: Path) -> Callable[..., Any]:
    def search(*arguments: str, token: str = "", **environment: str) -> Any:
        own = hub_environment(hub, tmp_path / "cache", token) | environment
        return studio(tmp_path / "home", "datasets", "search", *arguments, **own)

    return search


@dataclass(frozen=True)
class Page:
    """The datasets page of a studio that takes `hub` for the Hub, with Ada's token."""

    hub: HubServer
    server: Server

    def call(self, handler: str, **arguments: Any) -> Any:
        return json.loads(self.server.call(f"datasets.{handler}", {"visitor": "test"} | arguments))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    with (
        running_hub(folder / "hub", {ADA: "ada"}) as hub,
        serving(folder / "home", **hub_environment(hub, folder / "cache", ADA)) as server,
    ):
        yield Page(hub, server)
        assert ADA not in server.log.read_text(), "the log is not the place of a token"
        assert not any(ADA in target for target in hub.targets), "nor is an address"


def found(done: Any) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    value: list[dict[str, Any]] = json.loads(done.stdout)
    return value


def test_a_search_lists_the_most_downloaded_first_with_what_the_hub_says_of_each(
    hub: HubServer, search: Callable[..., Any]
) -> None:
    hub.add_repository("datasets/ada/sea-songs", LINES, downloads=7, likes=2, tags=["size_categories:1K<n<10K"])
    hub.add_repository("datasets/ben/sea-charts", LINES, downloads=90, gated=True)
    hub.add_repository("datasets/ben/hills", LINES, downloads=1000)
    hub.add_repository("ada/sea-model", {"config.json": b"{}"})
    charts, songs = found(search("SEA", "--json"))
    assert (charts["id"], charts["downloads"], charts["gated"]) == ("ben/sea-charts", 90, True)
    expected = {"id": "ada/sea-songs", "likes": 2, "rows": "1K<n<10K", "private": False, "gated": False}
    assert songs.items() >= expected.items()
    assert songs["size"] > 0
    assert songs["changed_at"] > 0
    assert [one["id"] for one in found(search("sea", "--limit", "1", "--json"))] == ["ben/sea-charts"]
    text = search("sea", "charts").stdout
    assert "ben/sea-charts" in text
    assert "gated" in text
    assert "No dataset on the Hub" in search("mountains").stdout


def test_private_datasets_are_found_with_the_token_that_may_read_them_which_no_address_holds(
    hub: HubServer, search: Callable[..., Any]
) -> None:
    hub.add_repository("datasets/ada/log", LINES, private=True)
    assert found(search("log", "--json", token=BEN)) == []
    assert [(one["id"], one["private"]) for one in found(search("log", "--json", token=ADA))] == [("ada/log", True)]
    assert not any(ADA in target for target in hub.targets)
    assert found(search("log", "--json", token=ADA, SPACE_ID="ada/space")) == [], "a visitor is not the owner"


def test_a_mirror_that_knows_fewer_fields_is_searched_all_the_same(hub: HubServer, search: Callable[..., Any]) -> None:
    hub.add_repository("datasets/ada/songs", LINES, downloads=7)
    hub.fail_next(r"GET /api/datasets$", 400)
    assert [one["id"] for one in found(search("songs", "--json"))] == ["ada/songs"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_cannot_answer_is_told_and_asked_once(
    hub: HubServer, search: Callable[..., Any], status: int
) -> None:
    hub.fail_next(r"GET /api/datasets$", status, times=9)
    done = search("songs")
    assert done.returncode == 1
    assert f"cannot answer now (error {status})" in done.stderr
    assert hub.count(r"GET /api/datasets$") == 1


def test_no_network_no_proxy_and_a_studio_that_is_offline_are_told(hub: HubServer, search: Callable[..., Any]) -> None:
    assert f"The Hub at {NOWHERE} does not answer." in search("songs", HF_ENDPOINT=NOWHERE).stderr
    assert "does not answer" in search("songs", HF_ENDPOINT="http://hub.invalid").stderr
    by_proxy = search("songs", HTTP_PROXY=NOWHERE, HTTPS_PROXY=NOWHERE, ALL_PROXY=NOWHERE, NO_PROXY="", no_proxy="")
    assert "does not answer" in by_proxy.stderr
    hub.drop_next(r"GET /api/datasets$")
    assert "does not answer" in search("songs").stderr
    assert "HF_HUB_OFFLINE is set" in search("songs", HF_HUB_OFFLINE="1").stderr
    assert "does not accept the token" in search("songs", token="hf_nobody").stderr


def test_a_page_that_searches_gets_found_or_away_and_no_error(page: Page) -> None:
    page.hub.add_repository("datasets/ada/shanties", LINES)
    page.hub.fail_next(r"GET /api/datasets$", 429)
    page.hub.drop_next(r"GET /api/datasets/ada/shanties$")
    assert "error 429" in page.call("search_hub", words="shanties")["away"]["problem"]
    assert page.call("search_hub", words="shanties")["found"][0]["id"] == "ada/shanties"
    assert "does not answer" in page.call("look_at_hub", repository="ada/shanties")["away"]["problem"]
    assert page.call("look_at_hub", repository="ada/shanties")["contents"]["configs"]


def test_a_dataset_shows_its_configs_and_splits_with_what_a_download_would_be(page: Page) -> None:
    rows = "dataset_info:\n- config_name: questions\n  splits:\n  - name: test\n    num_examples: 1\n    num_bytes: 9\n"
    card = CARD.replace("dataset_info:\n", rows)
    repository = page.hub.add_repository("datasets/ada/aboard", ABOARD | {"README.md": card.encode()})
    contents = page.call("look_at_hub", repository=f"{page.hub.endpoint}/datasets/ada/aboard")["contents"]
    assert (contents["repository"], contents["commit"]) == ("ada/aboard", repository.head.sha)
    assert contents["default_config"] == "questions"
    configs = {config["name"]: {split["name"]: split for split in config["splits"]} for config in contents["configs"]}
    assert {name: list(splits) for name, splits in configs.items()} == {
        "questions": ["train", "test"], "moods": ["train"],
    }  # fmt: skip
    train, test = configs["questions"]["train"], configs["questions"]["test"]
    files = [name for name in sorted(ABOARD) if name.startswith("questions/train")]
    assert (train["files"], train["file_count"]) == (files, 2)
    assert train["size"] == sum(len(ABOARD[name]) for name in files)
    assert (train["rows"], test["rows"], train["fault"]) == (None, 1, None)
    assert page.hub.count(r"GET .*\.parquet") == 0, "nothing is downloaded"


def test_a_split_that_cannot_be_added_says_why_and_others_can(page: Page) -> None:
    card = "---\nconfigs:\n- config_name: a\n  data_files: a.csv\n- config_name: b\n  data_files: gone-*.csv\n---\n"
    page.hub.add_repository("datasets/ada/half", {"README.md": card.encode(), "a.csv": b"text\nAhoy.\n"})
    good, gone = page.call("look_at_hub", repository="ada/half")["contents"]["configs"]
    assert (good["splits"][0]["fault"], good["splits"][0]["size"]) == (None, 11)
    assert gone["splits"][0]["fault"]["problem"]


@pytest.mark.parametrize(
    ("repository", "words"),
    [
        ("ada/nothing", "There is no dataset ada/nothing"),
        ("ben/gated", "is gated"),
        ("ada/script", "comes with its own code"),
        ("no id at all", "is not the id of a dataset"),
    ],
)
def test_what_cannot_be_looked_at_is_explained(page: Page, repository: str, words: str) -> None:
    if repository == "ben/gated":
        page.hub.add_repository("datasets/ben/gated", {"train.csv": b"text\nAhoy.\n"}, gated=True)
    if repository == "ada/script":
        page.hub.add_repository("datasets/ada/script", {"script.py": b"import os", "train.csv": b"text\nAhoy.\n"})
    assert words in page.call("look_at_hub", repository=repository)["error"]["problem"]


def test_a_dataset_with_a_great_many_configs_shows_the_splits_of_the_chosen_one(page: Page) -> None:
    entries = "".join(f"- config_name: part-{i:03}\n  data_files: {i:03}.csv\n" for i in range(120))
    files = {f"{i:03}.csv": b"text\nAhoy.\n" for i in range(120)}
    page.hub.add_repository("datasets/ada/many", files | {"README.md": f"---\nconfigs:\n{entries}---\n".encode()})
    contents = page.call("look_at_hub", repository="ada/many")["contents"]
    assert contents["default_config"] == "", "one must be chosen"
    assert [config["splits"] is None for config in contents["configs"]] == [False] * 100 + [True] * 20
    chosen = page.call("look_at_hub", repository="ada/many", config="part-119")["contents"]["configs"]
    assert [config["name"] for config in chosen if config["splits"]] == ["part-119"]


def test_a_revision_shows_what_it_had(page: Page) -> None:
    repository = page.hub.add_repository("datasets/ada/songs", {"train.parquet": parquet(*asked("helm"))})
    old = repository.head.sha
    repository.commit("More", {**repository.head.files, "test.csv": page.hub.store.keep("test.csv", b"text\nAhoy.\n")})
    contents = page.call("look_at_hub", repository="ada/songs", revision=old)["contents"]
    assert [split["name"] for split in contents["configs"][0]["splits"]] == ["train"]
    assert contents["commit"] == old
