from __future__ import annotations

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.recognition import recognise
from studio.domain.datasets.rows import read_row


def test_numbers_and_booleans_become_their_text_and_that_is_said_once_for_all_rows() -> None:
    rows = [{"question": "2 + 2", "answer": answer} for answer in (4, 4.5, True, "four")]
    layout, notes = recognise(rows), Notes()
    made = [read_row(layout, row, line, 0, notes) for line, row in enumerate(rows, 1)]
    assert [row and row["messages"][1]["content"] for row, _ in made] == ["4", "4.5", "true", "four"]
    (note,) = notes.found()
    assert (note.line, note.rows) == (1, 3)
    assert note.text == "“answer” has numbers or booleans in 3 rows: they are read as their text."


def test_the_same_place_in_every_turn_makes_one_note_a_row() -> None:
    row = {"messages": [{"role": "user", "content": 1}, {"role": "assistant", "content": 2}]}
    notes = Notes()
    read_row(recognise([row]), row, 1, 0, notes)
    assert [(note.rows, note.values) for note in notes.found()] == [(1, {"field": "messages[].content"})]


def test_nothing_is_noted_of_a_row_that_is_refused() -> None:
    row = {"question": 2, "answer": None}
    notes = Notes()
    assert read_row(recognise([row]), row, 1, 0, notes)[0] is None
    assert not notes.found()
