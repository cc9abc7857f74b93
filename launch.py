#!/usr/bin/env python3
"""Starts Adapter Studio. The first time, it installs what is missing into `.venv` beside this file.

Only the standard library is used, and the file parses on Python 3.8, so that an old Python gets one clear line.
What a start does not need is imported where an installation does.
"""

from __future__ import annotations

import hashlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

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

OLDEST = (3, 11)
NEWER_PYTHONS = ("python3.13", "python3.12", "python3.11")
HERE = os.path.dirname(os.path.abspath(__file__))


class LaunchError(Exception):
    """The studio cannot start; the message names the problem and the remedy in one line."""


def problem_with(version: tuple[int, ...]) -> str | None:
    """What is wrong with a Python of this version, or None if the studio runs on it."""
    if version[:2] >= OLDEST:
        return None
    return "Adapter Studio needs Python {}.{} or newer, and this is {}.{}.".format(*OLDEST, *version[:2])


def pins(requirements: str) -> dict[str, str]:
    """The pinned version of each package named in the text of a requirements file."""
    lines = (line.split("#")[0].strip() for line in requirements.splitlines())
    return {name: version for name, _, version in (line.partition("==") for line in lines if line)}


def environment_is_complete(pinned: dict[str, str]) -> bool:
    """Whether this very Python has every pinned package. Reads their metadata and imports none of them."""
    from importlib import metadata

    try:  # a local label, as in 2.13.0+cpu, tells how a version was built
        return all(metadata.version(name).split("+")[0] == version for name, version in pinned.items())
    except metadata.PackageNotFoundError:
        return False


def remedy_for(output: str) -> str:
    """What to do about a pip or venv that failed, judged by what it printed."""
    lower = output.lower()
    if "no space left on device" in lower:
        return "The disk is full: free some space (8 GB are ample), then start again."
    if "permission denied" in lower or "read-only file system" in lower:
        return "The folder cannot be written: copy Adapter Studio to a folder of your own, then start again."
    if "ensurepip" in lower:
        return "This Python cannot make virtual environments: install its venv package (python3-venv), then start again."
    if any(sign in lower for sign in ("connection", "name resolution", "timed out", "proxyerror", "sslerror")):
        return "The package index cannot be reached: check the network or the proxy, then start again."
    if "no matching distribution found" in lower:
        return "The package index has no build of it for this computer: try another index or Python, then start again."
    return "Mend what the lines above say, then start again: what has been downloaded is kept."


def last_words(output: str) -> str:
    """The lines of a failed pip's output that say why: its errors, or else the last five lines."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "\n".join([line for line in lines if line.startswith("ERROR:")] or lines[-5:])


class Progress:
    """What pip is doing, read from the lines that it prints."""

    def __init__(self, named: int) -> None:
        """`named` is the number of packages in the requirements file; pip finds out what those need in turn."""
        self.named = named
        self.met: list[str] = []
        self.queue: list[str] = []
        self.size = ""

    def hear(self, line: str) -> None:
        """Take note of one line of pip's output."""
        first, _, rest = line.strip().partition(" ")
        if first in ("Collecting", "Processing"):
            name = os.path.basename(rest.split(" (")[0])
            for mark in "<>=!~[-" if first == "Processing" else "<>=!~[":
                name = name.split(mark)[0]
            if name not in self.met:
                self.met.append(name)
            self.size = ""
        elif first == "Downloading":
            self.size = rest[rest.rfind("(") :]
        elif line.startswith("Installing collected packages: "):
            self.queue = line.strip().split(": ", 1)[1].split(", ")

    def line(self, installed: int) -> str:
        """The line to show while `installed` packages of the queue are on disk already."""
        if self.queue:
            place = max(0, min(installed, len(self.queue) - 1))
            return "Installing {} of {}: {}".format(place + 1, len(self.queue), self.queue[place])
        if not self.met:
            return "Asking the package index"
        total = " of {}".format(self.named) if len(self.met) <= self.named else ""
        return "Fetching {}{}: {} {}".format(len(self.met), total, self.met[-1], self.size).rstrip()


