"""The installation into the virtual environment: pip and venv, their progress as one line, their failures as a remedy.

Runs before anything is installed, so it uses the standard library only, and parses on Python 3.8 like launch.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import get_terminal_size, which
from subprocess import DEVNULL, PIPE, STDOUT, Popen, call
from threading import Event, Thread
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OLDEST = (3, 11)
NEWER_PYTHONS = ("python3.13", "python3.12", "python3.11")
NEW_ENOUGH = f"import sys; assert sys.version_info >= {OLDEST}; "
CAN_MAKE_ENVIRONMENTS = NEW_ENOUGH + "import venv, ensurepip"
HAS_WHOLE_PIP = (
    NEW_ENOUGH + "import importlib.metadata as found; assert found.files('pip')"
)  # known once all is written


class InstallationError(Exception):
    """The packages cannot be installed; the last line of the message names the remedy."""


def install(folder: Path, python: Path, requirements: Path, package_count: int) -> None:
    """Make the virtual environment in `folder` where it is missing or broken, and install the requirements into it.

    `python` is the interpreter inside it; `requirements` is a file that names `package_count` packages.
    After a failure or an interruption, the next call goes on from there.

    Raises:
        InstallationError: no Python is new enough, or venv or pip failed.
    """
    if not succeeds(str(python), HAS_WHOLE_PIP):
        maker = interpreter(sys.executable, sys.version_info[:2])
        say(f"Creating the virtual environment {folder}")
        follow([maker, "-m", "venv", "--clear", str(folder)])
    say(f"Installing {package_count} packages and what they need; this happens once.")
    progress, before = Progress(package_count), packages_in(folder)
    pip = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
    with MovingLine(lambda: progress.line(packages_in(folder) - before)):
        follow([*pip, "-r", str(requirements)], progress.hear)


def interpreter(own: str, version: tuple[int, ...], search: str | None = None) -> str:
    """The Python to make the environment with: `own`, or a newer one on PATH.

    `version` is that of `own`; `search` stands in for PATH. Raises InstallationError if none will do.
    """
    for path in [own, *(which(name, path=search) for name in NEWER_PYTHONS)]:
        if path and succeeds(path, CAN_MAKE_ENVIRONMENTS):
            return path
    problem = problem_with(version)
    if problem:
        raise InstallationError(f"{problem} Install Python 3.12, then start again.")
    raise InstallationError("This Python cannot make virtual environments: install python3-venv, then start again.")


def problem_with(version: tuple[int, ...]) -> str | None:
    """What is wrong with a Python of this version, or None if the studio runs on it."""
    if version[:2] >= OLDEST:
        return None
    return "Adapter Studio needs Python {}.{} or newer, and this is {}.{}.".format(*OLDEST, *version[:2])


def succeeds(python: str, code: str) -> bool:
    """Whether this interpreter is there and runs the code (a version manager leaves shims with nothing behind them)."""
    try:
        return call([python, "-c", code], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) == 0
    except OSError:
        return False


def packages_in(folder: Path) -> int:
    """The number of packages installed in a virtual environment."""
    library = "Lib" if os.name == "nt" else "lib/python*"
    return len(list(folder.glob(f"{library}/site-packages/*.dist-info")))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def follow(command: list[str], hear: Callable[[str], None] = lambda line: None) -> None:
    """Run a command, handing each line it prints to `hear`. Raises InstallationError, with its last words."""
    environ = dict(os.environ, PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    lines = []
    with Popen(
        command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, encoding="utf-8", errors="replace", env=environ
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            hear(line)
    if process.returncode != 0:
        output = "".join(lines)
        raise InstallationError(f"{last_words(output)}\nThe packages are not installed. {remedy_for(output)}")


def remedy_for(output: str) -> str:
    """What to do about a pip or venv that failed, judged by what it printed."""
    lower = output.lower()
    if "no space left on device" in lower:
        return "The disk is full: free some space (8 GB are ample), then start again."
    if "permission denied" in lower or "read-only file system" in lower:
        return "The folder cannot be written: copy Adapter Studio to a folder of your own, then start again."
    if any(sign in lower for sign in ("connection", "name resolution", "timed out", "proxyerror", "sslerror")):
        return "The package index cannot be reached: check the network or the proxy, then start again."
    if "no matching distribution found" in lower:
        return "The package index offers no build of it: check the network, use Python 3.11 to 3.13, then start again."
    return "Fix what the lines above say, then start again."


def last_words(output: str) -> str:
    """The lines of a failed pip's output that say why: its errors, or else the last five lines."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return "\n".join([line for line in lines if line.startswith("ERROR:")] or lines[-5:])


class Progress:
    """What pip is doing, read from the lines that it prints."""

    def __init__(self, package_count: int) -> None:
        """`package_count` is the number of packages in the requirements file; pip finds out what those need in turn."""
        self.package_count = package_count
        self.packages: list[str] = []
        self.queue: list[str] = []
        self.size = ""

    def hear(self, line: str) -> None:
        """Take note of one line of pip's output."""
        first, _, rest = line.strip().partition(" ")
        if first in ("Collecting", "Processing"):
            name = Path(rest.split(" (")[0]).name
            for mark in "<>=!~[-" if first == "Processing" else "<>=!~[":
                name = name.split(mark)[0]
            if name not in self.packages:
                self.packages.append(name)
            self.size = ""
        elif first == "Downloading":
            self.size = rest[rest.rfind("(") :]
        elif line.startswith("Installing collected packages: "):
            self.queue = line.strip().split(": ", 1)[1].split(", ")

    def line(self, installed_count: int) -> str:
        """The line to show while `installed_count` packages of the queue are on disk already."""
        if self.queue:
            place = max(0, min(installed_count, len(self.queue) - 1))
            return f"Installing {place + 1} of {len(self.queue)}: {self.queue[place]}"
        if not self.packages:
            return "Asking the package index"
        total = f" of {self.package_count}" if len(self.packages) <= self.package_count else ""
        return f"Fetching {len(self.packages)}{total}: {self.packages[-1]} {self.size}".rstrip()


class MovingLine:
    """A line redrawn in place while something long happens; where there is no terminal, a line now and then."""

    def __init__(self, text: Callable[[], str]) -> None:
        """`text` gives what to show at the moment; it is called in a thread."""
        self.text = text
        self.stop_event = Event()
        self.thread = Thread(target=self._draw, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stop_event.set()
        self.thread.join()

    def _draw(self) -> None:
        began, terminal = monotonic(), sys.stdout.isatty()
        while not self.stop_event.wait(0.2 if terminal else 10):
            minutes, seconds = divmod(int(monotonic() - began), 60)
            line = f"{minutes}:{seconds:02d}  {self.text()}"
            width = get_terminal_size().columns - 1
            sys.stdout.write("\r" + line[:width].ljust(width) if terminal else line + "\n")
            sys.stdout.flush()
        if terminal:
            sys.stdout.write("\n")
