"""Fixtures of the fast tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.store.catalogue import Catalogue


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
