"""Decompression on the fly."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import shutil
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from studio.domain.datasets.file_format import PACKED, kind_of
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.archive import Archive, Member, tar_member, tar_members, zip_members

SAMPLE_BYTES = 1 << 20  # bytes
BUFFER = 1 << 20
_COPIED = 1 << 24
_PIECE, _PIECES = 1 << 16, 64
MAX_ROW_BYTES = 1 << 26  # bytes of one row, or characters: beyond, it would fill the memory
_ALWAYS_UNPACKED = 1 << 28  # bytes that any file may unpack to
_MOST_TIMES = 250  # its size that it may unpack to beyond: text is packed to a tenth, or a fiftieth where it repeats
_KEPT_FREE = 1 << 29  # bytes of the disk that unpacking leaves free
TOO_LONG = "it is longer than 64 MB"
_HEAD = 512  # bytes
_MARKS = {
    b"\x1f\x8b\x08": ".gz", b"PK\x03\x04": ".zip", b"PK\x05\x06": ".zip", b"\xfd7zXZ\0": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst", **{b"BZh%d1AY&SY" % level: ".bz2" for level in range(1, 10)},
}  # fmt: skip
BROKEN = (
    EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, lzma.LZMAError, tarfile.ReadError,
)  # fmt: skip
"""What reading a packed file raises that was cut off or changed on its way."""


class _Unpacked(io.RawIOBase):
    """What is unpacked, whose faults are all of the kind that a gz has."""

    def __init__(self, inside: Any) -> None:
        self._inside = inside

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._inside.read(len(buffer))
        except OSError as error:
            if error.errno is None and not isinstance(error, gzip.BadGzipFile):  # such as "Invalid data stream"
                raise EOFError(str(error)) from error
            raise
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _unpacked(file: IO[bytes], packing: str) -> Iterator[IO[bytes]]:
    match packing:
        case "":
            yield file
        case ".gz":
            with gzip.open(file, "rb") as inside:
                yield cast(IO[bytes], inside)
        case ".bz2":
            with bz2.open(file, "rb") as inside:
                yield io.BufferedReader(_Unpacked(inside), 1 << 16)
        case ".xz":
            with lzma.open(file, "rb") as inside:
                yield io.BufferedReader(_Unpacked(inside), 1 << 16)
        case _:
            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd") as inside:
                yield io.BufferedReader(_Unpacked(inside), 1 << 16)


def packing_of(head: bytes) -> str:
    """The suffix of how something is packed, by its first bytes; empty where it is not."""
    return next((suffix for mark, suffix in _MARKS.items() if head.startswith(mark)), "")


class _Proportionate(io.RawIOBase):
    """What is inside, as long as it is not out of all proportion."""

    def __init__(self, inside: Any, packed_file: Packed) -> None:
        self._inside = inside
        self._packed_file = packed_file
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._inside.read1(len(buffer))  # not read, which gives nothing of a piece that breaks off
        buffer[: len(data)] = data
        self._done += len(data)
        self._packed_file.check_expansion(self._done)
        return len(data)


class Packed:
    """A file, or one member of an archive. `kind` is the suffix of what is inside, `archive` the kind of archive,
    `said` what its name says of how it is packed and `packing` how it is. `open` may be called again and again.

    Raises:
        InvalidInput: it is an archive that cannot be read, or is damaged.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._member = ""
        self._inner = ""  # how the member is packed
        self._zip: zipfile.ZipFile | None = None
        self._tar: tarfile.TarFile | None = None
        self.total = path.stat().st_size
        self._raw: IO[bytes] | None = None
        with path.open("rb") as file:
            head = file.read(_HEAD)
        suffix = Path(name.lower()).suffix
        self.said = ".gz" if suffix == ".tgz" else suffix if suffix in PACKED else ""
        self.packing = packing_of(head)
        if not self.packing and self.said and self.said != ".tar" and not _is_readable(head):
            self.packing = self.said  # whose beginning is damaged
        self.archive: Archive = ""
        self.kind = self.named = kind_of(name)
        if self.packing == ".zip":
            self._look_into_zip(suffix)
        elif _is_tar(self._head() if self.packing else head):
            self.archive = "tar"

    @property
    def is_packed(self) -> bool:
        return bool(self.packing or self.archive)

    def members(self) -> list[Member]:
        """Of the archive, which stays open for them."""
        try:
            if self.archive == "zip":
                self._zip = zipfile.ZipFile(self._path)
                return zip_members(self._zip)
            file: IO[bytes] = self._path.open("rb")
            if self.packing:  # unpacked onto the disk: its members can be reached by going through it alone
                whole = cast(IO[bytes], tempfile.TemporaryFile(dir=self._path.parent))  # noqa: SIM115
                with file, _unpacked(file, self.packing) as inside:
                    shutil.copyfileobj(inside, whole, 1 << 20)
                whole.seek(0)
                file = whole
            try:
                self._tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
            except tarfile.TarError:
                file.close()
                raise
            weakref.finalize(self._tar, file.close)
            return tar_members(self._tar)
        except (*BROKEN, OSError, ValueError, NotImplementedError, UnicodeError, tarfile.TarError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise self._unreadable(error) from error

    def of(self, member: str) -> Packed:
        """One of its members."""
        inside = copy(self)
        inside._member = member
        inside.kind = inside.named = kind_of(member)
        inner = packing_of(inside._head())
        inside._inner = "" if inner == ".zip" else inner
        return inside

    def position(self) -> int:
        """How many of the `total` bytes are read."""
        try:
            return self._raw.tell() if self._raw is not None else 0
        except ValueError:  # closed: all are
            return self.total

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        with ExitStack() as layers:
            if self._zip is not None:
                self._raw = self._zip.fp
                member = layers.enter_context(self._opened(self._zip))
                file = cast(IO[bytes], io.BufferedReader(member, 1 << 16))
                file = layers.enter_context(_unpacked(file, self._inner))
            elif self._tar is not None:
                self._raw = cast(IO[bytes], self._tar.fileobj)
                file = layers.enter_context(
                    _unpacked(layers.enter_context(tar_member(self._tar, self._member)), self._inner)
                )
            else:
                self._raw = raw = layers.enter_context(self._path.open("rb", buffering=BUFFER))
                file = layers.enter_context(_unpacked(raw, self.packing))
            yield cast(IO[bytes], io.BufferedReader(_Proportionate(file, self), 1 << 16)) if self.is_packed else file

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """For the kinds that cannot be read from beginning to end: unpacked onto the disk first."""
        if not self.is_packed:
            with self.open() as file:
                yield file
            return
        with tempfile.TemporaryFile(dir=self._path.parent) as copy, self.open() as file:
            try:
                while chunk := file.read(_COPIED):
                    if shutil.disk_usage(self._path.parent).free < _KEPT_FREE + len(chunk):
                        raise self._disk_full(copy.tell())
                    copy.write(chunk)
            except BROKEN as error:
                raise damage_error(self._name, error) from error
            copy.seek(0)
            yield copy

    def _disk_full(self, done: int) -> InvalidInput:
        return InvalidInput(
            "The disk has no room for what is in “{file}”: it was full after {size} GB of it.",
            "Make room, or add the file as .jsonl.gz, which is read without unpacking it onto the disk.",
            file=self._name, size=f"{done / 1e9:.1f}",
        )  # fmt: skip

    def check_expansion(self, size: int) -> None:
        """Raises InvalidInput where so many bytes cannot be meant to come out of the file."""
        if size > max(_ALWAYS_UNPACKED, _MOST_TIMES * self.total):
            raise InvalidInput(
                "“{file}” unpacks to more than {times} times its size, so it was probably made to fill the disk.",
                "If its rows are right, add them as .jsonl, unpacked.",
                file=self._name, times=int(size / max(1, self.total)),
            )  # fmt: skip

    def _opened(self, archive: zipfile.ZipFile) -> IO[bytes]:
        try:
            return archive.open(self._member)
        except (OSError, NotImplementedError, RuntimeError) as error:  # its place or way of packing cannot be
            raise zipfile.BadZipFile(str(error)) from error

    def _head(self) -> bytes:
        try:
            with self.open() as file:
                return file.read(_HEAD)
        except BROKEN:
            return b""

    def _look_into_zip(self, suffix: str) -> None:
        """A workbook is a zip archive, too."""
        if suffix == ".xlsx":
            self.packing = ""
            return
        try:
            with zipfile.ZipFile(self._path) as archive:
                is_workbook = "xl/workbook.xml" in archive.NameToInfo
        except (*BROKEN, OSError, ValueError, NotImplementedError, UnicodeError) as error:
            if self.said != ".zip":  # it only begins like one
                self.packing = ""
                return
            raise self._unreadable(error) from error
        if is_workbook:
            self.packing, self.kind = "", ".xlsx"
        else:
            self.archive = "zip"

    def _unreadable(self, error: Exception) -> InvalidInput:
        return InvalidInput(
            "“{file}” is not a readable {kind} archive: {reason}.",
            "Compress it again, or add the unpacked file.",
            file=self._name, kind=self.archive or "zip", reason=_reason(error),
        )  # fmt: skip

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


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _is_readable(head: bytes) -> bool:
    """Text, or a table; rather than something packed whose beginning is damaged."""
    return bool(head) and (b"\0" not in head or head.startswith((b"PAR1", b"ARROW1"))) and not head.startswith(b"\x1f")


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "a name in it is not text"
    return str(error).rstrip(".") or type(error).__name__


def damage_error(name: str, error: Exception) -> InvalidInput:
    reason = _reason(error)
    return InvalidInput("“{file}” is damaged: {reason}.", "Copy or download it again.", file=name, reason=reason)
