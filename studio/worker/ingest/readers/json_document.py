"""A JSON document: an array of rows, objects one after another, an object that holds a list of rows, or one row."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem, Unit
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import BROKEN, MAX_ROW_BYTES, Packed, damage_error
from studio.worker.ingest.readers.encoding import text_lines, text_pieces
from studio.worker.ingest.readers.item import Item, unread_rest
from studio.worker.ingest.readers.json_lines import is_deep, json_lines, not_json, parse_line, read_line, too_deep
from studio.worker.ingest.readers.json_stream import JsonText
from studio.worker.ingest.readers.shapes.columns import is_conversation
from studio.worker.ingest.readers.shapes.documents import WholeDocument, flattened, holds_rows, rows_path, wraps_rows
from studio.worker.ingest.readers.shapes.lenient import extent, note_all, read_mended
from studio.worker.ingest.readers.shapes.line_ends import open_lines

_CHUNK_BYTES = 1 << 16  # bytes read at once: each fault costs a look through the window, for its line and column
_REMARKS = re.compile(r"(?:\ufeff|\s+|//[^\n]*|#[^\n]*|/\*(?:.|\n)*?\*/)*+")
_BETWEEN = re.compile(r"(?:[\s,]+|//[^\n]*|#[^\n]*|/\*(?:.|\n)*?\*/)*+")


@dataclass(frozen=True)
class JsonFile:
    """`rows` is the path that a person has chosen."""

    packed: Packed
    name: str
    encoding: str
    rows: str
    notes: Notes

    def text(self) -> Iterator[str]:
        with self.packed.open() as file:
            yield from text_pieces(file, self.encoding, _CHUNK_BYTES)

    def sample(self) -> tuple[str, bool]:
        """The first characters, without remarks before the first value; and whether they are all."""
        data, complete = self.packed.sample()
        text = data.decode(self.encoding, "replace")
        match = _REMARKS.match(text)
        return text[match.end() if match else 0 :], complete


def json_document(file: JsonFile) -> tuple[Unit, Iterator[Item]]:
    """The unit in which places are counted, and the items.

    Raises:
        UnclearReading: it has several lists that may be the rows.
        InvalidInput: it is an object without a list of rows in it, or has no such list as was chosen.
    """
    text, complete = file.sample()
    lines = [line for line in text.split("\n", 100) if line.strip()]
    if not lines:
        return "line", iter([])
    if text[0] == "[":
        if len(lines) > 1 and all(_is_row_of_lists(value) for line in lines[:2] for value in _values(line) or [None]):
            return "line", _lines_of(file)
        if complete and any(map(is_conversation, _values(text))):  # the only one
            return "line", iter([(1, value) for value in _values(text)])
        return "line", JsonText(file.text(), file.notes).values()
    if len(lines) > 1 and _are_rows(lines[0], lines[1]):
        return "line", _lines_of(file)
    if _has_more(text):
        return "line", JsonText(file.text(), file.notes).values()
    return _whole(file) or _piecewise(file)


def is_document(packed_file: Packed, encoding: str) -> bool:
    """One array or object over the whole file, or objects over several lines each, rather than a row on each line."""
    text, complete = JsonFile(packed_file, "", encoding, "", Notes()).sample()
    lines = [line.strip() for line in text.split("\n", 100) if line.strip()]
    if not lines or lines[0][:1] not in ("[", "{"):
        return False
    first = _values(lines[0])
    if lines[0][0] == "{":
        if first:
            return complete and len(lines) == 1 == len(first) and isinstance(first[0], dict) and wraps_rows(first[0])
        return len(lines) > 1 and not _values(lines[1]) and extent(text, 0) is not None
    if not first:
        return lines[0] == "[" or lines[0].lstrip("[ ")[:1] in ("{", "/", "#")
    return len(lines) == 1 and not _is_row_of_lists(first[0])


def _values(line: str) -> list[Any]:
    """What stands in a line by itself; nothing where that is no JSON."""
    items = read_line(1, line.strip(), Notes())
    return [item[1] for item in items if not isinstance(item, Problem)]


def _are_rows(first: str, second: str) -> bool:
    """A row in each line, though one may be broken."""
    if any(isinstance(value, dict) for value in _values(first)):
        return True
    item = parse_line(2, second.strip())
    return (
        not first.rstrip().endswith(("{", "[", ",", ":"))
        and not isinstance(item, Problem)
        and isinstance(item[1], dict)
    )


def _is_row_of_lists(value: Any) -> bool:
    """Turns, or cells; rather than a list of rows."""
    return isinstance(value, list) and (is_conversation(value) or not any(isinstance(each, dict) for each in value))


def _has_more(text: str) -> bool:
    """Another value follows the first, which is a row."""
    end = extent(text, 0) if text[:1] == "{" else None
    match = _BETWEEN.match(text, end) if end is not None else None
    if match is None or text[match.end() : match.end() + 1] not in ("{", "["):
        return False
    return not any(isinstance(value, dict) and holds_rows(value) for value in _values(text[:end]))


def _lines_of(file: JsonFile) -> Iterator[Item]:
    with open_lines(file.packed, file.encoding) as lines:
        yield from cast(Iterator[Item], json_lines(lines, file.encoding, file.notes))  # without blocks


def _whole(file: JsonFile) -> tuple[Unit, Iterator[Item]] | None:
    """None where it is too large to be read as a whole."""
    with file.packed.open() as opened:
        try:
            data = opened.read(MAX_ROW_BYTES + 1)
        except BROKEN as error:
            raise damage_error(file.name, error) from error
    if len(data) > MAX_ROW_BYTES:
        return None
    pieces = list(text_lines(io.BytesIO(data), file.encoding, "json_too_deep"))
    problems = [piece for piece in pieces if isinstance(piece, Problem)]
    if problems:
        return "line", iter([*problems, unread_rest(problems[-1].line)])
    text = "".join(piece[1] for piece in pieces if not isinstance(piece, Problem))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        mended = read_mended(text) if isinstance(error, json.JSONDecodeError) else None
        if mended is None or len(mended[0]) != 1:
            return _salvaged(file, replace(not_json(1, error), raw=text))
        value = mended[0][0]
        note_all(mended[1], 1, file.notes)
    rows = WholeDocument(value, file.name, file.rows, file.notes).rows() if isinstance(value, dict) else [value]
    if len(rows) == 1 and rows[0] is value:
        line = text.count("\n", 0, len(text) - len(text.lstrip())) + 1
        return "line", iter([too_deep(line) if is_deep(value) else (line, value)])
    return "row", (too_deep(place) if is_deep(row) else (place, row) for place, row in enumerate(rows, 1))


def _salvaged(file: JsonFile, problem: Problem) -> tuple[Unit, Iterator[Item]]:
    """The rows of a broken document, or what is wrong with it where it has none."""
    if problem.values.get("reason") == "Extra data":
        return "line", JsonText(file.text(), file.notes).values()
    try:
        unit, items = _piecewise(file)
    except InvalidInput:
        return "line", iter([problem])
    first = next(items, None)
    if first is None or isinstance(first, Problem):
        return "line", iter([problem])
    return unit, _chained(first, items)


def _chained(first: Item, others: Iterator[Item]) -> Iterator[Item]:
    yield first
    yield from others


def _piecewise(file: JsonFile) -> tuple[Unit, Iterator[Item]]:
    """A large object is gone through twice: to see which of its arrays holds the rows, and for the rows."""
    members: dict[str, Any] = {}
    arrays: dict[str, list[Any]] = {}  # of each the first element, and the first that is an object
    counts: dict[str, int] = {}
    fault: Problem | None = None
    for key, member in _members(file, Notes()):
        if isinstance(member, Problem):
            fault = fault or member
        elif not isinstance(member, tuple):
            members[key] = member
        else:
            counts[key] = counts.get(key, 0) + 1
            if key not in arrays or (isinstance(member[1], dict) and not any(isinstance(x, dict) for x in arrays[key])):
                arrays.setdefault(key, []).append(member[1])
    if fault and not any(isinstance(element, dict) for array in arrays.values() for element in array):
        return "line", iter([fault, unread_rest(fault.line)])
    path = rows_path(members | arrays, file.name, file.rows, counts)
    if path is None or any(len(keys) != 1 for keys in path.lists):
        raise InvalidInput(
            "“{file}” is one large object.",
            "Save its rows as a JSON array, or one object per line as .jsonl.",
            file=file.name,
        )
    wanted = {keys[0] for keys in path.lists}
    items: Iterator[Item] = (
        item for key, item in _members(file, file.notes)
        if isinstance(item, Problem) or (key in wanted and isinstance(item, tuple))
    )  # fmt: skip
    if path.inner:
        items = flattened(items, path, file.notes)
    if fault:
        return "line", items
    return "row", (item if isinstance(item, Problem) else (row, item[1]) for row, item in enumerate(items, 1))


def _members(file: JsonFile, notes: Notes) -> Iterator[tuple[str, Any]]:
    yield from JsonText(file.text(), notes).members()
