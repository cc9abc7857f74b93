"""Files that people bring, read row by row: JSON Lines, JSON, CSV, TSV and Parquet."""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from studio.domain.dataset import Problem, Unit
from studio.domain.dataset_formats import recognise
from studio.domain.errors import InvalidInput

Item = tuple[int, Any] | Problem
"""A row with the number of its line (of its row, where a file has no lines), or why it cannot be read."""

_BLANKS = re.compile(r"[ \t\r\n]*")
_ENOUGH = 2**31 - 1  # characters in a cell: the most that csv takes on every system
_FOREIGN = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def check_suffix(file_name: str) -> str:
    """The suffix in lower case. Raises InvalidInput where no file of that kind can be read."""
    suffix = Path(file_name).suffix.lower()
    if suffix not in _READERS:
        raise InvalidInput(
            "“{file}” is none of the kinds of file that can be read.",
            "Use one of {known}.",
            file=file_name,
            known=", ".join(_READERS),
        )
    return suffix


def read_items(path: Path, file_name: str) -> tuple[Unit, Iterator[Item]]:
    """How places in the file are counted, and its rows one by one; `file_name` says of which kind it is.

    A place that breaks the whole file, such as a quotation mark without its partner, is the last item.

    Raises:
        InvalidInput: the kind of file or its encoding cannot be read; also while the rows are read.
    """
    suffix = check_suffix(file_name)
    if suffix != ".parquet":
        _check_encoding(path, file_name)
    return _READERS[suffix](path, file_name)


def _check_encoding(path: Path, file_name: str) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    for mark, encoding in _FOREIGN:
        if start.startswith(mark):
            raise InvalidInput(
                "“{file}” is {encoding} from its first line on.", _AS_UTF8, file=file_name, encoding=encoding
            )


_AS_UTF8 = "Save it as UTF-8 and add it again."


def _lines(path: Path) -> Iterator[tuple[int, str] | Problem]:
    """The lines with their ends. Only a line feed ends one, as JSON Lines has it."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield number, line.removeprefix(codecs.BOM_UTF8 if number == 1 else b"").decode()
            except UnicodeDecodeError as error:
                message = "This is not UTF-8: byte {byte} at position {position}."
                values = {"byte": f"0x{line[error.start]:02X}", "position": error.start + 1}
                yield Problem(number, "", "not_utf8", message, _AS_UTF8, values)


def _not_json(line: int, error: Exception) -> Problem:
    """Of json's own error, whose line is counted from `line` on."""
    if isinstance(error, json.JSONDecodeError):
        message = "This is not valid JSON: {reason} at column {column}."
        values = {"reason": error.msg, "column": error.colno}
        return Problem(line + error.lineno - 1, "", "not_json", message, _WHOLE_OBJECT, values)
    if isinstance(error, RecursionError):
        return Problem(line, "", "not_json", "This JSON is nested too deep.", "Remove the row.", {})
    message = "This JSON cannot be read: {reason}."
    return Problem(line, "", "not_json", message, "Remove the row.", {"reason": str(error).partition(";")[0]})


_WHOLE_OBJECT = "Look for a missing quotation mark, comma or bracket there; in .jsonl each line is one whole object."


def _json_lines(path: Path, file_name: str) -> tuple[Unit, Iterator[Item]]:
    def items() -> Iterator[Item]:
        for line in _lines(path):
            if isinstance(line, Problem):
                yield line
            elif text := line[1].strip():
                try:
                    yield line[0], json.loads(text)
                except (ValueError, RecursionError) as error:
                    yield _not_json(line[0], error)

    return "line", items()


def _json(path: Path, file_name: str) -> tuple[Unit, Iterator[Item]]:
    """An array of rows, an object that holds one, one row alone, or JSON Lines under a wrong name."""
    text = ""
    for line in _lines(path):
        if isinstance(line, Problem):
            return "line", iter([line])
    text = path.read_text("utf-8-sig")
    start = _blanks(text, 0)
    if text.startswith("[", start):
        return "line", _elements(text, start)
    if start == len(text):
        return "line", iter([])
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            return _json_lines(path, file_name)
        return "line", iter([_not_json(1, error)])
    if not isinstance(value, dict):
        return "line", iter([(1, value)])
    arrays = [inner for inner in value.values() if isinstance(inner, list) and any(isinstance(i, dict) for i in inner)]
    if _is_row(value) and not any(_is_row(array[0]) for array in arrays):
        return "line", iter([(1, value)])
    if len(arrays) != 1:
        raise InvalidInput(
            "“{file}” is an object with {count} lists of rows in it, and must have one.",
            "Save the rows as a JSON array, or one object a line as .jsonl.",
            file=file_name,
            count=len(arrays),
        )
    return "row", iter(enumerate(arrays[0], 1))


