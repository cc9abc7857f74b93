"""The tests, benchmarks and scripts import only what there is. Of the studio itself, the types are checked."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def names_of(module: str) -> set[str] | None:
    """What can be imported from a module of ours, as far as it is written there; None if there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    names = {entry.stem for entry in path.iterdir()} if path.is_dir() else set()
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not source.is_file():
        return names or None
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.ImportFrom() | ast.Import():
                names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def missing(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        imports: list[tuple[str, str]] = []
        if isinstance(node, ast.Import):
            imports = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports = [(node.module, alias.name) for alias in node.names]
        for module, name in imports:
            if module.split(".")[0] not in ("studio", "tests", "benchmarks", "launch"):
                continue
            names = names_of(module)
            if names is None or name not in {*names, "", "*"}:
                yield f"{path.relative_to(ROOT)}: {module} {name}".rstrip()


def test_whatever_is_imported_from_our_own_modules_exists() -> None:
    paths = [path for folder in ("tests", "benchmarks", "scripts") for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 100
    assert [each for path in paths for each in missing(path)] == []
