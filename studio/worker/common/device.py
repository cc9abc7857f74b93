"""The device that a worker computes on, and the number format that is quickest there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import psutil
import torch

_PROBE_ROWS = 512  # the probe multiplies two square matrices of this side
_PROBE_ROUNDS = 3


def pick_device() -> torch.device:
    """The first accelerator there is, else the CPU with a thread for each core this process may use."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    torch.set_num_threads(min(torch.get_num_threads(), _cores()))
    return torch.device("cpu")


def _cores() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, psutil.cpu_count(logical=False) or allowed)


def name_of(device: torch.device) -> str:
    """For people: "CPU, 8 threads" or the name of the GPU."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def resolve_precision(precision: str, device: torch.device) -> str:
    """What "auto" stands for here: bf16 where it is quicker than fp32. Everything else stands for itself."""
    if precision != "auto":
        return precision
    return "bf16" if bf16_is_quicker(device) else "fp32"


def bf16_is_quicker(device: torch.device) -> bool:
    """Measured by small matrix products, about 50 ms: a CPU's name does not tell how it computes bf16."""
    # On a CPU by one thread and in its own time: a run that is started on a busy machine must choose, and so compute,
    # as one that is started on a quiet one.
    clock = time.thread_time if device.type == "cpu" else time.perf_counter
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _seconds(torch.bfloat16, device, clock) < _seconds(torch.float32, device, clock)
    finally:
        torch.set_num_threads(threads)


def _seconds(dtype: torch.dtype, device: torch.device, clock: Callable[[], float]) -> float:
    matrix = torch.ones(_PROBE_ROWS, _PROBE_ROWS, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(1 + _PROBE_ROUNDS):  # the first product also prepares the kernel
        start = clock()
        (matrix @ matrix)[0, 0].item()
        best = min(best, clock() - start)
    return best


def memory_in_use(device: torch.device) -> int:
    """Bytes: on a GPU the most that tensors ever took, on a CPU what the process takes now."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.driver_allocated_memory())
    return int(psutil.Process().memory_info().rss)


def free_memory(device: torch.device) -> int:
    """Bytes that are left on the device."""
    return int(torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available)
