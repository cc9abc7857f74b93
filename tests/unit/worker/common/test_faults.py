"""What people read when a worker has failed."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from studio.domain.errors import StudioError
from studio.worker.__main__ import main
from studio.worker.common.faults import failure


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


class SafetensorError(Exception):
    """As safetensors names its own."""


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (MemoryError(), "not enough memory"),
        (OutOfMemoryError("CUDA"), "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried…"), "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"), "disk is full"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/home/x/rows.arrow"),
            "No permission to read or write /home/x/rows.arrow",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file", "/home/x/rows.arrow"), "/home/x/rows.arrow is missing"),
        (
            ValueError(
                "The checkpoint you are trying to load has model type `zebra` but Transformers does not recognize this"
                " architecture."
            ),
            "type “zebra”",
        ),
        (ValueError("… contains custom code which must be executed …"), "its own code"),
        (SafetensorError("Error while deserializing header"), "weights are damaged"),
        (ImportError("Using `bitsandbytes` 4-bit quantization requires bitsandbytes"), "need bitsandbytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_common_faults_are_told_in_words_with_a_remedy(error: Exception, problem: str):
    failed = failure(error)
    assert problem in failed.problem
    assert failed.remedy


def test_the_fault_behind_an_error_counts():
    try:
        try:
            raise MemoryError
        except MemoryError as cause:
            raise RuntimeError("The trainer gave up") from cause
    except RuntimeError as error:
        assert "not enough memory" in failure(error).problem


def test_a_studio_error_keeps_its_own_words():
    failed = failure(StudioError("Row {row} is empty.", "Fill it in.", row=3))
    assert (failed.problem, failed.remedy) == ("Row 3 is empty.", "Fill it in.")


def test_anything_else_is_named_as_it_is():
    failed = failure(ZeroDivisionError("division by zero"))
    assert failed.problem == "The worker failed: ZeroDivisionError: division by zero."
    assert failed.remedy == "The log below says where."


def test_a_worker_without_a_task_says_how_it_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["dance", str(tmp_path)]) == 2
    assert "train|serve|fetch|check|intake|count-tokens|hub-contents FOLDER" in capsys.readouterr().err
