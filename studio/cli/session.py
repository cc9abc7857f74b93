"""The studio that a command works with: opened on its home, waited for, closed."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from studio.app import Studio, build
from studio.cli.output import say
from studio.services.home.doctor import unknown_words
from studio.settings import quiet_libraries, read_settings
from studio.store.database_faults import CatalogueFull

SECONDS_FOR_ROOM = 20.0
POLL = 0.25  # seconds: across processes there is no event to await
Result = TypeVar("Result")


@contextmanager
def open_studio(arguments: argparse.Namespace, *, quiet: bool = False) -> Iterator[Studio]:
    """The studio on its home, with what workers have said meanwhile recorded if no server does that."""
    quiet_libraries()
    studio = build(read_settings(home=arguments.home, database_url=arguments.database_url))
    if not quiet and (unknown := studio.doctor.unknown()):
        say(unknown_words(unknown))
    try:
        if studio.lock.acquire():
            studio.dispatcher.tick()
        yield studio
    finally:
        studio.close()


def records(items: Any) -> list[dict[str, Any]]:
    return [record.as_dict() for record in items]


def _try_look(studio: Studio, look: Callable[[], Result | None]) -> Result | None:
    deadline = time.monotonic() + SECONDS_FOR_ROOM
    while True:
        try:
            return look()
        except CatalogueFull:  # whatever has filled the disk may be about to make room: a worker that ends
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL)


def wait(studio: Studio, look: Callable[[], Result | None]) -> Result:
    """Looks until there is something; drives the queue meanwhile where nobody else does. Whoever does so may end before
    this does: then it is taken over."""
    with ExitStack() as driven:
        is_driving = False
        while (result := _try_look(studio, look)) is None:
            if not is_driving and (studio.lock.is_mine or studio.lock.acquire()):
                driven.enter_context(studio.dispatching())
                is_driving = True
            time.sleep(POLL)
    return result
