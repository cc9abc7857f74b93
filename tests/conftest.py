"""Fixtures that every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psutil
import pytest

from studio.services.models.service import STARTER_REFERENCE
from studio.settings import read_settings
from studio.store.catalogue import Catalogue

pytest_plugins = ["tests.support.hub_fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--zoo", action="store_true", help="try every family of models, not only one of each kind")
    parser.addoption("--long", action="store_true", help="run the tests that are marked as long, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long: run it with --long"))
    # Fixtures that scripts/setup could not bring: it says so, and scripts/test fails.
    unavailable = set(os.environ.get("STUDIO_TEST_LEFT_OUT", "").split())
    left_out = [item for item in items if unavailable & set(getattr(item, "fixturenames", ()))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


hypothesis.settings.register_profile("studio", deadline=None, max_examples=100)
hypothesis.settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "studio")


@pytest.fixture(scope="session")
def starter() -> Path:
    """The folder of the starter model, which scripts/test prepares."""
    path = Path(os.environ.get("STUDIO_TEST_STARTER", "missing"))
    assert (path / "config.json").is_file(), (
        "Run scripts/test, or set STUDIO_TEST_STARTER to the starter model's folder."
    )
    return path


@pytest.fixture(scope="session")
def starter_home(starter: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A studio's home whose catalogue knows the starter model, as a first start leaves it; made without a network."""
    home = tmp_path_factory.mktemp("studio") / "home"
    home.mkdir()
    catalogue = Catalogue(read_settings({}, home=home).url)
    catalogue.add_model(
        name="starter", reference=STARTER_REFERENCE, source="starter", status="ready", path=str(starter),
        origin="prepared for the tests", chat_template=True, architecture="LlamaForCausalLM", context=8192,
    )  # fmt: skip
    catalogue.close()
    yield home
    for process in psutil.process_iter(["cmdline"]):  # workers outlive a server, and so would those of a failed test
        if any(str(home) in part for part in process.info["cmdline"] or ()):
            process.kill()
