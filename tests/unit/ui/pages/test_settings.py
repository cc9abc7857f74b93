"""The handlers behind the settings page, on a real catalogue."""

from __future__ import annotations

import json
from pathlib import Path

from studio.ui.pages import settings


def test_a_saved_token_never_comes_back(studio):
    settings.save_token(studio, "hf_secret")
    state = settings.state(studio)
    assert state["token"] == "saved"
    assert "hf_secret" not in json.dumps(state)
    settings.remove_token(studio)
    assert settings.state(studio)["token"] == ""


def test_the_key_of_the_playgrounds_server_never_comes_back(studio):
    assert settings.save_server(studio, "http://host:8000", "sk-secret") == {
        "url": "http://host:8000/v1", "has_key": True,
    }  # fmt: skip
    assert "sk-secret" not in json.dumps(settings.state(studio))
    settings.remove_server(studio)
    assert settings.state(studio)["server"] == {"url": "", "has_key": False}


def test_the_home_and_what_it_holds_are_told(studio, model):
    studio.datasets.add_sample()
    sizes = {part["name"]: part["size"] for part in settings.storage_use(studio)["folders"]}
    assert sizes["datasets"] > 0
    assert sizes["adapters"] == 0
    assert sizes["other"] > 0
    assert settings.state(studio)["home"] == str(studio.settings.home)


def test_a_model_outside_the_home_is_listed_with_its_place(studio, model):
    (outside,) = settings.storage_use(studio)["elsewhere"]
    assert outside["name"] == "small"
    assert Path(outside["path"]).is_dir()
