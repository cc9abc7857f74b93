"""Where waiting runs start, and why some do not."""

from dataclasses import dataclass

import pytest

from studio.platform.hardware import Device
from studio.services.runs.device_placement import place

GB = 10**9
CPU = Device("cpu", "CPU", 16 * GB, 8 * GB)
ONE = Device("cuda:0", "RTX", 24 * GB, 20 * GB)
TWO = Device("cuda:1", "T4", 16 * GB, 4 * GB)


@dataclass
class Run:
    id: int
    device: str = ""
    held: bool = False
    ignore_memory: bool = False


@pytest.mark.parametrize(
    ("queue", "busy", "devices", "needs", "starts"),
    [
        ([Run(1), Run(2)], [], [CPU], {}, {1: "cpu"}),
        ([Run(1), Run(2)], ["cpu"], [CPU], {}, {}),
        ([Run(1), Run(2), Run(3)], [], [ONE, TWO, CPU], {}, {1: "cuda:0", 2: "cuda:1"}),
        ([Run(1), Run(2)], ["cuda:0"], [ONE, CPU], {}, {}),
        ([Run(1), Run(2, "cpu")], ["cuda:0"], [ONE, CPU], {}, {2: "cpu"}),
        ([Run(1, "cuda:1"), Run(2)], ["cuda:1"], [ONE, TWO, CPU], {}, {2: "cuda:0"}),
        ([Run(1, held=True), Run(2)], [], [CPU], {}, {2: "cpu"}),
        ([Run(1), Run(2)], [], [CPU], {1: 9 * GB, 2: 7 * GB}, {2: "cpu"}),
        ([Run(1, ignore_memory=True), Run(2)], [], [CPU], {1: 9 * GB}, {1: "cpu"}),
        ([Run(1)], ["cuda:0"], [ONE, TWO, CPU], {1: 5 * GB}, {}),
        ([Run(1)], [], [TWO, ONE, CPU], {1: 5 * GB}, {1: "cuda:0"}),
        ([Run(1)], [], [CPU], {1: None}, {1: "cpu"}),
    ],
)
def test_one_run_starts_on_each_device_where_its_memory_suffices(queue, busy, devices, needs, starts):
    assert place(queue, busy, devices, needs).starts == starts


@pytest.mark.parametrize(
    ("run", "need", "said"),
    [
        (Run(1, "cuda:3"), None, "cuda:3, which this machine does not have"),
        (Run(1), 9 * GB, "9.0 GB of memory, but only 8.0 GB of 16.0 GB are free on CPU"),
        (Run(1), 17 * GB, "CPU has only 16.0 GB"),
    ],
)
def test_a_run_that_cannot_start_is_told_why_and_what_helps(run, need, said):
    reason = place([run], [], [CPU], {1: need}).reasons[1]
    assert said in reason.problem
    assert reason.remedy


def test_a_run_whose_turn_has_not_come_needs_no_reason():
    assert place([Run(1)], ["cpu"], [CPU], {1: 9 * GB}).reasons == {}


def test_what_lacks_memory_that_can_be_made_free_is_told_apart():
    assert place([Run(1)], [], [CPU], {1: 9 * GB}).short == {1: CPU}
    assert place([Run(1)], [], [CPU], {1: 17 * GB}).short == {}
    assert place([Run(1), Run(2)], [], [CPU], {1: 9 * GB}).short == {1: CPU}
    assert place([Run(1)], [], [TWO, ONE, CPU], {1: 21 * GB}).short == {1: ONE}


def test_a_run_for_which_only_a_busy_gpu_is_large_enough_waits_for_its_turn():
    placed = place([Run(1)], ["cuda:0"], [ONE, TWO, CPU], {1: 18 * GB})
    assert (placed.starts, placed.reasons) == ({}, {})
    assert "T4 has only 16.0 GB" in place([Run(1)], ["cuda:0"], [ONE, TWO], {1: 30 * GB}).reasons[1].problem


def test_a_run_that_waits_for_memory_is_asked_before_those_that_overtook_it():
    queue, needs = [Run(1), Run(2), Run(3)], {1: 9 * GB, 2: GB, 3: GB}
    assert place(queue, [], [CPU], needs).starts == {2: "cpu"}
    freed = Device("cpu", "CPU", 16 * GB, 10 * GB)
    assert place([Run(1), Run(3)], [], [freed], needs).starts == {1: "cpu"}


def test_a_machine_that_lost_its_gpu_says_so_to_what_is_pinned_there_only():
    placed = place([Run(1, "cuda:0"), Run(2)], [], [CPU], {})
    assert (placed.starts, list(placed.reasons)) == ({2: "cpu"}, [1])
