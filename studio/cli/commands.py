"""How commands are declared: nouns, their verbs, and the flags that every verb takes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from studio.settings import DEFAULT_HOME

Verb: TypeAlias = Callable[[argparse.Namespace], int | None]
"""What a command does; returns its exit code, None for 0."""


class Commands:
    """The commands of `studio`, or the verbs of one noun."""

    def __init__(self, parser: argparse.ArgumentParser, metavar: str = "command") -> None:
        self._parsers = parser.add_subparsers(metavar=metavar, required=True)

    def noun(self, name: str, what: str) -> Commands:
        noun = self._parsers.add_parser(name, help=f"{what}: list, add, show …", description=what.capitalize())
        return Commands(noun, "verb")

    def verb(self, name: str, verb: Verb, help: str) -> argparse.ArgumentParser:
        parser = self._parsers.add_parser(name, help=help, description=help[:1].upper() + help[1:])
        parser.add_argument("--home", help=f"the studio's folder (default: STUDIO_HOME, else {DEFAULT_HOME})")
        parser.add_argument(
            "--database-url", help="SQLAlchemy URL of the catalogue (default: a SQLite file in the home)"
        )
        parser.add_argument("--json", action="store_true", help="print JSON instead of text")
        parser.set_defaults(verb=verb)
        return parser
