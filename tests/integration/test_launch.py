"""launch.py and its installation, run for real in a small checkout; packages come from a folder, not a network."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import launch
from studio.installation import InstallationError, Progress, interpreter, last_words, problem_with, remedy_for

ROOT = Path(launch.HERE)
SERVE = "import json, os, sys; print(json.dumps([sys.executable, sys.argv[1:], os.getcwd()]))"


class Checkout:
    """A small copy of the project: the real launch.py, a `studio` that prints how it was started, one requirement."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir(parents=True)
        (folder / "studio").mkdir()
        for name in ("launch.py", "studio/__init__.py", "studio/installation.py"):
            shutil.copy(ROOT / name, folder / name)
        (folder / "studio" / "__main__.py").write_text(SERVE)
        self.require("1.0")

    def require(self, version: str) -> None:
        (self.folder / "requirements.txt").write_text(f"# what it needs\nsmall-thing=={version}\n")

    def publish(self, version: str) -> None:
        """Put a wheel of small-thing where pip looks."""
        info = f"small_thing-{version}.dist-info"
        with zipfile.ZipFile(self.wheels / f"small_thing-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr("small_thing.py", f"version = {version!r}\n")
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: small-thing\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")

    def launch(
        self, *options: str, python: str = sys.executable, cwd: Path | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run launch.py with a pip that knows no index and looks into the wheels' folder."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels)}
        command = [python, str(self.folder / "launch.py"), *options]
        environ = {**kept, **pip, **variables}
        return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def is_installed(self) -> bool:
        return (self.folder / ".venv" / "installed.sha256").exists()

    def installed_version(self) -> str:
        python = self.folder / ".venv" / "bin" / "python"
        command = [python, "-c", "import small_thing; print(small_thing.version)"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def test_an_installation_that_fails_says_why_and_is_completed_at_the_next_start(checkout: Checkout, tmp_path: Path):
    failed = checkout.launch("--port", "7999")
    assert failed.returncode == 1
    assert "small-thing==1.0" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("The packages are not installed. The package index offers")
    assert "Traceback" not in failed.stderr
    assert not checkout.is_installed()

    checkout.publish("1.0")
    started = checkout.launch("--port", "7999", "--home", "my home", cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    environment = str(checkout.folder / ".venv" / "bin" / "python")
    expected = [environment, ["serve", "--port", "7999", "--home", "my home"], str(tmp_path)]
    assert json.loads(started.stdout.splitlines()[-1]) == expected
    assert checkout.installed_version() == "1.0"

    again = checkout.launch("--no-browser", cwd=tmp_path)
    assert json.loads(again.stdout) == [environment, ["serve", "--no-browser"], str(tmp_path)], "it starts at once"

    checkout.publish("2.0")
    checkout.require("2.0")
    assert checkout.launch("--install-only").returncode == 0
    assert checkout.installed_version() == "2.0", "changed requirements are installed again"

    checkout.require("3.0")
    assert checkout.launch().returncode == 1
    assert not checkout.is_installed()


def test_an_environment_that_has_every_package_starts_at_once(checkout: Checkout):
    (checkout.folder / "requirements.txt").write_text(f"pytest=={pytest.__version__}\n")
    started = checkout.launch("--host", "::1")
    assert json.loads(started.stdout)[:2] == [sys.executable, ["serve", "--host", "::1"]]
    assert not (checkout.folder / ".venv").exists()


def test_what_lies_in_the_working_directory_does_not_get_in_the_way(checkout: Checkout, tmp_path: Path):
    (checkout.folder / "requirements.txt").write_text(f"pytest=={pytest.__version__}\n")
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "__init__.py").write_text("raise SystemExit('the wrong studio')")
    assert checkout.launch(cwd=tmp_path).returncode == 0


def test_help_is_shown_before_anything_is_installed(checkout: Checkout):
    shown = checkout.launch("--help")
    assert shown.returncode == 0
    for option in ("--host", "--port", "--home", "--database-url", "--no-browser", "--install-only"):
        assert option in shown.stdout
    assert not (checkout.folder / ".venv").exists()


def program(path: Path, script: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_an_old_python_hands_over_to_a_newer_one_that_really_runs(tmp_path: Path):
    old = program(tmp_path / "python3.10", "exit 1")
    program(tmp_path / "bin" / "python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    newer = program(tmp_path / "bin" / "python3.12", f'exec {sys.executable} "$@"')
    assert interpreter(old, (3, 10), search=str(tmp_path / "bin")) == newer


def test_an_old_python_without_a_newer_one_says_what_to_install(tmp_path: Path):
    old = program(tmp_path / "python3.10", "exit 1")
    with pytest.raises(InstallationError) as caught:
        interpreter(old, (3, 10), search=str(tmp_path))
    expected = "Adapter Studio needs Python 3.11 or newer, and this is 3.10. Install Python 3.12, then start again."
    assert str(caught.value) == expected


def test_a_python_without_venv_says_what_to_install(tmp_path: Path):
    bare = program(tmp_path / "python", "exit 1")
    with pytest.raises(InstallationError, match="install python3-venv"):
        interpreter(bare, (3, 12), search=str(tmp_path))


@pytest.mark.parametrize(("version", "fits"), [((3, 8), False), ((3, 10), False), ((3, 11), True), ((4, 0), True)])
def test_python_3_11_is_the_oldest_that_fits(version: tuple[int, int], fits: bool):
    assert (problem_with(version) is None) is fits


@pytest.mark.parametrize("path", ["launch.py", "studio/__init__.py", "studio/installation.py"])
def test_what_an_old_python_reads_parses_on_python_3_8(path: str):
    ast.parse((ROOT / path).read_text(), feature_version=(3, 8))


def test_a_package_at_another_version_makes_an_environment_incomplete():
    assert launch.has_packages({"pytest": pytest.__version__})
    assert not launch.has_packages({"pytest": "0.1"})
    assert not launch.has_packages({"pytest": pytest.__version__, "no-such-package": "1"})


def test_every_requirement_is_a_pin_that_the_ranges_of_the_package_allow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ranges = {requirement.name: requirement.specifier for requirement in map(Requirement, project["dependencies"])}
    pinned = launch.pins((ROOT / "requirements.txt").read_text())
    assert pinned.keys() == ranges.keys()
    assert [name for name, version in pinned.items() if version not in ranges[name]] == []


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full"),
        (
            "connection broken by NewConnectionError\nERROR: No matching distribution found for x",
            "cannot be reached",
        ),
        ("ReadTimeoutError: Read timed out.", "cannot be reached"),
        ("ERROR: No matching distribution found for torch==9", "offers no build of it"),
        ("Error: [Errno 13] Permission denied: '/opt/studio/.venv'", "cannot be written"),
        ("ERROR: something new", "Fix what the lines above say"),
    ],
)
def test_a_failed_installation_names_its_remedy(output: str, remedy: str):
    assert remedy in remedy_for(output)


def test_of_a_failed_installation_the_errors_are_shown_or_else_the_last_lines():
    assert last_words("Collecting x\nERROR: No matching x\nWARNING: old pip\n") == "ERROR: No matching x"
    assert last_words("one\n\ntwo\nthree\nfour\nfive\nsix\n") == "two\nthree\nfour\nfive\nsix"


def test_the_progress_says_which_package_of_how_many():
    progress = Progress(package_count=2)
    assert progress.line(0) == "Asking the package index"
    progress.hear("Processing /wheels/torch-2.13.0+cpu-cp311-linux.whl (from -r requirements.txt (line 1))\n")
    assert progress.line(0) == "Fetching 1 of 2: torch"
    progress.hear("Collecting gradio==6.31.0 (from -r requirements.txt (line 2))\n")
    progress.hear("  Downloading gradio-6.31.0-py3-none-any.whl (31.4 MB)\n")
    assert progress.line(0) == "Fetching 2 of 2: gradio (31.4 MB)"
    progress.hear("Collecting numpy>=1.17 (from gradio)\n")
    assert progress.line(0) == "Fetching 3: numpy"
    progress.hear("Installing collected packages: numpy, torch, gradio\n")
    assert [progress.line(installed) for installed in (0, 2, 3)] == [
        "Installing 1 of 3: numpy",
        "Installing 3 of 3: gradio",
        "Installing 3 of 3: gradio",
    ]
