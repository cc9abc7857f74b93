"""The search of the Hub, in this process, with the real client and the hub of the tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from studio.domain.errors import InvalidInput
from studio.services.hub import datasets
from studio.services.hub.datasets import HubDatasets, NoAnswer
from studio.services.hub.turns import Superseded
from tests.support.fake_hub.server import HubServer
from tests.support.fakes import FakeEngine
from tests.support.hub_fixtures import ADA

NO_ENGINE: Any = None


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def at(endpoint: str, token: str | None = None) -> HubDatasets:
    return HubDatasets(endpoint, lambda: token, NO_ENGINE)


@pytest.mark.parametrize(("asked", "pause"), [("30", 30.0), ("99999", 300.0), ("soon", 0.0), ("", 0.0)])
def test_as_long_as_the_hub_asks_to_wait_nobody_asks_again(hub: HubServer, asked: str, pause: float) -> None:
    hub.fail_next(r"GET /api/datasets$", 429, headers={"Retry-After": asked})
    with pytest.raises(NoAnswer, match="error 429") as caught:
        at(hub.endpoint).search("songs")
    assert caught.value.pause == pause


def test_a_hub_that_says_nothing_does_not_answer(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "SEARCH_SECONDS", 0.2)
    with pytest.raises(NoAnswer, match="does not answer"):
        at(silent).search("songs")
    with pytest.raises(NoAnswer, match="does not answer"):
        at(silent).contents("ada/songs")


def test_the_token_of_the_environment_is_not_used_where_none_counts(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("datasets/ada/log", {"a.csv": b"text\nAhoy.\n"}, private=True)
    monkeypatch.setenv("HF_TOKEN", ADA)
    assert at(hub.endpoint).search("log") == []
    assert {request.user for request in hub.requests} == {""}
    assert [one.id for one in at(hub.endpoint, ADA).search("log")] == ["ada/log"]


def test_what_the_hub_says_of_a_dataset_is_taken_as_far_as_it_can_be_meant(hub: HubServer) -> None:
    tags = ["size_categories:1K<n<10K", "size_categories:100M<n<1B", "size_categories:huge", "language:en"]
    odd = hub.add_repository("datasets/ada/odd", {"a.csv": b"a\n1\n"}, tags=tags, likes=-1)
    hub.add_repository("datasets/ada/<odd>", {"a.csv": b"a\n1\n"})
    odd.downloads = "many"  # type: ignore[assignment]
    (found,) = at(hub.endpoint).search("  odd ")
    assert (found.id, found.downloads, found.likes, found.rows) == ("ada/odd", 0, 0, "100M<n<1B")


def test_a_look_that_nobody_waits_for_or_that_takes_too_long_is_ended(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_repository("datasets/ada/songs", {"a.csv": b"text\nAhoy.\n"})
    engine = FakeEngine()
    looked_at = HubDatasets(hub.endpoint, lambda: ADA, engine)
    with pytest.raises(Superseded):
        looked_at.contents("ada/songs", given_up=lambda: True)
    assert engine.alive == set()
    monkeypatch.setattr(datasets, "CONTENTS_SECONDS", 0)
    with pytest.raises(NoAnswer):
        looked_at.contents("ada/songs")
    assert engine.alive == set()


@pytest.mark.parametrize(("words", "limit"), [("  ", 20), ("songs", 0), ("songs", 101)])
def test_no_words_and_no_limit_are_no_question(hub: HubServer, words: str, limit: int) -> None:
    with pytest.raises(InvalidInput):
        at(hub.endpoint).search(words, limit)
    assert hub.requests == []
