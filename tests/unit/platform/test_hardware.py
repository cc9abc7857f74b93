"""What the machine has to compute on, read without torch."""

from __future__ import annotations

import subprocess

import pytest

from studio.platform import hardware
from studio.platform.hardware import FRESH_SECONDS, Gpu, NvidiaGpus, read_gpus, visible
from studio.settings import worker_environment

SAID = "0, GPU-4ab1, NVIDIA GeForce RTX 4090, 24564, 23028\n1, GPU-77c0, Tesla T4, rev 2, 15360, 15101\n"
RTX = Gpu("NVIDIA GeForce RTX 4090", 24564 << 20, 23028 << 20, "cuda:0", "GPU-4ab1")
T4 = Gpu("Tesla T4, rev 2", 15360 << 20, 15101 << 20, "cuda:1", "GPU-77c0")


def test_gpus_are_read_from_what_nvidia_smi_says():
    assert read_gpus(SAID) == (RTX, T4)


@pytest.mark.parametrize("said", ["", "No devices were found\n", "0, GPU-4ab1, Tesla T4, [N/A], [N/A]\n"])
def test_what_nvidia_smi_says_when_it_fails_is_no_gpu(said):
    assert read_gpus(said) == ()


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (None, (RTX, T4)),
        ("1", (T4,)),
        ("1, 0", (T4, RTX)),
        ("GPU-77", (T4,)),
        ("", ()),
        ("-1", ()),
        ("0,7,1", (RTX,)),
        ("GPU-", ()),
    ],
)
def test_only_the_gpus_that_the_studio_may_have_are_devices(wanted, seen):
    assert visible((RTX, T4), wanted) == seen


class Smi:
    """nvidia-smi that says what it is told to, or fails."""

    def __init__(self):
        self.says = SAID
        self.asked = 0
        self.now = 0.0

    def ask(self):
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def smi(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Smi()


def test_gpus_are_asked_for_again_when_the_answer_is_old_or_a_process_has_ended(smi):
    gpus = NvidiaGpus(smi.ask, lambda: smi.now)
    assert gpus.look() == gpus.look() == (RTX, T4)
    assert smi.asked == 1
    smi.now = FRESH_SECONDS
    gpus.look()
    assert smi.asked == 2
    gpus.forget()
    gpus.look()
    assert smi.asked == 3


def test_a_gpu_is_not_gone_because_nvidia_smi_is_slow_but_because_it_fails(smi):
    gpus = NvidiaGpus(smi.ask, lambda: smi.now)
    gpus.look()
    gpus.forget()
    smi.says = subprocess.TimeoutExpired("nvidia-smi", 5)
    assert gpus.look() == (RTX, T4)
    gpus.forget()
    smi.says = subprocess.CalledProcessError(9, "nvidia-smi")
    assert gpus.look() == ()


def test_the_cpu_comes_after_the_gpus(smi, monkeypatch):
    monkeypatch.setattr(hardware, "_nvidia", NvidiaGpus(smi.ask))
    monkeypatch.setattr(hardware, "_is_apple", lambda: False)
    assert [device.name for device in hardware.devices()] == ["cuda:0", "cuda:1", "cpu"]
    assert hardware.devices()[0].free == RTX.free


def test_an_apple_chip_is_one_device(monkeypatch):
    monkeypatch.setattr(hardware, "_is_apple", lambda: True)
    assert [device.name for device in hardware.devices()] == ["mps"]


@pytest.mark.parametrize(("device", "seen"), [("cuda:1", "1"), ("cpu", "-1"), ("", None)])
def test_a_worker_sees_the_device_that_it_is_put_on_and_no_other(device, seen):
    environment = worker_environment({}, device=device)
    assert environment.get("CUDA_VISIBLE_DEVICES") == seen
    assert environment.get("CUDA_DEVICE_ORDER") == (seen and "PCI_BUS_ID")
