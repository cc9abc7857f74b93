"""The server as a process: how it starts, what it refuses, what it answers."""

import json
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from studio.ui.web import page_modules
from tests.support.studio_process import SECONDS_TO_START, environment, serving, studio


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
        return answer.status, answer.read().decode()


def refusal(request):
    """The status with which the server refuses it."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as answer:
        return answer.code


@pytest.fixture(scope="module")
def server(starter_home):
    with serving(starter_home) as server:
        yield server


@pytest.mark.parametrize("page", page_modules(), ids=lambda page: page.name)
def test_every_page_answers(server, page):
    status, html = get(f"{server.url}/{page.path}")
    assert status == 200
    assert "Adapter Studio" in html
    assert re.search(r"/static/\w{12}/styles/base\.css", html)


def test_nothing_in_a_page_is_loaded_from_outside(server):
    _, html = get(server.url)
    for outside in ("https://fonts.", "https://cdn", "//cdnjs", "http://fonts"):
        assert outside not in html


def test_the_page_speaks_the_browsers_language(server):
    assert 'lang="zh' in get(server.url, **{"Accept-Language": "zh-CN,zh;q=0.9"})[1]
    assert 'lang="en' in get(server.url, **{"Accept-Language": "de-DE"})[1]


def test_a_host_name_that_is_not_ours_is_refused(server):
    assert refusal(urllib.request.Request(server.url, headers={"Host": "evil.example"})) in (400, 403, 421)


def test_a_write_from_a_foreign_page_is_refused(server):
    request = urllib.request.Request(
        f"{server.url}/gradio_api/upload", data=b"x", method="POST", headers={"Origin": "http://evil.example"}
    )
    assert refusal(request) == 403


def test_a_second_server_on_the_same_home_is_told_where_the_first_is(server, starter_home):
    second = studio(starter_home, "serve", "--port", "0", "--no-browser", seconds=SECONDS_TO_START)
    assert second.returncode == 1
    first = f"{server.url}, process {server.process.pid}"
    assert f"Another studio is using the home {starter_home}: {first}." in second.stderr


def test_a_taken_port_is_one_clear_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = studio(tmp_path / "home", "serve", "--port", port, "--no-browser", seconds=SECONDS_TO_START)
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_listening_to_the_world_without_a_login_is_refused(tmp_path):
    done = studio(tmp_path / "home", "serve", "--host", "0.0.0.0", "--no-browser", seconds=SECONDS_TO_START)
    assert done.returncode == 2
    assert "STUDIO_LOGIN" in done.stderr


def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "home").write_text("a file")
    done = studio(tmp_path / "home", "serve", "--no-browser", seconds=SECONDS_TO_START)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr


def test_with_a_login_nobody_gets_in_without_it(starter_home, tmp_path):
    with serving(tmp_path / "home", STUDIO_LOGIN="ana:secret") as server:
        assert refusal(server.url) == 401
        assert get(server.url, Authorization="Basic YW5hOnNlY3JldA==")[0] == 200


def test_the_module_and_the_command_are_the_same():
    for command in (["-m", "studio"], ["-m", "studio.cli"]):
        done = subprocess.run(
            [sys.executable, *command, "--version"], capture_output=True, text=True, env=environment(), check=True,
            timeout=SECONDS_TO_START,
        )  # fmt: skip
        assert done.stdout.startswith("Adapter Studio ")


def test_the_help_of_train_lists_every_knob(tmp_path):
    from studio.domain.spec.run_spec import describe

    text = studio(tmp_path, "train", "--help").stdout
    for section in describe():
        for field in section["fields"]:
            if field["name"] == "mix":
                assert "--mix DATASET[=WEIGHT]" in text
            elif field["name"] != "name":
                assert f"--{section['name']}.{field['name']}".removesuffix(".kind") in text


def test_a_wrong_command_line_exits_with_two_and_says_what_is_wrong(tmp_path):
    done = studio(tmp_path, "train", "--model", "starter", "--dataset", "rows", "--name", "a", "--lora.r", "0")
    assert done.returncode == 2
    assert "lora.r: Must be 1 or more." in done.stderr
    assert studio(tmp_path, "runs", "show", "7").returncode == 2
    assert studio(tmp_path, "adapters", "show", "nobody").returncode == 2


def test_lists_are_json_arrays(tmp_path):
    for noun in ("models", "datasets", "runs", "adapters"):
        done = studio(tmp_path, noun, "list", "--json")
        assert json.loads(done.stdout) == []
