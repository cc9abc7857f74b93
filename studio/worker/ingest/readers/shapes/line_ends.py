"""Lines that end in a carriage return alone, as old Macs wrote them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from studio.worker.ingest.readers.compressed import Packed


@contextmanager
def open_lines(packed_file: Packed, encoding: str) -> Iterator[IO[bytes]]:
    """The file, whose lines end in a line feed."""
    sample, _ = packed_file.sample()
    with packed_file.open() as file:
        if _is_old(sample, encoding):
            yield io.BufferedReader(_LineFeeds(file), 1 << 16)
        else:
            yield file


def with_line_feeds(sample: bytes, encoding: str) -> bytes:
    return sample.replace(b"\r", b"\n") if _is_old(sample, encoding) else sample


def _is_old(sample: bytes, encoding: str) -> bool:
    return b"\r" in sample and b"\n" not in sample and not encoding.startswith(("utf-16", "utf-32"))


class _LineFeeds(io.RawIOBase):
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(data)] = data
        return len(data)
