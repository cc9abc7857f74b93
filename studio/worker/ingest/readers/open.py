"""Opens a file of any supported kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from studio.domain.datasets.file_format import ReadOptions, check_suffix
from studio.domain.datasets.problem import Problem, Unit
from studio.worker.ingest.readers.columnar import Block, arrow, items_of, parquet
from studio.worker.ingest.readers.compressed import BROKEN, Packed
from studio.worker.ingest.readers.csv import delimited
from studio.worker.ingest.readers.encoding import encoding_of
from studio.worker.ingest.readers.excel import workbook
from studio.worker.ingest.readers.item import Item
from studio.worker.ingest.readers.json_document import is_array, json_document
from studio.worker.ingest.readers.json_lines import json_lines
from studio.worker.ingest.readers.plain_text import plain_text


@dataclass
class OpenSource:
    """`unit` is how places are counted, `items` the rows; encoding, delimiter and sheet are those in use, empty where
    the kind has none; `detected` says that the encoding was found out. `position` says how many of the `total` bytes
    are read. `blocks` are the same rows in columns, where the file has them so: to be gone through instead."""

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


def open_source(path: Path, name: str, reading: ReadOptions) -> OpenSource:
    """The file, whose `name` says of which kind it is.

    Raises:
        InvalidInput: nothing can be read of it; also while its items are gone through.
        OSError: it is gone, or may not be read.
    """
    check_suffix(name)
    packed = Packed(path, name)
    kind = check_suffix(f"inside{packed.kind}")
    opened = OpenSource("line", iter([]), packed.total, packed.position)
    if kind in (".parquet", ".arrow", ".feather"):
        opened.unit = "row"
        opened.blocks = parquet(packed, name) if kind == ".parquet" else arrow(packed, name)
        opened.items = _whole(chain.from_iterable(map(items_of, opened.blocks)))
        return opened
    if kind == ".xlsx":
        opened.unit = "row"
        opened.sheets, opened.sheet, items = workbook(packed, name, reading.sheet)
        opened.items = _whole(items)
        return opened
    opened.encoding, opened.detected = encoding_of(packed, name, reading)
    match kind:
        case ".json":
            unit, items = json_document(packed, name, opened.encoding)
            opened.unit = "row" if unit == "row" else "line"
        case ".csv" | ".tsv":
            given = reading.delimiter or ("\t" if kind == ".tsv" else "")
            opened.delimiter, items = delimited(packed, name, opened.encoding, given)
        case ".txt":
            items = plain_text(packed, opened.encoding)
        case _ if is_array(packed, opened.encoding):  # JSON under the name of JSON Lines
            _, items = json_document(packed, name, opened.encoding)
        case _:
            items = _lines(packed, opened.encoding)
    opened.items = _whole(items)
    return opened


def _lines(packed: Packed, encoding: str) -> Iterator[Item]:
    with packed.opened() as file:
        yield from json_lines(file, encoding)


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
