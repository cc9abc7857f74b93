"""Why a worker is gone: real processes, ended in the ways in which they end."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from studio.engines.exit_reason import ExitReason, explain
from studio.engines.local import LocalEngine
from studio.store.job_folder import JobFolder
from tests.support.waiting import wait_for
from tests.support.workers import pid_of


class Bed:
    """A worker that has begun, and waits for a request that nobody ever writes."""

    def __init__(self, folder: Path) -> None:
        self.engine = LocalEngine()
        self.folder = JobFolder(folder)
        os.mkfifo(self.folder.request)
        self.process = self.engine.start("count-tokens", folder)
        self.pid = pid_of(self.process)
        self._request = wait_for(self._opened, seconds=60, what="the worker, which reads its request")

    def _opened(self) -> int | None:
        try:
            return os.open(self.folder.request, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            return None

    def close(self) -> None:
        os.close(self._request)

    def killed_by_the_kernel(self, count: int) -> None:
        """As far as its counter says."""
        events = self.folder.path / "memory.events"
        events.write_text("oom_kill 4\n")
        (self.folder.path / "kills.json").write_text(json.dumps({str(events): 4}))
        events.write_text(f"oom_kill {4 + count}\n")

    def ends(self, number: int) -> ExitReason:
        os.kill(self.pid, number)
        wait_for(lambda: not self.engine.is_alive(self.process), seconds=20, what="the worker's end")
        return self.engine.exit_reason(self.process, self.folder.path)

    def told(self, death: ExitReason) -> str:
        return explain(death, self.folder.last_lines()).problem


@pytest.fixture
def bed(tmp_path):
    bed = Bed(tmp_path)
    yield bed
    bed.engine.stop(bed.process, force=True)
    bed.close()
    wait_for(lambda: not bed.engine.is_alive(bed.process), seconds=20, what="the worker's end")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGTERM, "asked to end (SIGTERM)"),
        (signal.SIGABRT, "A library crashed in the worker (SIGABRT)"),
        (signal.SIGBUS, "A library crashed in the worker (SIGBUS)"),
        (signal.SIGUSR2, "killed from outside (SIGUSR2)"),
    ],
)
def test_a_signal_is_told_by_its_name(bed, number, said):
    death = bed.ends(number)
    assert (death.exit_code, death.out_of_memory) == (-number, False)
    assert said in bed.told(death)


def test_a_crash_is_told_with_what_python_printed_of_it(bed):
    death = bed.ends(signal.SIGSEGV)
    assert death.exit_code == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in bed.folder.log_tail()
    assert "Last output" in bed.told(death)


def test_a_worker_that_somebody_kills_was_not_short_of_memory(bed):
    bed.killed_by_the_kernel(0)
    death = bed.ends(signal.SIGKILL)
    assert death == ExitReason(-signal.SIGKILL, out_of_memory=False)
    assert "by a user or another program" in bed.told(death)


def test_a_worker_that_the_kernel_kills_was_short_of_memory(bed):
    bed.killed_by_the_kernel(1)
    death = bed.ends(signal.SIGKILL)
    assert death == ExitReason(-signal.SIGKILL, out_of_memory=True)
    assert "ran out of memory" in bed.told(death)


def test_a_worker_that_ends_otherwise_was_not_killed_whatever_the_kernel_did_meanwhile(bed):
    bed.killed_by_the_kernel(1)
    assert bed.ends(signal.SIGTERM).out_of_memory is False


def test_the_next_server_knows_no_exit_code_but_what_the_kernel_counted(bed):
    bed.killed_by_the_kernel(1)
    bed.ends(signal.SIGKILL)
    death = LocalEngine().exit_reason(bed.process, bed.folder.path)
    assert death == ExitReason(None, out_of_memory=True)
    (bed.folder.path / "kills.json").unlink()
    death = LocalEngine().exit_reason(bed.process, bed.folder.path)
    assert death == ExitReason(None, None)
    assert "disappeared without an error message" in bed.told(death)


def test_a_death_is_found_out_although_nobody_looked_before(bed):
    os.kill(bed.pid, signal.SIGTERM)
    os.waitid(os.P_PID, bed.pid, os.WEXITED | os.WNOWAIT)
    assert bed.engine.exit_reason(bed.process, bed.folder.path).exit_code == -signal.SIGTERM


def test_a_worker_that_gives_up_by_itself_leaves_its_exit_code(tmp_path):
    engine = LocalEngine()
    process = engine.start("nonsense", tmp_path)
    wait_for(lambda: not engine.is_alive(process), seconds=60, what="the worker's end")
    death = engine.exit_reason(process, tmp_path)
    assert death.exit_code == 2
    told = explain(death, JobFolder(tmp_path).last_lines())
    assert "exit code 2" in told.problem
    assert "Usage" in told.problem


def test_a_worker_that_has_ended_is_buried_though_nobody_asks_for_it(bed):
    os.kill(bed.pid, signal.SIGKILL)

    def is_buried() -> bool:
        bed.engine.tick()
        return not psutil.pid_exists(bed.pid)

    wait_for(is_buried, seconds=20, what="its burial")
    assert bed.engine.exit_reason(bed.process, bed.folder.path).exit_code == -signal.SIGKILL
