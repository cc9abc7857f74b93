"""What people read of a worker that is disappeared without an error message."""

from __future__ import annotations

import pytest

from studio.engines.exit_reason import Death, explain

LINES = ["loading", "Fatal Python error: Segmentation fault"]


@pytest.mark.parametrize(
    ("death", "problem", "remedy"),
    [
        (None, "disappeared without an error message", "Resume"),
        (Death(), "disappeared without an error message", "Resume"),
        (Death(None, out_of_memory=True), "ran out of memory", "4-bit"),
        (Death(-9, out_of_memory=True), "ran out of memory", "4-bit"),
        (Death(-9, out_of_memory=False), "not by the kernel", "Resume"),
        (Death(-9), "because memory ran out", "less memory"),
        (Death(-15, out_of_memory=False), "SIGTERM), as happens when the machine shuts down", "Resume"),
        (Death(-11), "library crashed in the worker (SIGSEGV). Last output: loading / Fatal", "precision"),
        (Death(-6), "library crashed in the worker (SIGABRT)", "precision"),
        (Death(-7), "library crashed in the worker (SIG", "precision"),
        (Death(0xC0000005), "library crashed in the worker (0xC0000005)", "precision"),
        (Death(-12), "killed from outside (SIGUSR2)", "Resume"),
        (Death(-99), "killed from outside (99)", "Resume"),
        (Death(3), "exit code 3 and no error message. Last output: loading", "log"),
        (Death(0), "exit code 0 and no error message", "log"),
    ],
)
def test_each_end_has_words_of_its_own_and_a_remedy(death, problem, remedy):
    fault = explain(death, LINES)
    assert problem in fault.problem
    assert remedy in fault.remedy


def test_a_worker_that_printed_nothing_has_nothing_quoted():
    assert explain(Death(1), []).problem.endswith("Last output: –")
