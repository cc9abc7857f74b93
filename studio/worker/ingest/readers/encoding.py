"""The encoding of a text file, detected from its first bytes, and its lines."""

from __future__ import annotations

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator
from functools import partial
from typing import IO

from charset_normalizer import from_bytes

from studio.domain.datasets.file_format import ReadOptions, shown_encoding
from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES, TOO_LONG, Packed

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CANDIDATES = ["gb18030", "big5", "shift_jis", "euc_kr", "cp1251", "cp1252"]
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_WIDE = re.compile(r"utf[-_]?(16|32)")

OVERLONG = b"\xff overlong"
"""Stands in the place of a line of more than MAX_ROW_BYTES."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Bytes that cannot be decoded as halves of characters, which no decoder gives otherwise."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("studio-mark", _mark)
_MARKED = re.compile("[\udc00-\udcff]")


def encoding_of(packed_file: Packed, name: str, reading: ReadOptions) -> tuple[str, bool]:
    """Python's name of the encoding, and whether it was found out: UTF-8, a byte order mark and a choice are sure.

    Raises:
        InvalidInput: the chosen encoding is unknown.
    """
    sample, complete = packed_file.sample()
    if reading.encoding:
        try:
            b"\xff".decode(reading.encoding, "replace")  # fails for codecs that are not for text
            codec = codecs.lookup(reading.encoding).name
        except (LookupError, ValueError):
            raise InvalidInput(
                "There is no encoding “{encoding}”.", "Try utf-8, gb18030 or latin-1.", encoding=reading.encoding
            ) from None
        return _with_order(codec, sample), False
    if not complete and sample.isascii():
        sample += b"\n" + packed_file.later_lines()  # the first megabyte does not tell
    return detect(sample, complete=complete)


def detect(sample: bytes, *, complete: bool) -> tuple[str, bool]:
    """As encoding_of. complete: the sample is the whole file."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding, False
    if _is_utf8(sample, complete=complete and sample[:-3].isascii()):  # what was cut off may end within a character
        if wide := _wide_without_mark(sample):
            return wide, True
        return "utf-8", False
    if wide := _wide_without_mark(sample) or _wide_by_words(sample):
        return wide, True
    lines = sample.split(b"\n") if complete else sample.split(b"\n")[:-1]
    special = [line for line in lines if not line.isascii()]
    if 2 * sum(_is_utf8(line, complete=True) for line in special) > len(special):
        return "utf-8", False  # with some broken lines
    best = from_bytes(b"\n".join(special)[:65536], cp_isolation=_CANDIDATES, threshold=0.5).best()
    codec = codecs.lookup(best.encoding).name if best is not None else ""
    runs = _HIGH_RUNS.findall(b"\n".join(special))
    if codec == "cp1251" and sum(map(len, runs)) < 3 * len(runs):
        codec = "cp1252"  # single letters with accents, no words of Cyrillic
    if codec not in ("big5", "shift_jis", "euc_kr") and runs and all(len(run) % 2 == 0 for run in runs):
        codec = "gb18030"  # pairs of high bytes, as a short Chinese text has them
    return codec or "cp1252", True


def _is_utf8(data: bytes, *, complete: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=complete)
    except UnicodeDecodeError:
        return False
    return True


def _wide_without_mark(sample: bytes) -> str:
    """UTF-16 by its zeros: in most texts every other byte is one."""
    head = sample[:4096]
    if len(head) < 4 or head.count(0) * 3 < len(head):
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    return "utf-16-le" if odd > 9 * even else "utf-16-be" if even > 9 * odd else ""