class MovingLine:
    """A line redrawn in place while something long happens; where there is no terminal, a line now and then."""

    def __init__(self, text: Callable[[], str]) -> None:
        """`text` gives what to show at the moment; it is called in a thread."""
        from threading import Event, Thread

        self.text = text
        self.ended = Event()
        self.thread = Thread(target=self._draw, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self.thread.join()

    def _draw(self) -> None:
        from shutil import get_terminal_size
        from time import monotonic

        began, terminal = monotonic(), sys.stdout.isatty()
        while not self.ended.wait(0.2 if terminal else 10):
            minutes, seconds = divmod(int(monotonic() - began), 60)
            line = "{}:{:02d}  {}".format(minutes, seconds, self.text())
            width = get_terminal_size().columns - 1
            sys.stdout.write("\r" + line[:width].ljust(width) if terminal else line + "\n")
            sys.stdout.flush()
        if terminal:
            sys.stdout.write("\n")


class Environment:
    """The virtual environment beside launch.py, and the stamp that says it was installed to the end."""

    def __init__(self, folder: str, requirements: str) -> None:
        """`folder` need not exist yet; `requirements` is the path of the requirements file."""
        self.folder = folder
        self.requirements = requirements
        self.stamp = os.path.join(folder, "installed.sha256")
        self.python = os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))

    def is_installed(self) -> bool:
        """Whether the requirements, as they are now, were installed to the end and the interpreter is still there."""
        try:
            with open(self.stamp, encoding="ascii") as file:
                return file.read() == self._wanted_stamp() and os.path.exists(self.python)
        except OSError:
            return False

    def install(self) -> None:
        """Make the environment where it is missing or broken, and install the requirements into it.

        Raises LaunchError when that fails, leaving no stamp: the next call goes on from there.
        """
        wanted = self._wanted_stamp()
        try:
            if os.path.exists(self.stamp):
                os.remove(self.stamp)
            if not runs_the_studio(self.python, module="pip"):
                print("Making the virtual environment {}".format(self.folder), flush=True)
                follow([interpreter(), "-m", "venv", "--clear", self.folder])
            self._install_requirements()
            with open(self.stamp, "w", encoding="ascii") as file:
                file.write(wanted)
        except OSError as error:
            raise LaunchError("{}. {}".format(error, remedy_for(str(error)))) from None

    def _wanted_stamp(self) -> str:
        with open(self.requirements, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def _install_requirements(self) -> None:
        with open(self.requirements, encoding="utf-8") as file:
            progress = Progress(len(pins(file.read())))
        print("Installing {} packages and what they need; this happens once.".format(progress.named), flush=True)
        before = self._packages_on_disk()
        command = [self.python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        with MovingLine(lambda: progress.line(self._packages_on_disk() - before)):
            follow([*command, "--progress-bar", "off", "-r", self.requirements], progress.hear)

    def _packages_on_disk(self) -> int:
        from glob import glob

        library = ("Lib",) if os.name == "nt" else ("lib", "python*")
        return len(glob(os.path.join(self.folder, *library, "site-packages", "*.dist-info")))


def follow(command: list[str], hear: Callable[[str], None] = lambda line: None) -> None:
    """Run a command, handing each line it prints to `hear`. Raises LaunchError, with its last words, if it fails."""
    from subprocess import DEVNULL, PIPE, STDOUT, Popen

    environ = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    said = []
    with Popen(
        command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, encoding="utf-8", errors="replace", env=environ
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            hear(line)
    if process.returncode != 0:
        raise LaunchError("{}\n{}".format(last_words("".join(said)), remedy_for("".join(said))))


def runs_the_studio(python: str, module: str = "venv") -> bool:
    """Whether this interpreter really runs (a version manager leaves empty shims), is new enough and has `module`."""
    from subprocess import DEVNULL, call

    code = "import sys, {}; sys.exit(sys.version_info < {})".format(module, OLDEST)
    try:
        return call([python, "-c", code], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) == 0
    except OSError:
        return False


def interpreter() -> str:
    """The Python to make the environment with: this one, or else a newer one on PATH. Raises LaunchError if none."""
    from shutil import which

    problem = problem_with(sys.version_info)
    if problem is None:
        return sys.executable
    for path in filter(None, map(which, NEWER_PYTHONS)):
        if runs_the_studio(path):
            return path
    raise LaunchError("{} Install Python 3.12, then start again.".format(problem))


def python_to_start(environment: Environment) -> str:
    """The interpreter that has the packages, after installing them if none has. Raises LaunchError."""
    if environment.is_installed():
        return environment.python
    if problem_with(sys.version_info) is None:
        with open(environment.requirements, encoding="utf-8") as file:
            if environment_is_complete(pins(file.read())):
                return sys.executable
    environment.install()
    return environment.python


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
    environment = Environment(os.path.join(HERE, ".venv"), os.path.join(HERE, "requirements.txt"))
    try:
        if "--install-only" in arguments:
            if not environment.is_installed():
                environment.install()
            return 0
        return start(python_to_start(environment), arguments)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next start goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
