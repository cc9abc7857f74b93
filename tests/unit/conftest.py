"""Fixtures of the fast tests."""

from pathlib import Path

import pytest

from studio.store.catalogue import Catalogue


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalogue to copy: quicker than to migrate one for each test."""
    path = tmp_path_factory.mktemp("migrated") / "studio.db"
    Catalogue(f"sqlite:///{path}").close()
    return path
