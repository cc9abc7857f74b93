#!/usr/bin/env python3
"""Starts Adapter Studio. The first time, it installs what is missing into `.venv` beside this file.

Only the standard library is used, and all of it parses on Python 3.8, so that an old Python gets one clear line.
A start with everything in place imports next to nothing: what installs is in studio/installation.py.
"""

from __future__ import annotations

import hashlib
import os
import sys

HELP = """\
usage: python launch.py [options]

Starts Adapter Studio and opens it in the browser. The first start installs the packages of
requirements.txt into .venv beside launch.py (a few minutes); every later start begins at once.

options, handed on to `studio serve`:
  --host ADDRESS        address to listen on (default 127.0.0.1)
  --port NUMBER         port to listen on (default 7860)
  --home FOLDER         where datasets, models, runs and adapters are kept
                        (default ~/.adapter-studio, or STUDIO_HOME)
  --database-url URL    catalogue database (default: SQLite inside the home)
  --no-browser          do not open the browser

options of launch.py itself:
  --install-only        install into .venv what is missing there, then stop
  -h, --help            show this text; installs nothing
"""

HERE = os.path.dirname(os.path.abspath(__file__))
REQUIREMENTS = os.path.join(HERE, "requirements.txt")
ENVIRONMENT = os.path.join(HERE, ".venv")
PYTHON = os.path.join(ENVIRONMENT, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
STAMP = os.path.join(ENVIRONMENT, "installed.sha256")


def read(path: str) -> str:
    """The text of a file; empty if there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def pins(requirements: str) -> dict[str, str]:
    """The pinned version of each package named in the text of a requirements file."""
    lines = (line.split("#")[0].strip() for line in requirements.splitlines())
    return {name: version for name, _, version in (line.partition("==") for line in lines if line)}


def digest(requirements: str) -> str:
    """What the stamp says once these requirements are installed to the end."""
    return hashlib.sha256(requirements.encode()).hexdigest()


def has_packages(pinned: dict[str, str]) -> bool:
    """Whether this very Python has every pinned package. Reads their metadata and imports none of them."""
    try:
        from importlib import metadata

        # A local label, as in 2.13.0+cpu, tells how a version was built.
        return all(metadata.version(name).split("+")[0] == version for name, version in pinned.items())
    except ImportError:  # no such package, or a Python from before importlib.metadata
        return False


def python_with_packages(install_only: bool) -> str | None:
    """The interpreter to start with, after installing the packages if none has them; None if that failed.

    With `install_only`, the environment of the Python that runs this does not count.
    """
    requirements = read(REQUIREMENTS)
    if read(STAMP) == digest(requirements) and os.path.exists(PYTHON):
        return PYTHON
    if not install_only and has_packages(pins(requirements)):
        return sys.executable
    from pathlib import Path

    from studio.installation import InstallationError, install, remedy_for

    try:
        if os.path.exists(STAMP):
            os.remove(STAMP)
        install(Path(ENVIRONMENT), Path(PYTHON), Path(REQUIREMENTS), package_count=len(pins(requirements)))
        with open(STAMP, "w", encoding="utf-8") as stamp:
            stamp.write(digest(requirements))
    except InstallationError as error:
        print(error, file=sys.stderr)
        return None
    except OSError as error:
        print(f"{error}\n{remedy_for(str(error))}", file=sys.stderr)
        return None
    except KeyboardInterrupt:
        print("\nStopped. The next start goes on from here.", file=sys.stderr)
        return None
    return PYTHON


def start(python: str, arguments: list[str]) -> int:
    """Become `studio serve`, whatever the working directory is and holds."""
    paths = (HERE, os.environ.get("PYTHONPATH"))
    environ = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in paths if path))
    command = [python, "-P", "-m", "studio", "serve", *arguments]
    if os.name == "nt":  # there, exec would give the prompt back while the server runs
        from subprocess import call

        return call(command, env=environ)
    sys.stdout.flush()
    os.execve(python, command, environ)


def main(arguments: list[str]) -> int:
    """Start the studio; return the exit code where it does not come to that."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP, end="")
        return 0
    install_only = "--install-only" in arguments
    python = python_with_packages(install_only)
    if python is None:
        return 1
    return 0 if install_only else start(python, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
