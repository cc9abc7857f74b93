"""The adapters page: the catalogue of what was trained, and one adapter with its lineage."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.domain import metrics
from studio.domain.errors import StudioError
from studio.domain.naming import slug
from studio.domain.spec.run_spec import method_of, objective_of
from studio.domain.translation import N_
from studio.services.hub.files import GENERATION_CONFIG
from studio.ui.language import language_of
from studio.ui.page import Page
from studio.ui.presenters.colours import colour_of
from studio.ui.presenters.run import settings_of, trained_part
from studio.ui.view import view

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.store.tables.adapters import Adapter

PAGE = Page("adapters", N_("Adapters"), order=5, icon="M12 3l9 5-9 5-9-5zM3 12.5l9 5 9-5M3 17l9 5 9-5")
LEAD = N_("Everything you have trained, and how it was made.")


def build(studio: Studio) -> None:
    view(
        "adapters",
        partial(listing, studio),
        partial(detail, studio),
        partial(rename, studio),
        partial(delete, studio),
        partial(push_form, studio),
        partial(push, studio),
        skeleton="table",
    )


def listing(studio: Studio, search: str = "") -> dict[str, Any]:
    return {"rows": [_row(a) for a in studio.adapters.list(search)], "searched": bool(search.strip())}


def detail(studio: Studio, name: str, request: gr.Request) -> dict[str, Any]:
    """With what evaluations found of it and its base. Raises NotFound."""
    adapter = studio.adapters.get(name)
    fields = adapter.as_dict() | {"method": method(adapter), "settings": settings_of(adapter.spec)}
    del fields["spec"]
    details = adapter.details
    formats = [(each.name, each.format) for each in details.datasets] or [("", details.format or "")]
    fields["trained_part"] = trained_part(objective_of(adapter.spec), formats, language_of(request))
    fields["says_where_it_ends"] = (Path(adapter.path) / GENERATION_CONFIG).is_file()
    return fields | {"measured": studio.evaluations.of_adapter(name), "metrics": metrics.describe()}


def rename(studio: Studio, name: str, new_name: str) -> None:
    studio.adapters.rename(name, new_name)


def delete(studio: Studio, name: str) -> None:
    studio.adapters.delete(name)


def push_form(studio: Studio, name: str) -> dict[str, Any]:
    """What the push dialog begins with. `user` is None where there is no token, or where it does not work now."""
    adapter = studio.adapters.get(name)
    source, user, fault = studio.hub.token_source(), None, None
    if source:
        try:
            user = studio.hub.whoami().name
        except StudioError as error:
            fault = {"problem": error.problem, "remedy": error.remedy}
    repo = adapter.hub_repo or (f"{user}/{slug(adapter.name)}" if user else slug(adapter.name))
    return {"token": bool(source), "user": user, "repo": repo, "pushed": bool(adapter.hub_repo), "fault": fault}


def push(studio: Studio, name: str, repo: str, private: bool = True, key: str = "") -> dict[str, str]:
    """Pushes; `key`, a token given here, is kept for the next time once it has worked."""
    result = studio.hub.push(name, repo_id=repo, private=private, token=key or None)
    if key:
        studio.hub.save_token(key)
    return {"url": result.url, "note": result.note}


def method(adapter: Adapter) -> str:
    """Such as “LoRA r16” or “DoRA r8, rsLoRA”."""
    return method_of(adapter.spec).summary


def _row(adapter: Adapter) -> dict[str, Any]:
    fields = (
        "id", "name", "base_name", "dataset_name", "dataset_version", "mixture", "train_loss", "eval_loss", "size",
        "created_at", "hub_url",
    )  # fmt: skip
    return {f: getattr(adapter, f) for f in fields} | {"method": method(adapter), "colour": colour_of(adapter)}
