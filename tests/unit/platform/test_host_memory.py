"""Memory within control groups, which are folders of small files."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from studio.platform.host_memory import count_kills, host_memory, killed_since, memory_groups, within

MB = 1 << 20


class Groups:
    """A tree of control groups as the kernel shows it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.own = folder / "own"
        self.machine = folder / "vmstat"

    def v2(self, path: str, limit: int | str, used: int, cached: int = 0, kills: int = 0) -> Path:
        return self._write(
            self.root / path,
            {
                "memory.max": limit,
                "memory.current": used,
                "memory.stat": f"anon 5\nactive_file {cached}\ninactive_file 0",
                "memory.events": f"low 0\noom 0\noom_kill {kills}",
            },
        )

    def v1(self, path: str, limit: int, used: int, kills: int = 0) -> Path:
        return self._write(
            self.root / "memory" / path,
            {
                "memory.limit_in_bytes": limit,
                "memory.usage_in_bytes": used,
                "memory.stat": "inactive_file 900\ntotal_inactive_file 0",
                "memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {kills}",
            },
        )

    def _write(self, folder, files):
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (folder / name).write_text(f"{value}\n")
        return folder

    def found(self, lines):
        self.own.write_text(lines)
        return memory_groups(self.own, self.root)


@pytest.fixture
def groups(tmp_path):
    return Groups(tmp_path)


def test_the_narrowest_of_all_groups_around_a_process_is_what_it_has(groups):
    groups.v2("user/app", "max", 90 * MB)
    groups.v2("user", 300 * MB, 120 * MB, cached=20 * MB)
    assert within(groups.found("0::/user/app\n"), 1000 * MB, 800 * MB) == (300 * MB, 200 * MB)


def test_a_container_finds_its_limit_at_the_top_although_its_path_is_told_as_from_outside(groups):
    groups.v2("", 300 * MB, 100 * MB)
    assert within(groups.found("0::/system.slice/docker-1.scope\n"), 1000 * MB, 800 * MB) == (300 * MB, 200 * MB)


def test_the_older_kind_of_groups_is_read_too(groups):
    groups.v1("batch/7", 300 * MB, 100 * MB)
    lines = "9:name=systemd:/\n4:cpu,memory:/batch/7\n0::/\n"
    assert within(groups.found(lines), 1000 * MB, 800 * MB) == (300 * MB, 200 * MB)


@pytest.mark.parametrize(("limit", "used"), [("max", 5 * MB), (1 << 62, 5 * MB)])
def test_a_group_without_a_limit_takes_nothing_away(groups, limit, used):
    groups.v2("a", limit, used)
    assert within(groups.found("0::/a\n"), 1000 * MB, 800 * MB) == (1000 * MB, 800 * MB)


def test_a_group_may_be_over_its_limit_and_the_machine_may_have_less_than_it_allows(groups):
    groups.v2("full", 300 * MB, 310 * MB)
    assert within(groups.found("0::/full\n"), 1000 * MB, 800 * MB) == (300 * MB, 0)
    groups.v2("empty", 300 * MB, 0)
    assert within(groups.found("0::/empty\n"), 1000 * MB, 50 * MB) == (300 * MB, 50 * MB)


def test_a_system_without_groups_has_what_the_machine_has(tmp_path):
    assert memory_groups(tmp_path / "none", tmp_path) == []
    total, free = host_memory()
    assert 0 < free <= total


def test_a_kill_is_counted_where_the_process_is(groups):
    groups.machine.write_text("pgfault 7\noom_kill 3\n")
    groups.v2("a", "max", 0, kills=2)
    found = groups.found("0::/a\n")
    before = count_kills(found, groups.machine)
    assert killed_since(before, groups.machine) is False
    groups.machine.write_text("oom_kill 4\n")
    assert killed_since(before, groups.machine) is False, "somebody else's"
    groups.v2("a", "max", 0, kills=3)
    assert killed_since(before, groups.machine) is True


def test_where_the_group_is_gone_it_is_known_only_that_the_machine_killed_nobody(groups):
    groups.machine.write_text("oom_kill 3\n")
    before = {str(groups.root / "gone" / "memory.events"): 0, str(groups.machine): 3}
    assert killed_since(before, groups.machine) is False
    groups.machine.write_text("oom_kill 4\n")
    assert killed_since(before, groups.machine) is None


def test_where_nobody_counts_nothing_is_known(tmp_path):
    assert count_kills([], tmp_path / "vmstat") == {}
    assert killed_since({}, tmp_path / "vmstat") is None


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")
def test_what_was_freed_is_given_back() -> None:
    code = (
        "import psutil, studio.platform.host_memory as memory\n"
        "blocks = [bytes(50_000) for _ in range(2_000)]\n"
        "kept = blocks[-1]\n"
        "del blocks\n"
        "before = psutil.Process().memory_info().rss\n"
        "memory.give_back()\n"
        "print(before - psutil.Process().memory_info().rss)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 50e6
