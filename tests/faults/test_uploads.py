"""Uploads lie in the home alone, and none that was broken off is left there."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.studio_process import Server
from tests.support.waiting import wait_for


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "home")
    yield server
    server.stop()


def begun(server: Server, size: int = 1 << 24) -> socket.socket:
    """An upload of which the first half is sent."""
    place = urlsplit(server.url)
    sent = socket.create_connection((place.hostname, place.port))
    head = f"PUT /uploads HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {size}\r\n\r\n"
    sent.sendall(head.encode() + bytes(size // 2))
    return sent


def files(home: Path) -> list[Path]:
    return list((home / "uploads").iterdir())


def test_an_upload_lies_in_the_home_for_its_owner_alone_and_is_found_by_its_token(
    server: Server, tmp_path: Path
) -> None:
    told = httpx.put(f"{server.url}/uploads", content=b'{"text": "Ahoy!"}').json()
    [file] = files(tmp_path / "home")
    assert (file.name, file.read_bytes()) == (told["token"], b'{"text": "Ahoy!"}')
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 or os.name != "posix"
    assert httpx.post(f"{server.url}/gradio_api/upload", files={"files": b"x"}).status_code == 404


def test_an_upload_that_is_broken_off_is_removed(server: Server, tmp_path: Path) -> None:
    with begun(server):
        wait_for(lambda: files(tmp_path / "home"), seconds=20, what="the begun upload")
    wait_for(lambda: not files(tmp_path / "home"), seconds=20, what="its removal")


def test_what_a_killed_server_has_left_is_removed_by_the_next(server: Server, tmp_path: Path) -> None:
    httpx.put(f"{server.url}/uploads", content=b"whole")
    with begun(server):
        wait_for(lambda: len(files(tmp_path / "home")) == 2, seconds=20, what="the begun upload")
        server.kill()
    assert len(files(tmp_path / "home")) == 2
    following = Server(tmp_path / "home")
    try:
        assert files(tmp_path / "home") == []
    finally:
        following.stop()
