"""The parts of a workbook, which end with an error where one would take too much memory.

A part's XML is small in the archive and is made into objects by who reads it: a row at a time, or a part as a whole.
"""

from __future__ import annotations

import re
import zipfile
from types import TracebackType
from typing import IO, Any

from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES

_MAX_PART_BYTES = 1 << 28  # of what is read as a whole: the texts of all cells, the styles; a sheet is not
_MAX_TEXTS = 5_000_000  # that cells share
_MAX_TAGS = 2_000_000  # in a row, or after the last one
_MAX_TAG_BYTES = 1 << 20  # of one tag, which the parser looks through again with each piece
_PIECE = 1 << 16
_END = re.compile(rb"</(?:\w+:)?(row|si)>")


class WatchedArchive(zipfile.ZipFile):
    """`name` is the workbook's."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        super().__init__(file)
        self._name = name

    def open(self, name: Any, *arguments: Any, **options: Any) -> Any:
        info = name if isinstance(name, zipfile.ZipInfo) else self.getinfo(name)
        if "/worksheets/" not in info.filename and info.file_size > _MAX_PART_BYTES:
            raise InvalidInput("“{file}” is too large for a workbook.", "Save the sheet as .csv.", file=self._name)
        return _WatchedPart(super().open(name, *arguments, **options), self._name)


class _WatchedPart:
    def __init__(self, part: IO[bytes], name: str) -> None:
        self._part = part
        self._name = name
        self._rows = self._texts = self._bytes = self._tags = self._tag = 0
        self._is_verbatim = False  # where tags mean nothing

    def read(self, size: int = -1) -> bytes:
        if size >= 0:
            data = self._part.read(size)
            self._watch(data)
            return data
        pieces = []
        while piece := self.read(_PIECE):
            pieces.append(piece)
        return b"".join(pieces)

    def _watch(self, data: bytes) -> None:
        self._is_verbatim = self._is_verbatim or b"<![" in data
        end = 0
        if not self._is_verbatim:
            for match in _END.finditer(data):
                end = match.end()
                if match[1] == b"row":
                    self._rows += 1
                else:
                    self._texts += 1
        if end:
            self._bytes = self._tags = 0
        opened, closed = data.rfind(b"<"), data.rfind(b">")
        if opened >= 0 or closed >= 0:
            self._tag = len(data) - opened if opened > closed else 0
        elif self._tag:
            self._tag += len(data)
        self._bytes += len(data) - end
        self._tags += data.count(b"<", end)
        if self._bytes > MAX_ROW_BYTES or self._tags > _MAX_TAGS or self._tag > _MAX_TAG_BYTES:
            raise InvalidInput(
                "“{file}” cannot be read beyond row {row}: what follows is longer than 64 MB, or has too many parts.",
                "Shorten that row, or save the sheet as .csv.",
                file=self._name, row=self._rows,
            )  # fmt: skip
        if self._texts > _MAX_TEXTS:
            raise InvalidInput("“{file}” is too large for a workbook.", "Save the sheet as .csv.", file=self._name)

    def close(self) -> None:
        self._part.close()

    def __enter__(self) -> _WatchedPart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
