"""What differs between two texts."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from studio.services.datasets.twins import differences


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("", "", ([], [])),
        ("the same", "the same", ([("the same", False)], [("the same", False)])),
        ("", "new", ([], [("new", True)])),
        (
            "a red boat sails",
            "a blue boat sails",
            (
                [("a ", False), ("red ", True), ("boat sails", False)],
                [("a ", False), ("blue ", True), ("boat sails", False)],
            ),
        ),
        (
            "这座桥是哪年建的",
            "这座塔是哪年建成的",
            (
                [("这座", False), ("桥", True), ("是哪年建的", False)],
                [("这座", False), ("塔", True), ("是哪年建", False), ("成", True), ("的", False)],
            ),
        ),
    ],
)  # fmt: skip
def test_words_that_differ_are_told_and_characters_of_scripts_without_blanks(one, other, expected) -> None:
    assert differences(one, other) == expected


def test_joined_the_pieces_are_the_text_whatever_it_is() -> None:
    rng = random.Random(3)
    signs = "ab é的了 \n\t.,!🙂\u0301\x00字ก\ud83d"
    for _ in range(200):
        texts = ["".join(rng.choices(signs, k=rng.randint(0, 40))) for _ in range(2)]
        for text, pieces in zip(texts, differences(*texts), strict=True):
            assert "".join(piece for piece, _ in pieces) == text
            assert all(one[1] != other[1] for one, other in pairwise(pieces))


def test_long_texts_of_few_words_are_not_compared_word_by_word() -> None:
    one, other = "x " + "a b " * 5000 + "y", "z " + "b a " * 5000 + "w"
    assert differences(one, other) == ([(one, True)], [(other, True)])
