"""Datasets of the Hugging Face Hub, on the datasets page: searched, looked at, added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from studio.domain.errors import StudioError
from studio.services.hub.datasets import NoAnswer
from studio.services.hub.turns import Superseded, Turns
from studio.ui.language import language_of
from studio.ui.presenters.dataset import shown_dataset, shown_fault

if TYPE_CHECKING:
    import gradio as gr

    from studio.app import Studio
    from studio.domain.jobs.hub_contents import HubSplit

FOUND = 20  # datasets in the list

Visitor = Annotated[str, Field(max_length=64)]
"""A random name of the page that asks; one that is open twice is as good as two visitors."""

_searches, _looks = Turns(), Turns()


def search_hub(studio: Studio, words: str, visitor: Visitor, request: gr.Request) -> dict[str, Any]:
    """The datasets whose names fit, as `found`; `away` is why the Hub does not answer now; `superseded` is true where
    the visitor has searched for something else meanwhile.

    Raises:
        StudioError: the studio runs offline, or the Hub does not accept the token.
    """
    try:
        with _searches.turn(visitor):
            return {"found": [one.as_dict() for one in studio.hub_datasets.search(words, FOUND)]}
    except NoAnswer as fault:
        return _away(fault, request)
    except Superseded:
        return {"superseded": True}


def look_at_hub(
    studio: Studio, repository: str, visitor: Visitor, request: gr.Request, revision: str = "", config: str = ""
) -> dict[str, Any]:
    """The configs and splits of a dataset, as `contents`; the rest as in search_hub.

    Raises:
        StudioError: there is no such dataset or revision, its terms are not accepted, or nothing in it can be read.
    """
    language = language_of(request)
    try:
        with _looks.turn(visitor) as given_up:
            contents = studio.hub_datasets.contents(repository, revision, config, given_up=given_up)
    except NoAnswer as fault:
        return _away(fault, request)
    except Superseded:
        return {"superseded": True}
    configs = [
        {
            "name": one.name,
            "splits": None if one.splits is None else [_shown_split(split, language) for split in one.splits],
        }
        for one in contents.configs
    ]
    return {"contents": contents.model_dump(mode="json") | {"configs": configs}}


def add_from_hub(
    studio: Studio, repository: str, request: gr.Request, config: str = "", split: str = "", revision: str = ""
) -> dict[str, Any]:
    dataset = studio.datasets.add_from_hub(repository, config=config, split=split, revision=revision)
    return {"dataset": shown_dataset(dataset, language_of(request))}


HANDLERS = (search_hub, look_at_hub, add_from_hub)


def _shown_split(split: HubSplit, language: str) -> dict[str, Any]:
    fault = split.fault and shown_fault(StudioError.from_dict(split.fault), language)
    return split.model_dump(mode="json") | {"fault": fault}


def _away(fault: NoAnswer, request: gr.Request) -> dict[str, Any]:
    return {"away": shown_fault(fault, language_of(request)) | {"pause": fault.pause}}
