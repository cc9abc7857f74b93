"""Who may speak to the studio."""

import base64

import pytest
from starlette.datastructures import Headers

from studio.settings import Login, Settings
from studio.ui.guard import (
    ATTEMPT_SECONDS,
    ATTEMPTS,
    LOOPBACK,
    Doorman,
    allowed_hosts,
    content_policy,
    host_name,
    is_foreign_write,
)


def settings(tmp_path, **given):
    return Settings(home=tmp_path, **given)


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def doorman(clock):
    return Doorman(Login("ada", "päss:word"), now=clock)


def test_a_local_studio_answers_to_loopback_names_alone(tmp_path):
    assert allowed_hosts(settings(tmp_path)) == LOOPBACK


def test_a_studio_on_one_address_answers_to_it_too(tmp_path):
    assert allowed_hosts(settings(tmp_path, host="Studio.lan")) == LOOPBACK | {"studio.lan"}


@pytest.mark.parametrize("given", [{"host": "0.0.0.0"}, {"host": "::"}, {"space_id": "ada/studio"}])
def test_a_studio_on_every_address_answers_to_any_name(tmp_path, given):
    assert allowed_hosts(settings(tmp_path, **given)) is None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:7860", "localhost"),
        ("LOCALHOST", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:7860", "::1"),
        ("evil.example", "evil.example"),
        ("localhost@evil.example", "evil.example"),
        ("[broken", ""),
        ("", ""),
    ],
)
def test_a_host_header_is_read_without_its_port(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("method", "headers", "foreign"),
    [
        ("POST", {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"}, False),
        ("POST", {"host": "127.0.0.1:7860"}, False),
        ("POST", {"host": "studio.example", "origin": "https://studio.example"}, False),
        ("POST", {"host": "inner:80", "x-forwarded-host": "studio.example", "origin": "https://studio.example"}, False),
        ("POST", {"host": "127.0.0.1:7860", "origin": "https://evil.example"}, True),
        ("POST", {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:8000"}, True),
        ("POST", {"host": "127.0.0.1:7860", "origin": "null"}, True),
        ("POST", {"host": "127.0.0.1:7860", "origin": "http://[broken"}, True),
        ("DELETE", {"host": "127.0.0.1:7860", "origin": "https://evil.example"}, True),
        ("POST", {"host": "127.0.0.1:7860", "sec-fetch-site": "cross-site"}, True),
        ("GET", {"host": "127.0.0.1:7860", "origin": "https://evil.example"}, False),
    ],
)
def test_only_our_own_page_may_write(method, headers, foreign):
    assert is_foreign_write(method, Headers(headers)) is foreign


def test_the_right_login_comes_in(doorman):
    assert doorman.verdict("1.2.3.4", basic("ada", "päss:word")) == 200


@pytest.mark.parametrize("wrong", [basic("ada", "word"), basic("", ""), "Basic !!!", "Bearer x", ""])
def test_a_wrong_login_stays_outside(doorman, wrong):
    assert doorman.verdict("1.2.3.4", wrong) == 401


def test_nobody_guesses_for_long_and_others_are_not_locked_out(doorman, clock):
    for _ in range(ATTEMPTS):
        assert doorman.verdict("1.2.3.4", basic("ada", "guess")) == 401
    assert doorman.verdict("1.2.3.4", basic("ada", "päss:word")) == 429
    assert doorman.verdict("5.6.7.8", basic("ada", "päss:word")) == 200
    clock.now = ATTEMPT_SECONDS + 1
    assert doorman.verdict("1.2.3.4", basic("ada", "päss:word")) == 200


def test_a_page_asked_for_without_a_login_is_no_guess(doorman):
    for _ in range(3 * ATTEMPTS):
        assert doorman.verdict("1.2.3.4", None) == 401
    assert doorman.verdict("1.2.3.4", basic("ada", "päss:word")) == 200


def test_the_doorman_keeps_nothing_of_those_who_did_no_wrong(doorman):
    for number in range(50):
        doorman.verdict(f"10.0.0.{number}", None)
        doorman.verdict(f"10.0.0.{number}", basic("ada", "päss:word"))
    assert not doorman._failures


def test_nothing_may_come_from_outside(tmp_path):
    policy = content_policy(settings(tmp_path), "abc")
    assert "default-src 'self'" in policy
    assert "script-src 'self' 'unsafe-eval' 'nonce-abc'" in policy
    assert "http" not in policy
    assert policy.endswith("frame-ancestors 'self'")


def test_a_space_may_be_framed_by_hugging_face_alone(tmp_path):
    policy = content_policy(settings(tmp_path, space_id="ada/studio"))
    assert policy.endswith("frame-ancestors https://huggingface.co https://*.hf.space")
