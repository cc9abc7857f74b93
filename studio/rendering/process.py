"""One rendering process, as the studio holds it: what is asked of it, and how it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, cast

import psutil

from studio.rendering import child

_CHILD = Path(child.__file__)
_SEEN = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TZ")
_OWN = 64 << 20  # bytes of the process itself
_HEAD = 5  # bytes: a letter and a length
LONGEST = 600  # seconds that the work on one request may take in all, on a machine that is busy with other things


class Ended(Exception):
    """The process is no more: `reason` is "time", "memory" or "unknown"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RenderingProcess:
    """Starts with the first request. One request at a time."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        seen = {k: v for k, v in environ.items() if k in _SEEN or k.startswith("LC_")}
        self._child = _Child(
            [sys.executable, "-P", str(_CHILD)], env=seen, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._pipes = cast(IO[bytes], self._child.stdin), cast(IO[bytes], self._child.stdout)
        self._asked_at = self._watched = self._processor_before = 0.0
        self._size = 0
        self._exceeded = ""

    def ask(self, request: bytes) -> tuple[str, str]:
        """The answer's letter and text: see `child`. Raises Ended."""
        requests, answers = self._pipes
        self._size, self._asked_at = len(request), time.monotonic()
        try:
            requests.write(len(request).to_bytes(4, "big") + request)
            requests.flush()
            head = answers.read(_HEAD)
            if len(head) < _HEAD:
                raise EOFError
            size = int.from_bytes(head[1:], "big")
            content = answers.read(size)
            if len(content) < size:
                raise EOFError
        except (OSError, EOFError):
            self.close()
            by_clock = self._child.returncode == -getattr(signal, "SIGXCPU", 0)
            raise Ended(self._exceeded or ("time" if by_clock else "unknown")) from None
        finally:
            self._asked_at = 0.0
        if head[:1] == b"m":
            self.close()
            raise Ended("memory")
        return head[:1].decode(), content.decode("utf-8", "surrogatepass")

    def watch(self) -> None:
        """Ends it where the work on its request has taken more than it may. The process limits itself where the system
        lets it; this is for where it does not, and for work that waits."""
        begun = self._asked_at
        if not begun:
            return
        try:
            known = psutil.Process(self._child.pid)
            processor = sum(known.cpu_times()[:2])
            if begun != self._watched:
                self._watched, self._processor_before = begun, processor
            if known.memory_info().rss > _OWN + child.MEMORY + child.MEMORY_OF_A_BYTE * self._size:
                self._exceeded = "memory"
            elif processor - self._processor_before > child.SECONDS or time.monotonic() - begun > LONGEST:
                self._exceeded = "time"
        except psutil.Error:  # it has ended
            return
        if self._exceeded:
            self._child.kill()

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in self._pipes:
            with suppress(OSError):  # of what was still to be written
                pipe.close()


class _Child(subprocess.Popen[bytes]):
    def __del__(self, *_: object) -> None:
        super().__del__(_warn=lambda *_, **__: None)  # type: ignore[call-arg] # it ends with its standard input
