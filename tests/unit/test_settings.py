"""Where the studio lives and listens, and what workers get to see."""

from pathlib import Path

import pytest

from studio.domain.errors import InvalidInput
from studio.settings import Login, read_settings, worker_environment


def test_what_is_given_goes_before_the_environment_and_that_before_the_default():
    assert read_settings({}).home == Path("~/.adapter-studio").expanduser()
    assert read_settings({"STUDIO_HOME": "/a"}).home == Path("/a")
    assert read_settings({"STUDIO_HOME": "/a"}, home="/b").home == Path("/b")


def test_the_catalogue_is_a_file_in_the_home_unless_told_otherwise():
    assert read_settings({}, home="/a").url == "sqlite:////a/studio.db"
    assert read_settings({}, home="/a", database_url="postgresql://db/studio").url == "postgresql://db/studio"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "studio.example"])
def test_listening_beyond_this_machine_needs_a_login(host):
    with pytest.raises(InvalidInput, match="STUDIO_LOGIN"):
        read_settings({}, host=host).check_exposure()
    read_settings({"STUDIO_LOGIN": "ana:secret"}, host=host).check_exposure()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.9"])
def test_this_machine_alone_needs_none(host):
    read_settings({}, host=host).check_exposure()


def test_a_space_listens_to_its_proxy_and_so_needs_a_login():
    settings = read_settings({"SPACE_ID": "ana/studio"})
    assert settings.host == "0.0.0.0"
    with pytest.raises(InvalidInput):
        settings.check_exposure()


@pytest.mark.parametrize("text", ["ana", "ana:", ":secret"])
def test_half_a_login_is_refused(text):
    with pytest.raises(InvalidInput, match="name:password"):
        read_settings({"STUDIO_LOGIN": text})


def test_a_password_is_not_printed():
    assert "secret" not in repr(read_settings({"STUDIO_LOGIN": "ana:secret"}))
    assert read_settings({"STUDIO_LOGIN": "ana:se:cret"}).login == Login("ana", "se:cret")


def test_a_home_that_is_a_file_is_named_with_a_remedy(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(InvalidInput, match=r"cannot be written.*--home"):
        read_settings({}, home=tmp_path / "home").check_home()


def test_workers_see_no_secret_and_go_online_only_to_download():
    environ = {"HF_TOKEN": "hf_secret", "STUDIO_LOGIN": "a:b", "PATH": "/bin"}
    seen = worker_environment(environ)
    assert "hf_secret" not in seen.values()
    assert "STUDIO_LOGIN" not in seen
    assert seen["HF_HUB_OFFLINE"] == seen["HF_HUB_DISABLE_IMPLICIT_TOKEN"] == "1"
    online = worker_environment(environ, online=True, token="hf_mine")
    assert online["HF_TOKEN"] == "hf_mine"
    assert "HF_HUB_OFFLINE" not in online
