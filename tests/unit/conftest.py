"""Fixtures of the fast tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app import Studio, build
from studio.settings import Settings
from studio.store.catalogue import Catalogue
from tests.support.fakes import ImmediateEngine

CLOSED_PORT = "http://127.0.0.1:9"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalogue to copy: quicker than to migrate one for each test."""
    path = tmp_path_factory.mktemp("migrated") / "studio.db"
    Catalogue(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def catalogue(tmp_path: Path, migrated: Path) -> Iterator[Catalogue]:
    """An empty one of the test's own."""
    shutil.copy(migrated, tmp_path / "studio.db")
    catalogue = Catalogue(f"sqlite:///{tmp_path / 'studio.db'}")
    yield catalogue
    catalogue.close()


@pytest.fixture
def studio(tmp_path: Path, migrated: Path) -> Iterator[Studio]:
    """The real studio on an empty home, without a Hub. Files are taken in at once; nothing is fetched or trained, and
    nothing is dispatched, so what waits stays waiting."""
    settings = Settings(home=tmp_path / "home", hub_endpoint=CLOSED_PORT)
    shutil.copy(migrated, settings.folder("") / "studio.db")
    studio = build(settings, ImmediateEngine())
    yield studio
    studio.close()
