"""The encoding of a text file, detected from its first bytes, and its lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Protocol

from studio.domain.datasets.file_format import ReadOptions, shown_encoding
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.read_questions import ReadChoice, UnclearReading, preview_of
from studio.domain.datasets.text_checks import is_garbled
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES, TOO_LONG, Packed
from studio.worker.ingest.readers.encoding_guess import guesses, is_japanese_mail, is_utf8, wide_guess

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_ENCODINGS = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem")
"""Codecs of Python that are for text, but that no file is in."""
_FALLBACKS = ("utf-8", "cp1252", "gb18030")
_MAX_RIVALS = 5
_AS_LIKELY = (
    0.75  # of the likeliest: who is as likely may be it. See tests/unit/worker/ingest/readers/test_encodings.py
)
_AS_LIKELY_BY_LITTLE = 0.5
_MUCH_EVIDENCE = 6  # bytes beyond ASCII
_LEAST_PLAUSIBLE = 0.75
_LEAD = 80  # characters before the first that tells, in a preview
_JUDGED_LINES = 200
_JUDGED_BYTES = 4096  # of each


class Lines(Protocol):
    """What is read line by line."""

    def readline(self, size: int, /) -> bytes: ...


OVERLONG = b"\xff overlong"
"""Stands in the place of a line of more than MAX_ROW_BYTES."""


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Bytes that cannot be decoded as halves of characters, which no decoder gives otherwise."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error("studio-mark", _mark)
_MARKED = re.compile("[\udc00-\udcff]")


@dataclass(frozen=True)
class Detection:
    """Python's name of the encoding; whether it was found out, and is not what the file itself says; and the encodings
    that it may also be, where that cannot be told. `lines` are those that tell."""

    encoding: str
    is_guess: bool = False
    rivals: Sequence[str] = ()
    lines: Sequence[bytes] = ()


def encoding_of(packed_file: Packed, name: str, reading: ReadOptions, notes: Notes) -> tuple[str, bool]:
    """Python's name of the encoding, and whether it was found out: UTF-8, a byte order mark and a choice are sure.

    Raises:
        InvalidInput: the chosen encoding is unknown.
        UnclearReading: it may be one of several.
    """
    sample, complete = packed_file.sample()
    if not complete and sample.isascii() and not reading.encoding:
        sample += b"\n" + packed_file.later_lines()  # the first megabyte does not tell
    if reading.encoding:
        codec = _with_order(_chosen_codec(reading.encoding), sample)
        found = Detection(codec, lines=_special(sample, complete=complete) if codec[:4] != "utf-" else ())
    else:
        found = detect(sample, complete=complete)
    if found.rivals:
        raise UnclearReading(
            "“{file}” can be read in several encodings.",
            "Choose the one whose text reads right.",
            "encoding",
            [_choice(encoding, found.lines) for encoding in (found.encoding, *found.rivals)],
            file=name,
        )
    if _are_garbled(found.lines, found.encoding):
        notes.add("garbled_file", encoding=shown_encoding(found.encoding))
    return found.encoding, found.is_guess


def _chosen_codec(encoding: str) -> str:
    try:
        codec = codecs.lookup(encoding).name
        "a\n".encode(codec).decode(codec)  # fails for codecs that are not for text
        if codec.replace("-", "_") in _NO_ENCODINGS:
            raise LookupError(codec)
    except (LookupError, ValueError, TypeError, AssertionError):
        raise InvalidInput(
            "There is no encoding “{encoding}”.", "Try utf-8, gb18030 or latin-1.", encoding=encoding
        ) from None
    return codec


def _choice(encoding: str, lines: Sequence[bytes]) -> ReadChoice:
    preview = []
    for line in lines:
        text = line.decode(encoding, "replace")
        start = next((i for i, character in enumerate(text) if not character.isascii()), 0)
        preview.append(text if start < _LEAD else "…" + text[start - _LEAD // 2 :])
    return ReadChoice(
        value=encoding, label="{encoding}", values={"encoding": shown_encoding(encoding)}, preview=preview_of(preview)
    )


def detect(sample: bytes, *, complete: bool) -> Detection:
    """complete: the sample is the whole file."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return Detection(encoding)
    if wide := wide_guess(sample):
        return Detection(wide, is_guess=True)
    if is_japanese_mail(sample):
        return Detection("iso2022_jp", is_guess=True)
    special = _special(sample, complete=complete)
    if is_utf8(sample, complete=complete and sample[:-3].isascii()):  # what was cut off may end within a character
        return Detection("utf-8", lines=special)
    if 2 * sum(is_utf8(line, complete=True) for line in special) > len(special):
        return Detection("utf-8", lines=special)  # with some broken lines
    found = guesses(special)
    names = [guess.encoding for guess in found]
    names += [name for name in _FALLBACKS if name not in names]  # which fit badly
    if not found or found[0].plausibility < _LEAST_PLAUSIBLE or _are_garbled(special, names[0]):
        return Detection(names[0], is_guess=True, rivals=names[1:_MAX_RIVALS], lines=special)
    as_likely = _AS_LIKELY if found[0].evidence >= _MUCH_EVIDENCE else _AS_LIKELY_BY_LITTLE
    rivals = [guess.encoding for guess in found[1:] if guess.share > as_likely * found[0].share]
    return Detection(names[0], is_guess=True, rivals=rivals, lines=special)


def _special(sample: bytes, *, complete: bool) -> list[bytes]:
    """The lines that are not ASCII."""
    lines = sample.split(b"\n")
    if not complete and len(lines) > 1:
        lines.pop()
    return [line for line in lines if not line.isascii()]


def _are_garbled(lines: Sequence[bytes], encoding: str) -> bool:
    """Most of the lines make no sense."""
    some = lines[:_JUDGED_LINES]
    return 2 * sum(is_garbled(line[:_JUDGED_BYTES].decode(encoding, "replace")[:-1]) for line in some) > len(some)


def _with_order(encoding: str, sample: bytes) -> str:
    """UTF-16 and UTF-32 with the order of their bytes, where no mark says it."""
    if encoding not in ("utf-16", "utf-32") or any(
        sample.startswith(m) for m, mark_encoding in _MARKS if mark_encoding == encoding
    ):
        return encoding
    wide_encoding = wide_guess(sample)
    return wide_encoding if wide_encoding.startswith(encoding) else f"{encoding}-le"


def byte_lines(file: Lines, first: int = 1) -> Iterator[tuple[int, bytes]]:
    """The lines of UTF-8, without a mark before the first. Only a line feed ends one, as JSON Lines has it."""
    for number, line in enumerate(iter(partial(file.readline, MAX_ROW_BYTES), b""), first):
        if len(line) == MAX_ROW_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_ROW_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, OVERLONG
            continue
        yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def text_lines(file: IO[bytes], encoding: str, overlong_code: str) -> Iterator[tuple[int, str] | Problem]:
    """The lines with their ends; one that is not of that encoding is a problem, and so is one of more than
    MAX_ROW_BYTES, whose code is `overlong_code`."""
    if "\n".encode(encoding) != b"\n":  # such as UTF-16
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
