"""Decompression on the fly: .gz, or .zip with one member."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from studio.domain.datasets.file_format import kind_of
from studio.domain.errors import InvalidInput

SAMPLE_BYTES = 1 << 20  # bytes
BUFFER = 1 << 20
_PIECE, _PIECES = 1 << 16, 64
MAX_ROW_BYTES = 1 << 26  # bytes of one row, or characters: beyond, it would fill the memory
TOO_LONG = "it is longer than 64 MB"
BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
"""What reading a packed file raises that was cut off or changed on its way."""


class Packed:
    """`kind` is the suffix of what is inside. `open` may be called again and again."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self.total = path.stat().st_size
        self._raw: IO[bytes] | None = None
        self._member = self._only_member() if name.lower().endswith(".zip") else ""
        self.kind = kind_of(self._member or name)
        if self._member and self.kind in (".gz", ".zip"):
            raise _wrong_archive(name, [self._member])

    @property
    def is_packed(self) -> bool:
        return self._name.lower().endswith((".gz", ".zip"))

    def position(self) -> int:
        """How many of the `total` bytes are read."""
        try:
            return self._raw.tell() if self._raw is not None else 0
        except ValueError:  # closed: all are
            return self.total

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with self._path.open("rb", buffering=BUFFER) as raw:
            self._raw = raw
            if self._member:
                with zipfile.ZipFile(raw) as archive, archive.open(self._member) as member:
                    yield io.BufferedReader(member, 1 << 16)  # type: ignore[type-var]
            elif self._name.lower().endswith(".gz"):
                with gzip.open(raw, "rb") as inside:
                    yield cast(IO[bytes], inside)
            else:
                yield raw

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """For the kinds that cannot be read from beginning to end: unpacked onto the disk first."""
        if not self.is_packed:
            with self.open() as file:
                yield file
            return
        with tempfile.TemporaryFile(dir=self._path.parent) as copy, self.open() as file:
            try:
                shutil.copyfileobj(file, copy, 1 << 20)
            except BROKEN as error:
                raise damage_error(self._name, error) from error
            copy.seek(0)
            yield copy

    def sample(self) -> tuple[bytes, bool]:
        """The first bytes, and whether they are all. Of a broken file, what comes before the break."""
        data = bytearray()
        with self.open() as file:
            try:
                while len(data) < SAMPLE_BYTES and (chunk := file.read(1 << 16)):
                    data += chunk
            except BROKEN:
                return bytes(data), True
        return bytes(data[:SAMPLE_BYTES]), len(data) < SAMPLE_BYTES

    def later_lines(self) -> bytes:
        """Whole lines from places all over the file; none of a packed one, which has to be read from its beginning."""
        data = bytearray()
        if not self.is_packed:
            with self._path.open("rb") as file:
                for place in range(SAMPLE_BYTES, self.total, max(_PIECE, self.total // _PIECES)):
                    file.seek(place)
                    piece = file.read(_PIECE)
                    data += piece[piece.find(b"\n") + 1 : piece.rfind(b"\n") + 1]
        return bytes(data)

    def _only_member(self) -> str:
        try:
            with zipfile.ZipFile(self._path) as archive:
                files = [
                    info for info in archive.infolist()
                    if not info.is_dir() and "__MACOSX" not in PurePosixPath(info.filename).parts
                    and not PurePosixPath(info.filename).name.startswith(".")
                ]  # fmt: skip
                if len(files) == 1 and not files[0].flag_bits & 1:
                    if files[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise NotImplementedError("It is packed in an unusual way")
                    archive.open(files[0]).close()  # says whether its own header is whole
        except (*BROKEN, OSError, ValueError, NotImplementedError, UnicodeError) as error:
            raise InvalidInput(
                "“{file}” is not a readable zip archive: {reason}.",
                "Compress it again, or add the unpacked file.",
                file=self._name, reason=str(error).rstrip(".") or type(error).__name__,
            ) from error  # fmt: skip
        if len(files) != 1 or not kind_of(files[0].filename):
            raise _wrong_archive(self._name, [info.filename for info in files])
        if files[0].flag_bits & 1:
            raise InvalidInput("“{file}” is locked with a password.", "Add the unpacked file.", file=self._name)
        return files[0].filename


def damage_error(name: str, error: Exception) -> InvalidInput:
    reason = str(error).rstrip(".") or type(error).__name__
    return InvalidInput("“{file}” is damaged: {reason}.", "Copy or download it again.", file=name, reason=reason)


def _wrong_archive(name: str, members: list[str]) -> InvalidInput:
    return InvalidInput(
        "“{file}” must have one file of rows in it; it has {count}: {members}.",
        "Compress a single file, or add several uncompressed ones: they become one dataset.",
        file=name, count=len(members), members=", ".join(members[:5]) or "–",
    )  # fmt: skip