def _wide_by_words(sample: bytes) -> str:
    """UTF-16 of a script that has few zeros, such as Chinese, by its line feeds and by characters that exist."""
    head = sample[: min(4096, len(sample) // 2 * 2)]
    for encoding, high in (("utf-16-le", head[1::2]), ("utf-16-be", head[::2])):
        text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
        if 100 * high.count(0) < len(high) or "\n" not in text or "\ufffd" in text:
            continue
        if not any(unicodedata.category(c) in ("Cc", "Cn", "Co") and c not in "\t\r\n" for c in text):
            return encoding
    return ""


def _with_order(encoding: str, sample: bytes) -> str:
    """UTF-16 and UTF-32 with the order of their bytes, where no mark says it."""
    if encoding not in ("utf-16", "utf-32") or any(
        sample.startswith(m) for m, mark_encoding in _MARKS if mark_encoding == encoding
    ):
        return encoding
    wide_encoding = _wide_without_mark(sample)
    return wide_encoding if wide_encoding.startswith(encoding) else f"{encoding}-le"


def byte_lines(file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of UTF-8, without a mark before the first. Only a line feed ends one, as JSON Lines has it."""
    for number, line in enumerate(iter(partial(file.readline, MAX_ROW_BYTES), b""), 1):
        if len(line) == MAX_ROW_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_ROW_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, OVERLONG
            continue
        yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def text_lines(file: IO[bytes], encoding: str, overlong_code: str) -> Iterator[tuple[int, str] | Problem]:
    """The lines with their ends; one that is not of that encoding is a problem, and so is one of more than
    MAX_ROW_BYTES, whose code is `overlong_code`."""
    if _WIDE.match(encoding):  # whose line feeds have more than one byte
        yield from _wide_lines(file, encoding, overlong_code)
        return
    for number, line in byte_lines(file):
        try:
            if line is OVERLONG:
                yield Problem(number, "", overlong_code, {"reason": TOO_LONG})
                continue
            yield number, line.decode(encoding)
        except UnicodeDecodeError as error:
            yield bad_encoding(number, line, error, encoding)
        except ValueError as error:  # such as of codecs that are not for text
            yield Problem(
                number,
                "",
                "bad_encoding",
                {"byte": "–", "position": 1, "encoding": f"{shown_encoding(encoding)}: {error}"},
            )


def _wide_lines(file: IO[bytes], encoding: str, overlong_code: str) -> Iterator[tuple[int, str] | Problem]:
    text = io.TextIOWrapper(file, encoding, errors="studio-mark", newline="\n")
    try:
        for number, words in enumerate(iter(partial(text.readline, MAX_ROW_BYTES), ""), 1):
            if len(words) == MAX_ROW_BYTES and not words.endswith("\n"):
                while (rest := text.readline(MAX_ROW_BYTES)) and not rest.endswith("\n"):
                    pass
                yield Problem(number, "", overlong_code, {"reason": TOO_LONG})
            elif not words.isascii() and (fault := _MARKED.search(words)):
                byte = f"0x{ord(fault[0]) - 0xDC00:02X}"
                values = {"byte": byte, "position": fault.start() + 1, "encoding": shown_encoding(encoding)}
                raw = _MARKED.sub("\ufffd", words).rstrip("\r\n")
                yield Problem(number, "", "bad_encoding", values, raw=raw)
            else:
                yield number, words.removeprefix("\ufeff") if number == 1 else words
    finally:
        text.detach()


def text_pieces(file: IO[bytes], encoding: str, size: int) -> Iterator[str]:
    """The text in pieces of about `size` bytes, for what may have no lines at all. Bytes that are not of that encoding
    become U+FFFD, which is told of the row that they stand in."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    first = True
    while data := file.read(size):
        text = decoder.decode(data)
        yield text.removeprefix("\ufeff") if first else text
        first = False
    yield decoder.decode(b"", final=True)


def bad_encoding(line: int, data: bytes, error: UnicodeDecodeError, encoding: str) -> Problem:
    """`encoding` is what was tried: the error's own name of it may be that of its table ("charmap")."""
    values = {"byte": f"0x{data[error.start]:02X}", "position": error.start + 1, "encoding": shown_encoding(encoding)}
    return Problem(line, "", "bad_encoding", values, raw=data.decode(encoding, "replace").rstrip("\r\n"))
