"""The settings page: the Hub token, the playground's server, base models, what is stored where, the machine, looks."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio import __version__
from studio.domain.errors import StudioError
from studio.domain.translation import N_
from studio.services.shared.machine import look_at_machine, storage, versions
from studio.store.disk.reserve import free_space
from studio.ui.language import language_of
from studio.ui.page import Page
from studio.ui.presenters.model import shown_model
from studio.ui.view import view

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio

PAGE = Page("settings", N_("Settings"), order=6, icon="M4 7h9M19 7h1M16 4.5v5M4 17h1M11 17h9M8 14.5v5")
LEAD = N_("Your Hugging Face account, what is stored where, and how the studio looks.")

FOLDERS = ("models", "datasets", "runs", "adapters", "playground")


def build(studio: Studio) -> None:
    view(
        "settings",
        partial(state, studio),
        partial(save_token, studio),
        partial(test_token, studio),
        partial(remove_token, studio),
        partial(save_server, studio),
        partial(test_server, studio),
        partial(remove_server, studio),
        partial(storage_use, studio),
        partial(models, studio),
        partial(add_model, studio),
        partial(remove_model, studio),
        partial(check_model, studio),
        partial(checked_model, studio),
        skeleton="cards",
    )


def state(studio: Studio) -> dict[str, Any]:
    """All that is known at once. Of the token and of the server's key only whether there is one."""
    return {
        "token": studio.hub.token_source(),
        "endpoint": studio.settings.hub_endpoint,
        "is_space": bool(studio.settings.space_id),
        "server": _server(studio),
        "home": str(studio.settings.home),
        "machine": asdict(look_at_machine()),
        "versions": {"adapter-studio": __version__} | versions(),
    }


def save_token(studio: Studio, secret: str) -> None:
    """Raises InvalidInput: it cannot be a token. StudioError: this is a Space."""
    studio.hub.save_token(secret)


def test_token(studio: Studio) -> dict[str, Any]:
    """Whose the token is. Raises StudioError: there is none, or the Hub does not know it or cannot be reached."""
    return asdict(studio.hub.whoami())


def remove_token(studio: Studio) -> None:
    studio.hub.forget_token()


def _server(studio: Studio) -> dict[str, Any]:
    try:
        return {"url": studio.remote_server.url, "has_key": studio.remote_server.has_key}
    except StudioError:  # damaged: it can be removed, or entered again
        return {"url": "", "has_key": False, "is_damaged": True}


def save_server(studio: Studio, url: str, key: str) -> dict[str, Any]:
    """Raises InvalidInput: address or key cannot be used. StudioError: this is a Space."""
    studio.remote_server.save(url, key)
    return _server(studio)


def test_server(studio: Studio) -> dict[str, Any]:
    """The models that the server has. Raises StudioError: it cannot be reached, refuses the key, or tells of none."""
    server = studio.remote_server.server()
    models = server.models().models if server else []
    return {
        "models": [model.id for model in models if not model.parent],
        "adapters": [model.id for model in models if model.parent],
    }


def remove_server(studio: Studio) -> None:
    studio.remote_server.forget()


def models(studio: Studio, request: gr.Request | None = None) -> list[dict[str, Any]]:
    """Every base model, with what removing it would do: whether its files stay, and which adapters need it."""
    language = language_of(request)
    return [
        shown_model(model, language)
        | {
            "path": model.path,
            "is_gone": model.status == "ready" and not Path(model.path).is_dir(),
            "keeps_files": studio.models.keeps_files(model),
            "adapters": [adapter.name for adapter in studio.models.adapters(model)],
        }
        for model in studio.models.list()
    ]


def add_model(studio: Studio, reference: str) -> None:
    """Tries again to fetch a model. Raises InvalidInput: its folder holds none."""
    studio.models.add(reference)


def remove_model(studio: Studio, name: str) -> None:
    """Raises NotFound; InvalidInput where something needs it; StudioError where its files cannot be deleted now."""
    studio.models.delete(name)


def check_model(studio: Studio, name: str) -> None:
    """Begins a check. Raises NotFound; StudioError where the model has no folder that could be checked."""
    studio.models.start_check(name)


def checked_model(studio: Studio, name: str) -> bool:
    """Whether the check is over. Raises StudioError: it failed."""
    return studio.models.check_result(name) is not None


def storage_use(studio: Studio) -> dict[str, Any]:
    """What is stored, in bytes: each folder of the home, and the base models that lie elsewhere."""
    home = studio.settings.home
    elsewhere = [model for model in studio.models.list() if model.path and not Path(model.path).is_relative_to(home)]
    return {
        "folders": [asdict(part) for part in storage(home, FOLDERS)],
        "elsewhere": [{"name": model.name, "path": model.path, "size": model.size} for model in elsewhere],
        "free": free_space(home),
    }
