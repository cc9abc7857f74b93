"""What may be a name, and what a file's name makes of one."""

from __future__ import annotations

import pytest

from studio.domain.errors import InvalidInput
from studio.domain.naming import check_name
from studio.services.datasets.sources import name_of_file

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
WANT = "می\u200cخواهم"  # Persian: "I want"


@pytest.mark.parametrize("name", [FAMILY, WANT, f"{FAMILY}{FAMILY} v2", "क\u200dष"])
def test_a_name_keeps_what_joins_its_signs(name: str):
    assert check_name(name) == name
    assert name_of_file(f"{name}.jsonl") == name


@pytest.mark.parametrize(
    "name", ["cap\u200dtain", "\u200d", f"{FAMILY}\u200d", "👨\u200d\u200d👩", "a\u200bb", "a\u202eb"]
)
def test_what_no_reader_sees_makes_no_second_name_that_looks_the_same(name: str):
    with pytest.raises(InvalidInput, match="invisible character"):
        check_name(name)
    check_name(name_of_file(f"{name}.jsonl"))
