"""The playground in a browser: a home with two adapters to compare, and what a person does first."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.sample_adapters import adapter_fields
from tests.support.tiny_models import random_adapter, tiny_model

MINUTES = 300_000
COLUMNS = "?columns=tiny~!red~!blue*0.5"


def prepare(folder: Path, starter: Path) -> Path:
    """The home of a studio with a tiny model and two adapters that change what it says."""
    home = folder / "home"
    home.mkdir()
    model = tiny_model(folder / "tiny", starter, "llama", max_position_embeddings=2048)
    catalogue = Catalogue(read_settings({}, home=home).url)
    kept = catalogue.add_model(
        name="tiny", reference="tiny", source="folder", status="ready", path=str(model), chat_template=True
    )
    for seed, name in enumerate(("red", "blue"), start=1):
        path = random_adapter(folder / name, model, seed=seed)
        base = {"model_id": kept.id, "base_name": "tiny", "base_reference": "tiny", "base_source": "folder"}
        catalogue.add_adapter(**adapter_fields(path, name=name, **base))
    catalogue.close()
    return home


def lane(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def ask(page: Page, prompt: str, most: int = 24) -> None:
    """Asks, and waits until every column has ended."""
    page.get_by_label("Max tokens").fill(str(most))
    page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    page.locator("#send").click()
    expect(page.locator(".board .lane .asked").filter(has_text=prompt).first).to_be_visible()
    expect(page.locator("#send")).to_be_visible(timeout=MINUTES)
