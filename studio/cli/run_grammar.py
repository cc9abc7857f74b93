"""The grammar of the verbs of training runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from studio.cli import run_verbs

AddVerb = Callable[[str, Any, str], argparse.ArgumentParser]

_OF_ONE_RUN: tuple[tuple[str, Any, str], ...] = (
    ("show", run_verbs.look, "show a run, its history, its checkpoints and its curve"),
    ("watch", run_verbs.watch, "stay until a run is over; Ctrl-C leaves it running"),
    ("logs", run_verbs.logs, "print what its worker printed last"),
    ("stop", run_verbs.stop, "stop a run and keep what it has learned as an adapter; one that waits is taken out"),
    ("end", run_verbs.end_now, "end a run at once: no adapter, but its checkpoints stay"),
    ("discard", run_verbs.discard, "end a run and delete its checkpoints"),
    ("resume", run_verbs.resume, "let a run that ended early go on after its newest whole checkpoint"),
    ("hold", run_verbs.hold, "keep a run in the queue while others pass"),
    ("release", run_verbs.release, "let a held run take its turn"),
    ("start-anyway", run_verbs.start_anyway, "let a run start whatever memory it is expected to need"),
)


def add_run_verbs(add: AddVerb) -> None:
    """`add(name, verb, help)` makes the parser of one verb."""
    add("list", run_verbs.listing, "list the runs, newest first")
    add("queue", run_verbs.queue, "list what waits, the next one first, and why it waits")
    for name, verb, help in _OF_ONE_RUN:
        add(name, verb, help).add_argument("id", type=int)
    reorder = add("reorder", run_verbs.reorder, "put waiting runs first, in the order given")
    reorder.add_argument("id", type=int, nargs="+")
    reorder.add_argument("--before", type=int, metavar="ID", help="put them before this one instead")
    pin = add("pin", run_verbs.pin, "let a waiting run start on one device alone")
    pin.add_argument("id", type=int)
    pin.add_argument("device", help="cpu, cuda:0 …, or any")
    further = add("continue", run_verbs.continue_, "go on after the last step of a finished run, as a new run")
    further.add_argument("id", type=int)
    further.add_argument("--epochs", type=float, help="epochs in all")
    further.add_argument("--steps", type=int, help="steps in all")
    further.add_argument("--name", default="", help="name of the new adapter (default: the next free one)")
    compare = add("compare", run_verbs.compare, "show in which settings runs differ, and how they ended")
    compare.add_argument("id", type=int, nargs="*")
    compare.add_argument("--sweep", type=int, help="the runs of this sweep instead")
    promote = add("promote", run_verbs.promote, "keep a checkpoint as an adapter, also while the run goes on")
    promote.add_argument("id", type=int)
    promote.add_argument("step", type=int)
    promote.add_argument("name")
