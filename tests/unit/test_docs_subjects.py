"""Each subject of the code has a page with one picture, and what the pages name is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SUBJECTS = ("datasets", "models", "training", "inference", "evaluation", "adapters-and-hub", "homes")
SECTIONS = ("Files", "What may fail", "Tests", "Add something")
MAX_NODES = 14  # of a picture that can still be read

PATH = re.compile(r"(?<![\w./-])(?:studio|static|tests|scripts|benchmarks)/[\w./-]*[\w/]")
PICTURE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NODE = r'(\w+)(?:\["([^"]+)"\]|\[\("([^"]+)"\)\])?'
ARROW = re.compile(rf'    {NODE} -->(?:\|"[^"|]+"\|)? {NODE}')
# A path, and in brackets what is meant of it: `studio/app.py` (`build`, `Studio.close`)
MEANT = re.compile(r"`(studio/[\w./]+\.py)`\s\(((?:`[\w.]+`(?:,\s)?)+)\)")
MEANT_IN_PICTURE = re.compile(r"(studio/[\w./]+\.py)<br/>(\w+(?:\.\w+)*)(?![\w/])")


def text_of(subject: str) -> str:
    return (DOCS / f"{subject}.md").read_text("utf-8")


@cache
def names_in(module: str) -> frozenset[str]:
    """What the module defines: functions, classes, constants, and what classes have, as `Class.method`."""

    def found(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
        for statement in body:
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield prefix + name
                case ast.ClassDef(name=name, body=inner):
                    yield prefix + name
                    yield from found(inner, f"{name}.")
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    yield prefix + name

    return frozenset(found(ast.parse((ROOT / module).read_text("utf-8")).body))


def pictures_in(text: str) -> list[str]:
    return PICTURE.findall(text)


def labels_of(picture: str) -> dict[str, str]:
    """What the nodes say, by their names; a node that was labelled once may be named again."""
    labels: dict[str, str] = {}
    for line in picture.splitlines()[1:]:
        arrow = ARROW.fullmatch(line)
        assert arrow, f"This line is no arrow between two nodes: {line!r}"
        for name, box, store in (arrow.groups()[:3], arrow.groups()[3:]):
            if label := box or store:
                assert name not in labels, f"{name} is labelled twice"
                labels[name] = label
            else:
                assert name in labels, f"{name} has no label yet: {line!r}"
    return labels


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_path_of_the_code_that_a_page_names_is_there(page: Path) -> None:
    named = {path.rstrip(".") for path in PATH.findall(page.read_text("utf-8"))}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_room_of_the_services_and_of_the_worker_is_named_on_a_subject_page():
    text = "".join(map(text_of, SUBJECTS))
    tops = (ROOT / "studio" / "services", ROOT / "studio" / "worker")
    rooms = {f"{room.parent.relative_to(ROOT).as_posix()}/" for top in tops for room in top.glob("*/__init__.py")}
    assert {room for room in rooms if room not in text} == set()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_page_has_one_picture_that_can_be_read(subject: str) -> None:
    (picture,) = pictures_in(text_of(subject))
    assert picture.splitlines()[0] == "flowchart TD"
    assert len(labels_of(picture)) <= MAX_NODES


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_page_tells_of_a_path_files_faults_tests_and_where_to_add_things(subject: str) -> None:
    sections = re.findall(r"^## (.+)$", text_of(subject), re.MULTILINE)
    assert [section for section in sections if section.startswith("The path of one ")] != []
    assert [section for section in SECTIONS if section not in sections] == []
    assert "(contributing.md#where-do-i-add-)" in text_of(subject)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_what_a_subject_page_means_of_a_module_is_in_it(subject: str) -> None:
    text = text_of(subject)
    meant = {(path, name) for path, names in MEANT.findall(text) for name in re.findall(r"[\w.]+", names)}
    for label in labels_of(pictures_in(text)[0]).values():
        if in_picture := MEANT_IN_PICTURE.search(label):
            meant.add((in_picture[1], in_picture[2]))
    assert meant
    assert {(path, name) for path, name in meant if name not in names_in(path)} == set()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_page_is_found_from_the_readme_and_from_contributing(subject: str) -> None:
    assert f"](docs/{subject}.md)" in (ROOT / "README.md").read_text("utf-8")
    assert f"]({subject}.md)" in (DOCS / "contributing.md").read_text("utf-8")
