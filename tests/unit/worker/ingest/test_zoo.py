"""A zoo of files, good and bad ones: what the intake worker makes of each, row by row and problem by problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.domain.datasets.problem_kinds import PROBLEM_KINDS
from tests.support.dataset_zoo.bad_rows import BAD_ROWS
from tests.support.dataset_zoo.encodings import ENCODINGS
from tests.support.dataset_zoo.formats import FORMATS
from tests.support.dataset_zoo.json_shapes import JSON_SHAPES, JSON_THAT_ASKS
from tests.support.dataset_zoo.kinds import KINDS
from tests.support.dataset_zoo.making import Answers, Asking, Case
from tests.support.dataset_zoo.packed import PACKED_FILES, PACKED_THAT_ASK
from tests.support.dataset_zoo.spellings import SPELLINGS
from tests.support.dataset_zoo.tables import TABLES, TABLES_THAT_ASK
from tests.support.dataset_zoo.unreadable import UNREADABLE
from tests.support.dataset_zoo.warnings import WARNINGS
from tests.support.in_process_intake import take_in

CASES = [
    *KINDS, *TABLES, *JSON_SHAPES, *PACKED_FILES, *ENCODINGS, *FORMATS, *SPELLINGS, *UNREADABLE, *BAD_ROWS, *WARNINGS
]  # fmt: skip
ASKING = [*TABLES_THAT_ASK, *JSON_THAT_ASKS, *PACKED_THAT_ASK]
OF_TOKENS = {"template_refuses", "no_trained_token", "too_long", "special_tokens", "leakage"}
OF_TEMPLATES = {"call_dropped", "reasoning_dropped", "prefix_differs", "turn_dropped", "tools_dropped"}
OF_PROMPTS = {"mixed_lines"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_row_and_every_problem_of_a_file_comes_out(case: Case, tmp_path: Path) -> None:
    taken = take_in(tmp_path, {case.file: case.content, **case.more}, **case.request)
    assert taken.places == list(case.problems)
    assert taken.rows == list(case.rows)
    file = taken.details.files[0]
    for name, value in case.expected.items():
        match name:
            case "format":
                assert taken.layout["format"] == value
            case "encoding" | "detected" | "delimiter" | "sheet":
                assert getattr(file, name) == value
            case "notes":
                assert [(note.code, note.rows) for note in taken.details.notes] == value
            case "files":
                assert len(taken.details.files) == value
            case _:
                assert getattr(taken.details, name) == value


@pytest.mark.parametrize("case", ASKING, ids=lambda case: case.name)
def test_every_answer_to_what_is_asked_of_a_file_leads_on(case: Asking, tmp_path: Path) -> None:
    check_answers(case, tmp_path, {}, case.option, case.answers)


def check_answers(case: Asking, folder: Path, reading: dict[str, str], option: str, answers: Answers) -> None:
    unclear = take_in(folder / "asked", {case.file: case.content}, reading=reading).details.unclear
    assert unclear is not None and unclear.question is not None
    assert unclear.question.option == option
    assert [choice.value for choice in unclear.question.choices] == list(answers)
    for place, choice in enumerate(unclear.question.choices):
        assert choice.label and choice.preview
        answered = {**reading, option: choice.value}
        expected = answers[choice.value]
        if isinstance(expected, dict):
            check_answers(case, folder / f"then{place}", answered, option, expected)
            continue
        taken = take_in(folder / str(place), {case.file: case.content}, reading=answered)
        if expected is None:
            assert taken.details.unclear is not None and taken.details.unclear.question is None
            assert taken.details.unclear.columns
        else:
            assert taken.rows == list(expected)
            assert not [problem for problem, _ in taken.problems if problem.kind.level == "error"]


def test_no_problem_that_a_file_can_have_is_missing_in_the_zoo() -> None:
    of_files = set(PROBLEM_KINDS) - OF_TOKENS - OF_TEMPLATES - OF_PROMPTS
    assert {code for case in CASES for _, code, _ in case.problems} == of_files


def test_the_zoo_has_names_of_its_own_for_each() -> None:
    assert len({case.name for case in [*CASES, *ASKING]}) == len(CASES) + len(ASKING)
