"""The playground's model leaves for a run where that helps, and never in the middle of an answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from studio.platform.hardware import Device
from studio.services.inference.worker_process import WorkerStatus
from studio.services.runs.eviction import PlaygroundEviction
from tests.support.fakes import FakeEngine

GB = 10**9
CPU = Device("cpu", "CPU", 16 * GB, 8 * GB)
GPU = Device("cuda:0", "RTX", 24 * GB, 10 * GB)


@dataclass
class Playground:
    is_busy: bool = False
    worker: str = "worker 1"
    dismissed: int = 0

    def workers(self):
        return [WorkerStatus("ready", "tiny", "fp32", "", self.worker)] if self.worker else []

    def dismiss(self):
        self.dismissed += not self.is_busy
        return not self.is_busy


def asked(playground, device, need, devices=(CPU,)):
    engine = FakeEngine(devices, alive={"worker 1"}, memory_of=4 * GB)
    return PlaygroundEviction(engine, playground).evict_for(device, need)


@pytest.mark.parametrize(
    ("device", "devices", "need", "dismissed"),
    [
        (CPU, [CPU], 8 * GB + 1, 1),
        (CPU, [CPU], 15 * GB, 0),
        (CPU, [GPU, CPU], 8 * GB + 1, 0),
        (GPU, [GPU, CPU], 20 * GB, 1),
        (GPU, [GPU, CPU], 25 * GB, 0),
    ],
    ids=["helps", "would not help", "is on the GPU", "on a GPU", "larger than the GPU"],
)
def test_an_idle_model_leaves_where_that_makes_enough_room(device, devices, need, dismissed):
    playground = Playground()
    assert asked(playground, device, need, devices) is None
    assert playground.dismissed == dismissed


def test_nobody_is_asked_to_leave_where_nobody_is():
    playground = Playground(worker="")
    assert asked(playground, CPU, 8 * GB + 1) is None
    assert playground.dismissed == 0


def test_a_run_waits_for_an_answer_that_is_being_written():
    playground = Playground(is_busy=True)
    reason = asked(playground, CPU, 8 * GB + 1)
    assert reason is not None
    assert "answering with tiny" in reason.problem
    assert playground.dismissed == 0


def test_a_model_whose_process_is_gone_by_now_frees_nothing():
    playground = Playground(worker="worker 2")
    assert asked(playground, CPU, 8 * GB + 1) is None
    assert playground.dismissed == 0
