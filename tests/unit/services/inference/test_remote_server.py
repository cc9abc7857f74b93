"""The server that may answer in place of this machine: its address, its key, and what it says of itself."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from studio.domain.errors import InvalidInput, StudioError
from studio.services.inference.openai_client import Served, ServedModels, Server
from studio.services.inference.remote_server import RemoteServer, checked_url
from studio.settings import read_settings

HERE = "http://127.0.0.1:8000/v1"
BASE = Served("org/base", root="org/base")
SERVED = ServedModels(
    [BASE, Served("captain", root="/a/captain", parent="org/base"), Served("mate", root="/b/mate", parent="other")]
)


@pytest.fixture
def stand_in(tmp_path: Path) -> RemoteServer:
    return RemoteServer(read_settings({}, home=tmp_path))


@pytest.mark.parametrize("text", [HERE, "http://127.0.0.1:8000", " http://127.0.0.1:8000/ ", f"{HERE}/"])
def test_an_address_is_completed_to_where_the_protocol_begins(text):
    assert checked_url(text) == HERE


@pytest.mark.parametrize(
    "text",
    ["", "host:8000", "ftp://host", "http://", "http://ho st", "http://h:99999", "http://h:8x", "http://u:p@h", "http://h?key=1"],
)  # fmt: skip
def test_what_is_no_address_or_holds_a_secret_is_refused_at_its_field(stand_in, text):
    with pytest.raises(InvalidInput) as told:
        stand_in.save(text, "")
    assert set(told.value.fields) == {"url"}
    assert stand_in.url == ""


def test_the_key_is_for_this_user_alone_and_stays_until_another_address_or_key_comes(stand_in, tmp_path):
    stand_in.save(HERE, "sk-secret")
    file = tmp_path / "secrets" / "stand_in"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "sk-secret" not in repr(stand_in.server())
    stand_in.save(HERE, "")
    assert stand_in.server().key == "sk-secret"
    stand_in.save("http://other:8000", "")
    assert stand_in.server() == Server("http://other:8000/v1", "")
    with pytest.raises(InvalidInput) as told:
        stand_in.save(HERE, "two words")
    assert set(told.value.fields) == {"key"}
    stand_in.forget()
    assert stand_in.server() is None


def test_a_damaged_file_is_said_and_can_be_replaced(stand_in, tmp_path):
    stand_in.save(HERE, "")
    (tmp_path / "secrets" / "stand_in").write_text("{half")
    with pytest.raises(StudioError, match="cannot be read"):
        stand_in.server()
    stand_in.save(HERE, "")
    assert stand_in.url == HERE


def test_a_space_asks_no_other_server(tmp_path):
    RemoteServer(read_settings({}, home=tmp_path)).save(HERE, "sk-owner")
    visited = RemoteServer(read_settings({"SPACE_ID": "ana/studio"}, home=tmp_path))
    assert visited.server() is None
    with pytest.raises(StudioError, match="Space does not store keys"):
        visited.save(HERE, "")


def test_base_and_adapters_are_known_by_their_names_or_by_where_they_came_from():
    server = Server("http://far:8000/v1", "")
    assert SERVED.base(["mine", "org/base", "/models/1"], server) == BASE
    assert server.adapter(SERVED, BASE, "captain", "/elsewhere") == "captain"
    assert server.adapter(SERVED, BASE, "renamed", "/a/captain") == "captain"
    with pytest.raises(InvalidInput, match=r"has no model mine; it has org/base"):
        SERVED.base(["mine", "org/other", "/models/1"], server)
    with pytest.raises(InvalidInput, match=r"does not have the adapter “mate”; it has captain, mate"):
        server.adapter(SERVED, BASE, "mate", "/b/mate")  # that one is over another base


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "too long"}}', "too long"),
        (b'{"object": "error", "message": "too long"}', "too long"),
        (b'{"detail": "too long"}', "too long"),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b"", "HTTP 502"),
    ],
)
def test_a_refusal_is_told_in_the_servers_own_words(body, words):
    assert words in str(Server(HERE, "").refusal(502, body))
