"""Where a text is cut that is too long to be shown whole."""

import pytest

from studio.domain.datasets.formats import excerpt
from studio.domain.graphemes import cut
from studio.ui.presenters.dataset import shown_row

FAMILY, SCOTLAND, FLAGS = "👩‍👩‍👧", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🇫🇷🇩🇪"


@pytest.mark.parametrize(
    ("text", "most", "beginning"),
    [
        ("short", 5, "short"),
        ("longer", 4, "long"),
        (f"a{FAMILY}b", 3, "a"),
        (f"a{FAMILY}b", 6, f"a{FAMILY}"),
        (f"a{FLAGS}", 2, "a"),
        (f"a{FLAGS}", 3, "a🇫🇷"),
        (f"a{FLAGS}", 4, "a🇫🇷"),
        (f"a{SCOTLAND}", 5, "a"),
        ("a👍🏽b", 2, "a"),
        ("ae\u0301b", 2, "a"),
        ("a❤\ufe0fb", 2, "a"),
        ("a\r\nb", 2, "a"),
        ("a\u1112\u1161\u11ab", 3, "a"),
        (FAMILY, 2, "👩‍"),
        ("", 0, ""),
    ],
)
def test_a_cut_never_goes_through_what_a_reader_sees_as_one_character(text, most, beginning):
    assert cut(text, most) == beginning


def test_what_is_shown_of_a_row_and_what_is_said_to_be_left_out_are_the_whole():
    text = "a" * 9 + FAMILY + "b"
    turn = shown_row({"number": 1, "line": 1, "messages": [{"role": "user", "content": text}]}, "en", 10)["turns"][0]
    assert (turn["content"], turn["cut"]) == ("a" * 9, len(FAMILY) + 1)


def test_a_columns_name_in_a_message_ends_with_a_whole_flag():
    assert excerpt("a" * 39 + FLAGS) == "a" * 39
