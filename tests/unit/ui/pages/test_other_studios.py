"""Runs and adapters whose settings another version of the studio has written: they are shown, and refused in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from studio.domain.errors import InvalidInput
from studio.domain.spec.run_spec import read_stored
from studio.ui.pages import adapters, runs, train
from tests.support.page_requests import IN_ENGLISH, values

Spec = dict[str, dict[str, Any]]

NEWER: dict[str, Callable[[Spec], Spec]] = {
    "a method": lambda spec: spec | {"method": {"kind": "oft"}, "oft": {"r": 3}},
    "an objective": lambda spec: spec | {"objective": {"kind": "dpo"}, "dpo": {"beta": 0.3}},
    "a setting": lambda spec: spec | {"lora": spec["lora"] | {"shiny": 3}},
    "a section": lambda spec: spec | {"shiny": {"very": True}},
}
SUMMARIES = {"a method": "oft"}


def older(spec: Spec) -> Spec:
    return {name: section for name, section in spec.items() if name not in ("method", "objective")}


def run_with(studio, change: Callable[[Spec], Spec]) -> int:
    """A run with an adapter, both with settings changed like that."""
    dataset = studio.datasets.add_sample().name
    id = train.start(studio, values(dataset), "captain", "key")["id"]
    spec = change(studio.runs.get(id).spec)
    studio.catalogue.change_run(id, spec=spec)
    studio.catalogue.add_adapter(
        name="captain", path="/x", spec=spec, run_id=id, base_name="small", base_reference="small",
        base_source="folder", dataset_name=dataset, dataset_sha256="", dataset_rows=1, seed=0, versions={}, steps=1,
        size=1,
    )  # fmt: skip
    return id


@pytest.mark.parametrize("what", NEWER)
def test_what_this_studio_does_not_know_is_shown_by_its_name(studio, model, what):
    id = run_with(studio, NEWER[what])
    assert runs.progress(studio, id, request=IN_ENGLISH)["settings"]
    (row,) = adapters.listing(studio)["rows"]
    assert row["method"] == SUMMARIES.get(what, "LoRA r8")
    assert adapters.detail(studio, "captain", IN_ENGLISH)["method"] == row["method"]


@pytest.mark.parametrize("what", NEWER)
def test_a_run_with_it_fails_at_its_start_and_says_what_it_is(studio, model, what):
    id = run_with(studio, NEWER[what])
    with pytest.raises(InvalidInput, match="another version of the studio") as refused:
        read_stored(studio.runs.get(id).spec)
    studio.dispatcher.tick()
    run = studio.runs.get(id)
    assert (run.status, run.problem, run.remedy) == ("failed", refused.value.problem, refused.value.remedy)


@pytest.mark.parametrize("what", NEWER)
def test_a_copy_of_it_can_be_started_once_a_choice_is_made_that_there_is(studio, model, what):
    begun = train.begin(studio, run=run_with(studio, NEWER[what]))
    answer = train.check(studio, begun["values"], IN_ENGLISH)
    assert set(answer["faults"]) <= {"method.kind", "objective.kind"}
    chosen = begun["values"] | {"method": {"kind": "lora"}, "objective": {"kind": "sft"}}
    assert train.start(studio, chosen, begun["name"], "another key")["id"]


def test_a_run_of_an_older_studio_is_shown_copied_and_compared(studio, model):
    id = run_with(studio, older)
    assert adapters.listing(studio)["rows"][0]["method"] == "LoRA r8"
    begun = train.begin(studio, run=id)
    assert begun["values"]["method"] == {"kind": "lora"}
    again = train.start(studio, begun["values"], begun["name"], "another key")["id"]
    assert runs.compare(studio, ids=[id, again], request=IN_ENGLISH)["differing"] == []
