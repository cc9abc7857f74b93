"""Opens a file of any supported kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from studio.domain.datasets.file_format import ReadOptions, check_suffix
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem, Unit
from studio.worker.ingest.readers.columnar import Block, arrow, items_of, parquet
from studio.worker.ingest.readers.compressed import BROKEN, Packed
from studio.worker.ingest.readers.csv import delimited
from studio.worker.ingest.readers.encoding import encoding_of
from studio.worker.ingest.readers.excel import workbook
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.json_document import JsonFile, is_document, json_document
from studio.worker.ingest.readers.json_lines import json_lines
from studio.worker.ingest.readers.plain_text import plain_text
from studio.worker.ingest.readers.shapes.line_ends import open_lines
from studio.worker.ingest.readers.shapes.objects import shaped


@dataclass
class OpenSource:
    """`unit` is how places are counted, `items` the rows; encoding, delimiter and sheet are those in use, empty where
    the kind has none; `detected` says that the encoding was found out. `position` says how many of the `total` bytes
    are read. `blocks` are the same rows in columns, where the file has them so: to be gone through instead. `notes`
    grow while it is read."""

    unit: Unit
    items: Iterator[Item]
    total: int
    position: Callable[[], int]
    encoding: str = ""
    detected: bool = False
    delimiter: str = ""
    sheets: list[str] = field(default_factory=list)
    sheet: str = ""
    blocks: Iterator[Block | Problem] | None = None
    notes: Notes = field(default_factory=Notes)


def open_source(path: Path, name: str, reading: ReadOptions) -> OpenSource:
    """The file, whose `name` says of which kind it is.

    Raises:
        UnclearReading: it can be read in several ways.
        InvalidInput: nothing can be read of it; also while its items are gone through.
        OSError: it is gone, or may not be read.
    """
    check_suffix(name)
    packed_file = Packed(path, name)
    kind = check_suffix(f"inside{packed_file.kind}")
    source = OpenSource("line", iter([]), packed_file.total, packed_file.position)
    if kind in (".parquet", ".arrow", ".feather"):
        source.unit = "row"
        source.blocks = parquet(packed_file, name) if kind == ".parquet" else arrow(packed_file, name)
        source.items = _whole(chain.from_iterable(map(items_of, source.blocks)))
        return source
    if kind == ".xlsx":
        source.unit = "row"
        source.sheets, source.sheet, items = workbook(packed_file, name, reading, source.notes)
        source.items = _whole(items)
        return source
    source.encoding, source.detected = encoding_of(packed_file, name, reading, source.notes)
    match kind:
        case ".csv" | ".tsv":
            usual = "\t" if kind == ".tsv" else ""
            source.delimiter, items = delimited(packed_file, name, source.encoding, reading, usual, source.notes)
            source.items = _whole(items)
        case ".txt":
            source.items = _whole(plain_text(packed_file, source.encoding))
        case _:
            source.unit, items = _json(packed_file, name, source, reading.rows, is_lines=kind != ".json")
            source.items = shaped(_whole(items), name, reading.rows, source.notes)
    return source


def _json(
    packed_file: Packed, name: str, source: OpenSource, rows: str, *, is_lines: bool
) -> tuple[Unit, Iterator[Item]]:
    """JSON Lines, unless the file is something else under that name."""
    if not is_lines or is_document(packed_file, source.encoding):
        return json_document(JsonFile(packed_file, name, source.encoding, rows, source.notes))
    return "line", _lines(packed_file, source.encoding, source.notes)


def _lines(packed_file: Packed, encoding: str, notes: Notes) -> Iterator[Item]:
    with open_lines(packed_file, encoding) as file:
        yield from json_lines(file, encoding, notes)


def _whole(items: Iterator[Item]) -> Iterator[Item]:
    """The items; where a packed file breaks off, that is the last."""
    last = 0
    try:
        for item in items:
            last = item.line if isinstance(item, Problem) else item[0]
            yield item
    except BROKEN as error:
        reason = str(error).rstrip(".") or type(error).__name__
        yield Problem(last + 1, "", "truncated", {"reason": reason})
