"""Fixtures of the injected faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chaos.tiny_studio import Bed, opened
from tests.support.tiny_models import tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, starter: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("faults") / "tiny", starter, "llama")


@pytest.fixture
def bed(tmp_path: Path, tiny: Path) -> Iterator[Bed]:
    with opened(tmp_path / "home", tiny) as bed:
        yield bed


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> dict[int, float]:
    """The losses of 120 steps that nothing interrupted."""
    with opened(tmp_path_factory.mktemp("undisturbed") / "home", tiny) as bed:
        id = bed.submit("undisturbed", 120)
        assert bed.tick_until_over(id).status == "finished"
        return bed.curve(id)
