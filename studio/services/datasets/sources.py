"""Where a dataset comes from, and its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.errors import InvalidInput, StudioError
from studio.domain.graphemes import cut
from studio.domain.jobs.ingest import HubSource
from studio.domain.naming import JOINERS, MAX_NAME_CHARACTERS

MAX_HUB_ID_CHARACTERS = 200
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+|[A-Za-z0-9][\w.-]*")


def name_taken(name: str) -> InvalidInput:
    fault = StudioError("There is already a dataset named “{name}”.", "Choose another name.", name=name)
    return InvalidInput.at("name", fault)


def name_of_file(file_name: str) -> str:
    """A name that can stand, with room for a number behind it."""
    stem = file_name.removesuffix(".gz").removesuffix(".zip").rpartition(".")[0] or file_name
    joiners = {joiner.start() for joiner in JOINERS.finditer(stem)}
    stem = "".join(c if (c.isprintable() and c not in "/\\@") or at in joiners else " " for at, c in enumerate(stem))
    return cut(stem.strip(), MAX_NAME_CHARACTERS - 6).strip() or "dataset"


def is_hub_id(text: str) -> bool:
    return len(text) <= MAX_HUB_ID_CHARACTERS and _HUB_ID.fullmatch(text) is not None


def check_hub_source(repository: str, config: str, split: str, revision: str, *, endpoint: str = "") -> HubSource:
    """The place of a dataset on the Hub, by its id or the address of its page. Raises InvalidInput: it is neither."""
    for address in filter(None, ("https://huggingface.co", endpoint)):
        repository = repository.strip().removeprefix(f"{address}/")
    repository = repository.removeprefix("datasets/").strip("/")
    if not is_hub_id(repository):
        fault = StudioError(
            "“{id}” is not the id of a dataset on the Hub.",
            "Enter it as owner/name, such as trl-lib/Capybara.",
            id=repository,
        )
        raise InvalidInput.at("repository", fault)
    return HubSource(
        repository=repository, config=config.strip(), split=split.strip() or "train", revision=revision.strip()
    )


def choices_of(reading: ReadOptions | None, layout: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a person chose of how the files are read, for the version's history."""
    choices = {key: value for key, value in (reading.model_dump() if reading else {}).items() if value}
    return choices | ({"layout": dict(layout)} if layout else {})
