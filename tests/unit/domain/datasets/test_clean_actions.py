"""The actions of cleaning: how they are declared, and how older studios asked for them."""

from __future__ import annotations

from typing import Any

import pytest

from studio.domain.datasets.clean_actions import ACTIONS, CleanActions, read_actions
from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from studio.domain.errors import InvalidInput
from studio.domain.jobs.ingest import CleanSource, IntakeRequest

TRIM = {"model": "/models/1", "chat_template": "chatml", "max_length": 512}
ACTIONS_APART = {
    "skip_bad_rows": True,
    "skip": [{"path": "/counts/problems.arrow", "codes": ["too_long"]}],
    "drop": [
        {"path": "/1/problems.arrow", "codes": ["duplicate", "near_duplicate"]},
        {"path": "/counts/problems.arrow", "codes": ["leakage"]},
    ],
    "trim": TRIM,
}
FILES = {"rows_path": "/1/rows.arrow", "problems_path": "/1/problems.arrow", "rows": 5}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_an_action_has_words_for_each_of_its_ways_and_fixes_problems_that_there_are(action):
    assert len(action.ways) == (1 if action.traits.amount else len(action.values))
    for way in action.ways:
        assert all([way.label, way.help, way.found, way.done, way.fixes])
        assert set(way.fixes) <= set(PROBLEM_KINDS)
    assert all(way.also for way in action.ways[1:])


def test_without_being_asked_nothing_is_done():
    assert list(CleanActions().items()) == []


def test_a_stricter_way_fixes_what_a_milder_one_does():
    assert ACTIONS["drop_duplicates"].fixes("exact") == ["duplicate"]
    assert ACTIONS["drop_duplicates"].fixes("near") == ["duplicate", "near_duplicate"]
    assert ACTIONS["drop_duplicates"].fixes(0.9) == ["duplicate", "near_duplicate"]


@pytest.mark.parametrize(
    "values",
    [
        {"melt": True},
        {"trim": 0},
        {"drop_duplicates": "some"},
        {"drop_duplicates": 0.69},
        {"drop_duplicates": 1.01},
        {"drop_duplicates": True},
        {"drop_duplicates": "0.9"},
    ],
)
def test_what_is_not_declared_is_refused(values):
    with pytest.raises(InvalidInput) as refused:
        read_actions(values)
    assert next(iter(values)) in str(refused.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"source": {"kind": "clean", **FILES, "parent": {"layout": {"format": "text"}}, **ACTIONS_APART}},
        {"parent": {**FILES, "layout": {"format": "text"}, "details": {"turns": 3}}, "actions": ACTIONS_APART},
    ],
    ids=["a key for each action", "the first studio"],
)
def test_a_request_of_an_older_studio_asks_for_the_same(asked: dict[str, Any]):
    source = IntakeRequest.model_validate(asked).source
    assert isinstance(source, CleanSource)
    assert source.actions == CleanActions(skip_bad_rows=True, drop_duplicates="near", drop_leaks=True, trim=512)
    assert (source.problems_path, source.counted_path) == ("/1/problems.arrow", "/counts/problems.arrow")
    assert source.tokenizer is not None
    assert source.tokenizer.model_dump() == {"model": "/models/1", "chat_template": "chatml"}
    assert source.parent.layout == {"format": "text"}


def test_an_older_request_for_one_action_asks_for_no_other():
    drop = [{"path": "/1/problems.arrow", "codes": ["duplicate"]}]
    source = CleanSource.model_validate({**FILES, "parent": {}, "skip_bad_rows": False, "drop": drop, "trim": None})
    assert source.actions == CleanActions(drop_duplicates="exact")
    assert (source.counted_path, source.tokenizer) == ("", None)
