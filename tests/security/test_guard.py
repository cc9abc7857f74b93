"""Who may speak to the studio."""

import pytest
from starlette.datastructures import Headers

from studio.settings import Settings
from studio.ui.access.guard import (
    LOOPBACK,
    allowed_hosts,
    content_policy,
    host_name,
    is_foreign_write,
)


def settings(tmp_path, **given):
    return Settings(home=tmp_path, **given)


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


def test_nothing_may_come_from_outside(tmp_path):
    policy = content_policy(settings(tmp_path), "abc")
    assert "default-src 'self'" in policy
    assert "script-src 'self' 'unsafe-eval' 'nonce-abc'" in policy
    assert "http" not in policy
    assert policy.endswith("frame-ancestors 'self'")


def test_a_space_may_be_framed_by_hugging_face_alone(tmp_path):
    policy = content_policy(settings(tmp_path, space_id="ada/studio"))
    assert policy.endswith("frame-ancestors https://huggingface.co https://*.hf.space")
