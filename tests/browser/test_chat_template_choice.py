"""The chat template on the train page, for a model that has one and for one that has none."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from studio.settings import read_settings
from studio.store.catalogue import Catalogue
from tests.support.studio_process import Server, serving

OWN = "{% for m in messages %}{{ raise_exception('no') if m.role == 'system' }}[{{ m.content }}]{% endfor %}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Knows two models as far as the page looks at them."""
    home = tmp_path_factory.mktemp("studio") / "home"
    home.mkdir()
    catalogue = Catalogue(read_settings({}, home=home).url)
    for name in ("instruct", "base"):
        folder = home.parent / name
        folder.mkdir()
        (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>"}))
        if name == "instruct":  # one that takes no system message
            (folder / "chat_template.jinja").write_text(OWN)
        catalogue.add_model(
            name=name, reference=name, source="folder", status="ready", path=str(folder),
            chat_template=name == "instruct",
        )  # fmt: skip
    catalogue.close()
    with serving(home) as server:
        yield server


def test_every_model_has_the_choice_and_shows_what_is_chosen(server: Server, page: Page):
    page.goto(f"{server.url}/train?model=instruct")
    about = page.locator(".about")
    expect(about).to_contain_text("has a chat template")
    choice, sample = page.get_by_label("Chat template"), page.locator("#template-sample")
    expect(choice).to_have_value("auto")
    expect(sample).to_contain_text("[What is the capital of France?][Paris.]")
    choice.select_option("Zephyr")
    expect(sample).to_contain_text("<|user|>")
    expect(sample.locator("mark")).to_have_text(["Paris.</s>", "Tokyo.</s>"])
    model = page.locator("[id='model.name']")
    model.select_option("base")
    expect(about).to_contain_text("has no chat template")
    expect(sample).to_contain_text("<|user|>")
    choice.select_option("Automatic")
    expect(sample).to_contain_text("<|im_start|>user")
