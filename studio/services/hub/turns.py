"""One question of a visitor at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Superseded(Exception):
    """The visitor has asked something newer: nobody waits for this answer."""


class Turns:
    """Of the questions that a visitor asks while another is on its way, only the newest is asked afterwards."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: dict[str, int] = {}
        self._asking: set[str] = set()

    @contextmanager
    def turn(self, visitor: str) -> Iterator[Callable[[], bool]]:
        """Waits for the visitor's turn; the value says whether something newer was asked meanwhile.

        Raises:
            Superseded: it was, before this could begin.
        """
        with self._changed:
            number = self._newest.get(visitor, 0) + 1
            self._newest[visitor] = number
            self._changed.notify_all()
            self._changed.wait_for(lambda: visitor not in self._asking or self._newest[visitor] != number)
            if self._newest[visitor] != number:
                raise Superseded
            self._asking.add(visitor)
        try:
            yield lambda: self._newest.get(visitor) != number
        finally:
            with self._changed:
                self._asking.discard(visitor)
                if self._newest[visitor] == number:
                    del self._newest[visitor]
                self._changed.notify_all()
