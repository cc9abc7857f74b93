"""What people read of a worker that is disappeared without an error message."""

from __future__ import annotations

import pytest

from studio.engines.exit_reason import ExitReason, explain

LINES = ["loading", "Fatal Python error: Segmentation fault"]


@pytest.mark.parametrize(
    ("death", "problem", "remedy"),
    [
        (None, "disappeared without an error message", "Resume"),
        (ExitReason(), "disappeared without an error message", "Resume"),
        (ExitReason(None, out_of_memory=True), "ran out of memory", "4-bit"),
        (ExitReason(-9, out_of_memory=True), "ran out of memory", "4-bit"),
        (ExitReason(-9, out_of_memory=False), "not by the kernel", "Resume"),
        (ExitReason(-9), "because memory ran out", "less memory"),
        (ExitReason(-15, out_of_memory=False), "SIGTERM), as happens when the machine shuts down", "Resume"),
        (ExitReason(-11), "library crashed in the worker (SIGSEGV). Last output: loading / Fatal", "precision"),
        (ExitReason(-6), "library crashed in the worker (SIGABRT)", "precision"),
        (ExitReason(-7), "library crashed in the worker (SIG", "precision"),
        (ExitReason(0xC0000005), "library crashed in the worker (0xC0000005)", "precision"),
        (ExitReason(-12), "killed from outside (SIGUSR2)", "Resume"),
        (ExitReason(-99), "killed from outside (99)", "Resume"),
        (ExitReason(3), "exit code 3 and no error message. Last output: loading", "log"),
        (ExitReason(0), "exit code 0 and no error message", "log"),
    ],
)
def test_each_end_has_words_of_its_own_and_a_remedy(death, problem, remedy):
    fault = explain(death, LINES)
    assert problem in fault.problem
    assert remedy in fault.remedy


def test_a_worker_that_printed_nothing_has_nothing_quoted():
    assert explain(ExitReason(1), []).problem.endswith("Last output: –")