def _is_row(value: Any) -> bool:
    try:
        return isinstance(value, dict) and bool(recognise([value]))
    except InvalidInput:
        return False


def _elements(text: str, start: int) -> Iterator[Item]:
    """The elements of the array at `start`, one after the other, each with the line it begins in."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    here = _blanks(text, start + 1)
    more = not text.startswith("]", here)
    try:
        while more:
            line, counted = line + text.count("\n", counted, here), here
            value, here = decoder.raw_decode(text, here)
            yield line, value
            here = _blanks(text, here)
            more = text.startswith(",", here)
            if more:
                here = _blanks(text, here + 1)
        if not text.startswith("]", here):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, here)
        if (end := _blanks(text, here + 1)) < len(text):
            raise json.JSONDecodeError("Extra data", text, end)
    except json.JSONDecodeError as error:
        yield _not_json(1, error)
    except (ValueError, RecursionError) as error:
        yield _not_json(line, error)


def _blanks(text: str, start: int) -> int:
    match = _BLANKS.match(text, start)
    return match.end() if match else start


def _csv(path: Path, file_name: str) -> tuple[Unit, Iterator[Item]]:
    return "line", _cells(path, file_name, None)


def _tsv(path: Path, file_name: str) -> tuple[Unit, Iterator[Item]]:
    return "line", _cells(path, file_name, "\t")


class _NotUtf8(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def _cells(path: Path, file_name: str, delimiter: str | None) -> Iterator[Item]:
    csv.field_size_limit(_ENOUGH)

    def texts() -> Iterator[str]:
        for line in _lines(path):
            if isinstance(line, Problem):
                raise _NotUtf8(line)
            yield line[1]

    lines = texts()
    begin = 1
    try:
        first = next(lines, "")
        if delimiter is None:
            delimiter = max(",;\t", key=first.count)
        reader = csv.reader(_chain(first, lines), delimiter=delimiter, strict=True)
        header = next(reader, [])
        _check_header(header, file_name)
        while True:
            begin = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if len(cells) == len(header):
                yield begin, dict(zip(header, cells, strict=True))
            elif cells:
                message = "This row has {cells} cells, and the header has {columns}."
                remedy = "Put text that has the delimiter or a line break in it in quotation marks."
                values = {"cells": len(cells), "columns": len(header)}
                yield Problem(begin, "", "cell_count", message, remedy, values)
    except _NotUtf8 as error:
        yield error.problem
    except csv.Error as error:
        message = "The row that begins here cannot be read: {reason}."
        remedy = "Look for a quotation mark without its partner; inside a text, quotation marks are doubled."
        yield Problem(begin, "", "not_csv", message, remedy, {"reason": str(error)})


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    if first:
        yield first
        yield from rest


def _check_header(header: list[str], file_name: str) -> None:
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise InvalidInput(
            "The header of “{file}” names a column twice: {names}.",
            "Give each column its own name in the first line.",
            file=file_name,
            names=", ".join(f"“{name}”" for name in doubled),
        )


def _parquet(path: Path, file_name: str) -> tuple[Unit, Iterator[Item]]:
    def items() -> Iterator[Item]:
        import pyarrow as pa
        import pyarrow.parquet

        number = 0
        try:
            with pa.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=1000):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InvalidInput(
                "“{file}” cannot be read as Parquet after row {row}: {reason}",
                "Write it again, or bring it as .jsonl.",
                file=file_name,
                row=number,
                reason=str(error).partition("\n")[0],
            ) from error

    return "row", items()


_READERS: dict[str, Callable[[Path, str], tuple[Unit, Iterator[Item]]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
