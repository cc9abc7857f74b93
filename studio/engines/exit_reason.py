"""Why a worker ended without a last word, as far as that can be known, and what helps."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from studio.domain.errors import StudioError

_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
_WINDOWS_EXCEPTIONS = 0xC0000000  # exit codes from here on, such as 0xC0000005 for an access violation


@dataclass(frozen=True)
class ExitReason:
    """`exit_code` is negative where a signal ended it (-9 for SIGKILL), None where nobody of this process's waited for
    it. `out_of_memory`: whether the kernel took it for want of memory; None where that cannot be known."""

    exit_code: int | None = None
    out_of_memory: bool | None = None

    @property
    def is_crash(self) -> bool:
        """A library did what no program may do."""
        return self.signal_name in _CRASHES or self.signal_name.startswith("0x")

    @property
    def signal_name(self) -> str:
        """SIGKILL and the like, on Windows the number of the exception; empty where there was none."""
        if self.exit_code is not None and self.exit_code >= _WINDOWS_EXCEPTIONS:
            return f"0x{self.exit_code:08X}"
        if self.exit_code is None or self.exit_code >= 0:
            return ""
        try:
            return signal.Signals(-self.exit_code).name
        except ValueError:
            return str(-self.exit_code)


def explain(reason: ExitReason | None, last_lines: Sequence[str]) -> StudioError:
    """In words for people, with what the worker printed last."""
    values = {"lines": " / ".join(last_lines) or "–", "code": reason.exit_code if reason else None}
    if reason is not None and reason.out_of_memory:
        return StudioError(
            "The system ran out of memory and ended the worker.",
            "Close other programs, or choose 4-bit, a shorter max length, a smaller batch size or gradient "
            "checkpointing. When resumed, it continues with half the batch size.",
            **values,
        )
    if reason is None or reason.exit_code is None:
        return StudioError(
            "The worker disappeared without an error message: it may have run out of memory or been killed, or the "
            "machine was switched off. Last output: {lines}",
            "Resume the run: it continues from its latest checkpoint.",
            **values,
        )
    values["signal"] = reason.signal_name
    match reason.signal_name:
        case "SIGKILL" if reason.out_of_memory is False:
            return StudioError(
                "The worker was killed (SIGKILL) by a user or another program, not by the kernel.",
                "Resume the run: it continues from its latest checkpoint. If it happens again, use less memory: some "
                "systems have a daemon that ends processes when memory runs low.",
                **values,
            )
        case "SIGKILL":
            return StudioError(
                "The worker was killed (SIGKILL): by a user, or by the system because memory ran out.",
                "Resume the run: it continues from its latest checkpoint. If it happens again, use less memory.",
                **values,
            )
        case "SIGTERM" | "SIGHUP" | "SIGINT":
            return StudioError(
                "The worker was asked to end ({signal}), as happens when the machine shuts down or a user logs out.",
                "Resume the run: it continues from its latest checkpoint.",
                **values,
            )
        case _ if reason.is_crash:
            return StudioError(
                "A library crashed in the worker ({signal}). Last output: {lines}",
                "Resume the run. If it crashes again, choose another precision, or update the packages.",
                **values,
            )
        case "":
            return StudioError(
                "The worker ended with exit code {code} and no error message. Last output: {lines}",
                "See its log. Resume the run once the cause is fixed.",
                **values,
            )
    return StudioError(
        "The worker was killed from outside ({signal}).",
        "Resume the run: it continues from its latest checkpoint.",
        **values,
    )
