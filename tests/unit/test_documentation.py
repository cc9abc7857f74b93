"""Nothing that a person can set, call, read or open is missing from docs/."""

from __future__ import annotations

import re
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from studio.cli.parser import build_parser
from studio.domain.events import RunEvent
from studio.domain.spec.run_spec import describe
from studio.settings import VARIABLES
from studio.ui.web import page_modules

ROOT = Path(__file__).parents[2]
READ_FROM_ENVIRONMENT = re.compile(r'environ(?:\.get\(|\[)"(\w+)"')


@cache
def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def commands(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    """Each that is no noun with verbs of its own."""
    nested = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    for action in nested:
        for each in action.choices.values():
            yield from commands(each)
    if not nested:
        yield parser


VERBS = {verb.prog: verb for verb in commands(build_parser())}


def test_the_reference_is_current():
    command = [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_is_documented_with_every_argument(verb: str) -> None:
    heading = re.search(rf"^##+ {re.escape(verb)}$", page("cli.md"), re.MULTILINE)
    assert heading, f"docs/cli.md has no section “{verb}”."
    assert [a.dest for a in VERBS[verb]._actions if not a.help] == [], "arguments without a help"


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES])
def test_a_variable_of_the_environment_is_documented(name: str) -> None:
    assert f"| `{name}` |" in page("settings.md")


def test_every_variable_that_is_read_is_among_those_that_are_documented():
    source = (ROOT / "studio" / "settings.py").read_text("utf-8")
    assert set(READ_FROM_ENVIRONMENT.findall(source)) == {variable.name for variable in VARIABLES}


@pytest.mark.parametrize(
    "place", [f"{section['name']}.{f['name']}" for section in describe() for f in section["fields"]]
)
def test_a_setting_of_a_run_is_documented(place: str) -> None:
    assert f"`{place}` |" in page("settings.md")


@pytest.mark.parametrize("event", get_args(get_args(RunEvent)[0]), ids=lambda event: event.__name__)
def test_an_event_is_documented(event: type) -> None:
    assert f"\n### {event.model_fields['kind'].default}\n" in page("job-folder.md")  # type: ignore[attr-defined]


@pytest.mark.parametrize("title, path", [(each.title, each.path) for each in page_modules()])
def test_a_page_is_documented(title: str, path: str) -> None:
    assert f"\n## {title}\n\n`/{path}`" in page("pages.md")


def test_links_between_documents_lead_somewhere():
    for file in (ROOT / "docs").glob("*.md"):
        for target, anchor in re.findall(r"\]\(([\w-]+\.md)(?:#([\w-]+))?\)", file.read_text("utf-8")):
            anchors = {
                re.sub(r"[^\w -]", "", h).lower().replace(" ", "-")
                for h in re.findall(r"^#+ (.*)$", page(target), re.M)
            }
            assert not anchor or anchor in anchors, f"{file.name}: {target}#{anchor}"
