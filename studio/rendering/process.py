"""The pool of rendering processes: started on demand, kept, killed at a limit."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

import psutil

from studio.domain.errors import StudioError
from studio.rendering.frames import Closed, frame_request, receive_reply
from studio.rendering.messages import Allowance, AtLimit, Reply, What

MAX_PROCESSES = 4  # that render at the same time for one that asks
# Whoever waits for one holds a thread, of which a server has some dozens for all that it does: few may wait long.
MOST_WAITING, LONGEST_WAIT, SHORT_WAIT = 8, 60.0, 1.0  # threads; seconds of those, and of all others
_PASSED_VARIABLES = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT", "TZ")
_POLL_SECONDS = 0.25  # seconds between two looks at a process that renders
_TIMEOUTS = 30.0, 12.0  # seconds, and as many times the processor's: a busy machine takes that long


class Stopped(Exception):
    """What a template took too much of, or that its process was ended by somebody else."""

    def __init__(self, what: What) -> None:
        super().__init__(what)
        self.what: What = what


class RenderingProcess:
    """One of them; for one thread at a time. Its own limits hold on Linux; whoever watches here holds them elsewhere,
    and ends a process that does not answer."""

    def __init__(self) -> None:
        root = str(Path(__file__).parents[2])
        environment = {
            name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ
        }  # no secret is among them
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH", "")]))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "studio.rendering"],
                env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise StudioError(
                "The process that renders chat templates could not be started: {reason}.",
                "Close other programs, then try again.",
                reason=error.strerror or str(error),
            ) from error
        self._requests = cast(IO[bytes], self._process.stdin)
        self._replies = cast(IO[bytes], self._process.stdout)
        self._busy = threading.Event()
        self._request: tuple[float, float, int] = (0.0, 0.0, 0)
        self._stop_reason: What = "ended"
        threading.Thread(target=self._watch, name="rendering", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: bytes, replies: int, most: int, allowance: Allowance) -> list[Reply]:
        """That many replies to a request as frames.pack has it, of up to `most` bytes each.

        Raises Stopped at a limit; the process may be gone then.
        """
        self._stop_reason, self._request = "ended", (time.monotonic(), allowance.seconds, allowance.memory)
        self._busy.set()
        answers: list[Reply] = []
        try:
            self._requests.write(frame_request(allowance, request))
            self._requests.flush()
            while len(answers) < replies:
                reply = receive_reply(self._replies, most)
                if isinstance(reply.answer, AtLimit):
                    raise Stopped(reply.answer.what)
                answers.append(reply)
        except (Closed, OSError, ValueError) as error:
            self.end()
            over = self._process.returncode == -getattr(signal, "SIGPROF", 0)
            raise Stopped("seconds" if over else self._stop_reason) from error
        except Stopped as stopped:
            if stopped.what == "memory":
                self.end()
            raise
        except BaseException:  # whoever asked is interrupted: the answers would be taken for those to the next request
            self.end()
            raise
        finally:
            self._busy.clear()
        return answers

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._replies):
            with suppress(OSError):
                pipe.close()
        self._busy.set()  # its watcher sees that it is gone

    def _watch(self) -> None:
        while True:
            self._busy.wait()
            if not self.is_alive:
                return
            with suppress(psutil.Error):
                self._look()
            time.sleep(_POLL_SECONDS)

    def _look(self) -> None:
        process = psutil.Process(self.pid)
        before = sum(process.cpu_times()[:2])
        request = began, seconds, memory = self._request
        while self._busy.is_set() and self._request is request:
            if process.memory_info().rss > memory + (128 << 20):
                self._stop("memory", process)
            late = time.monotonic() - began > _TIMEOUTS[0] + _TIMEOUTS[1] * seconds
            if late or sum(process.cpu_times()[:2]) - before > seconds + 1:
                self._stop("seconds", process)
            time.sleep(_POLL_SECONDS)

    def _stop(self, what: What, process: psutil.Process) -> None:
        self._stop_reason = what
        process.kill()


class RenderingPool:
    """Those of this process."""

    def __init__(self) -> None:
        self._free: list[RenderingProcess] = []
        self.all: set[RenderingProcess] = set()
        self._is_closed = False
        self._places = threading.BoundedSemaphore(MAX_PROCESSES)
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def ask(self, request: bytes, replies: int, most: int, allowance: Allowance) -> list[Reply]:
        """As RenderingProcess.ask. Where the process was ended by somebody, another one is asked, once."""
        for last in (False, True):
            if self._is_closed:
                break
            try:
                with self._process() as process:
                    return process.ask(request, replies, most, allowance)
            except Stopped as stopped:
                if last or stopped.what != "ended":
                    raise
        raise Stopped("ended")

    @contextmanager
    def _process(self) -> Iterator[RenderingProcess]:
        """One that nobody else asks meanwhile. Raises StudioError where none can be started, or too many wait."""
        self._wait()
        try:
            process = self._take()
            try:
                yield process
            finally:
                if process.is_alive:
                    self._free.append(process)
                else:
                    self.all.discard(process)
        finally:
            self._places.release()

    def _wait(self) -> None:
        may_wait = self._waiting.acquire(blocking=False)
        try:
            if not self._places.acquire(timeout=LONGEST_WAIT if may_wait else SHORT_WAIT):
                raise StudioError("Too many chat templates are being rendered right now.", "Try again in a moment.")
        finally:
            if may_wait:
                self._waiting.release()

    def close(self) -> None:
        self._is_closed = True
        for process in list(self.all):
            process.end()

    def _take(self) -> RenderingProcess:
        with suppress(IndexError):
            while True:
                process = self._free.pop()
                if process.is_alive:
                    return process
                process.end()
                self.all.discard(process)
        process = RenderingProcess()
        self.all.add(process)
        return process


_pool = RenderingPool()


def pool() -> RenderingPool:
    return _pool


def _renew() -> None:
    """A process that was forked must not read the answers of the one that it comes from."""
    global _pool
    _pool = RenderingPool()


atexit.register(lambda: _pool.close())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
