"""A home that a command can queue runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.app import build
from studio.settings import read_settings


@pytest.fixture
def stocked_home(tmp_path: Path) -> Path:
    """With the model `m` and the dataset `d`, both ready."""
    home = tmp_path / "home"
    home.mkdir()
    studio = build(read_settings({}, home=home))
    studio.catalogue.add_model(name="m", reference="org/m", source="hub", status="ready", path=str(tmp_path))
    studio.catalogue.add_dataset(
        name="d", format="chat", sha256="ab", file_name="f", path="/f", rows_path="/f", rows=40, size=1, details={},
        status="ready",
    )  # fmt: skip
    studio.close()
    return home
