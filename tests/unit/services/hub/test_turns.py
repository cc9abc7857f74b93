"""Of the questions of one visitor, one is asked at a time, and the newest is asked last."""

from __future__ import annotations

import threading

import pytest

from studio.services.hub.turns import Superseded, Turns


def test_of_those_that_wait_only_the_newest_is_asked_and_others_do_not_wait_for_it() -> None:
    turns = Turns()
    asked: list[str] = []
    superseded: list[str] = []
    waiting = threading.Event()

    def ask(words: str) -> None:
        waiting.set()
        try:
            with turns.turn("ada"):
                asked.append(words)
        except Superseded:
            superseded.append(words)

    with turns.turn("ada") as given_up:
        assert not given_up()
        old = threading.Thread(target=ask, args=("old",))
        old.start()
        waiting.wait()
        while not given_up():  # the other thread has said that it waits
            threading.Event().wait(0.001)
        new = threading.Thread(target=ask, args=("new",))
        new.start()
        old.join()
        with turns.turn("ben") as others:
            assert not others()
        assert (asked, superseded) == ([], ["old"])
    new.join()
    assert (asked, superseded) == (["new"], ["old"])


def test_a_turn_that_fails_is_over() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="broken"), turns.turn("ada"):
        raise ValueError("broken")
    with turns.turn("ada") as given_up:
        assert not given_up()
