"""What the browser loads: files under an address that holds their version, and what a module imports."""

from __future__ import annotations

import hashlib
import posixpath
import re
from functools import cache
from pathlib import Path

from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

FOR_EVER = "public, max-age=31536000, immutable"
PACKAGE = Path(__file__).parents[1]
STATIC = PACKAGE / "static" if (PACKAGE / "static").is_dir() else PACKAGE.parent / "static"
_VERSIONED = re.compile(r"([0-9a-f]{12})/(.+)", re.DOTALL)
_IMPORT = re.compile(r'^(?:import|export)\b[^;"]*"(\.{1,2}/[^"]+)"', re.MULTILINE)


def static_version(folder: Path = STATIC) -> str:
    """Changes when a static file or a dictionary does."""
    digest = hashlib.sha256()
    for file in sorted([*folder.rglob("*"), *(PACKAGE / "ui" / "text").glob("*.json")]):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


class VersionedStatic(StaticFiles):
    """Static files as `<version>/<path>`, so that what a file names relative to itself has the same version. Under the
    present version a file is kept for ever; a page that a studio of another version wrote gets the present files."""

    def __init__(self, version: str) -> None:
        super().__init__(directory=STATIC)
        self.version = version

    async def get_response(self, path: str, scope: Scope) -> Response:
        versioned = _VERSIONED.fullmatch(Path(path).as_posix())
        response = await super().get_response(versioned[2] if versioned else path, scope)
        is_permanent = versioned and versioned[1] == self.version and response.status_code == 200
        response.headers["Cache-Control"] = FOR_EVER if is_permanent else "no-cache"
        return response


@cache
def imported_modules(module: str) -> tuple[str, ...]:
    """Static paths of all that the module imports, itself or through others: what the browser would otherwise learn of
    one import after the other."""
    dependencies: dict[str, None] = {}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        for path in _IMPORT.findall((STATIC / current).read_text("utf-8")):
            dependency = posixpath.normpath(posixpath.join(posixpath.dirname(current), path))
            if dependency not in dependencies and dependency != module:
                dependencies[dependency] = None
                waiting.append(dependency)
    return tuple(dependencies)
