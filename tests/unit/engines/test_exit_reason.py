"""What people read of a worker that is gone without a word."""

from __future__ import annotations

import pytest

from studio.engines.exit_reason import Death, explain

LINES = ["loading", "Fatal Python error: Segmentation fault"]


@pytest.mark.parametrize(
    ("death", "problem", "remedy"),
    [
        (None, "gone without a word", "Resume"),
        (Death(), "gone without a word", "Resume"),
        (Death(None, out_of_memory=True), "ran out of memory", "4-bit"),
        (Death(-9, out_of_memory=True), "ran out of memory", "4-bit"),
        (Death(-9, out_of_memory=False), "not by the system's kernel", "Resume"),
        (Death(-9), "for want of memory", "less memory"),
        (Death(-15, out_of_memory=False), "SIGTERM), as it is when the machine shuts down", "Resume"),
        (Death(-11), "library crashed in the worker (SIGSEGV). Printed last: loading / Fatal", "precision"),
        (Death(-6), "library crashed in the worker (SIGABRT)", "precision"),
        (Death(-7), "library crashed in the worker (SIG", "precision"),
        (Death(0xC0000005), "library crashed in the worker (0xC0000005)", "precision"),
        (Death(-12), "ended from outside (SIGUSR2)", "Resume"),
        (Death(-99), "ended from outside (99)", "Resume"),
        (Death(3), "exit code 3 and without a word. Printed last: loading", "log"),
        (Death(0), "exit code 0 and without a word", "log"),
    ],
)
def test_each_end_has_words_of_its_own_and_a_remedy(death, problem, remedy):
    fault = explain(death, LINES)
    assert problem in fault.problem
    assert remedy in fault.remedy


def test_a_worker_that_printed_nothing_has_nothing_quoted():
    assert explain(Death(1), []).problem.endswith("Printed last: –")
