"""Excel workbooks: a sheet of rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.read_questions import ReadChoice, UnclearReading, preview_of
from studio.domain.datasets.recognition import is_known
from studio.domain.errors import InvalidInput
from studio.domain.translation import N_
from studio.worker.ingest.readers.compressed import Packed
from studio.worker.ingest.readers.csv import wrong_cell_count
from studio.worker.ingest.readers.item import Item, unread_rest
from studio.worker.ingest.readers.shapes.header import SAMPLED, TableStart, column_names, rows_above, table_start
from studio.worker.ingest.readers.watched_archive import WatchedArchive

_MAX_ROWS = 1 << 20  # that a sheet can have: one that numbers its rows higher would have endless empty ones
_LOOKED_AT = 1000  # rows of each sheet, for those that are filled
_MAX_LISTED = 20  # sheets, in a note


def workbook(
    packed_file: Packed, name: str, reading: ReadOptions, notes: Notes
) -> tuple[list[str], str, Iterator[Item]]:
    """The names of the sheets, which one is read (the only one with rows, or with columns that a format has, where none
    is given), and its rows.

    All cells come as text, as people see them in a table. Rows are counted as the spreadsheet does.

    Raises:
        UnclearReading: it is not clear which sheet is meant, or whether the first row names the columns.
        InvalidInput: it is no workbook, or has no such sheet; also while the rows are read.
    """
    with _open_workbook(packed_file, name) as book:
        sheets = list(book.sheetnames)
        sheet: str = reading.sheet or _sheet_of(book, name, notes)
        if sheet and sheet not in sheets:
            raise InvalidInput(
                "“{file}” has no sheet “{sheet}”.", "It has {sheets}.", file=name, sheet=sheet, sheets=", ".join(sheets)
            )
        start = table_start(_first_rows(book, sheet), name, reading.header) if sheet else TableStart()
    return sheets, sheet, _rows(packed_file, name, sheet, start, notes)


def _sheet_of(book: Any, name: str, notes: Notes) -> str:
    """The sheet that is meant; the first where none has rows."""
    filled = {sheet: rows for sheet in book.sheetnames if (rows := _first_rows(book, sheet))}
    visible = [sheet for sheet in filled if getattr(book[sheet], "sheet_state", "visible") == "visible"]
    choices = visible or list(filled)
    fitting = [sheet for sheet in choices if _fits(filled[sheet])]
    if len(choices) < 2 or len(fitting) == 1:
        sheet = str((fitting or choices or [*book.sheetnames, ""])[0])
        if others := [other for other in filled if other != sheet]:
            notes.add("other_sheets", rows=len(others), sheet=sheet, others=", ".join(others[:_MAX_LISTED]))
        return sheet
    hidden = [sheet for sheet in filled if sheet not in choices]
    raise UnclearReading(
        "“{file}” has {count} sheets with rows in them.",
        "Say which holds the rows.",
        "sheet",
        [
            ReadChoice(
                value=sheet, label=N_("Sheet “{sheet}”, which is hidden") if sheet in hidden else N_("Sheet “{sheet}”"),
                values={"sheet": sheet}, preview=preview_of([" | ".join(row) for row in filled[sheet]]),
            )
            for sheet in [*choices, *hidden]
        ],
        file=name, count=len(choices),
    )  # fmt: skip


def _fits(rows: list[list[str]]) -> bool:
    """Its columns are those of a format."""
    header = rows[rows_above(rows)]
    return is_known([dict.fromkeys(header)])


def _first_rows(book: Any, sheet: str) -> list[list[str]]:
    """Those with a filled cell, up to the last that any of them has."""
    rows = ([_text(cell) for cell in row] for row in islice(_values(book, sheet), _LOOKED_AT))
    filled = list(islice((row for row in rows if any(row)), SAMPLED))
    width = max((place for row in filled for place, cell in enumerate(row, 1) if cell), default=0)
    return [row[:width] for row in filled]


def _rows(packed_file: Packed, name: str, sheet: str, start: TableStart, notes: Notes) -> Iterator[Item]:
    with _open_workbook(packed_file, name) as book:
        header = list(start.names)
        above = start.above
        width = len(header)
        for number, row in enumerate(_values(book, sheet), 1):
            if number > _MAX_ROWS:
                yield unread_rest(number)
                return
            cells = [_text(cell) for cell in row]
            if not any(cells):
                continue
            if not header and above:
                above -= 1
                notes.add("above_header", number)
            elif not header:
                width = max(i for i, cell in enumerate(cells, 1) if cell)
                header = column_names(cells[:width], notes, number)
            elif any(cells[width:]):
                yield wrong_cell_count(number, cells, header)
            else:
                cells += [""] * (width - len(cells))
                yield number, dict(zip(header, cells[:width], strict=True))


@contextmanager
def _open_workbook(packed_file: Packed, name: str) -> Iterator[Any]:
    """The workbook. openpyxl lets out whatever its parts raise at a damaged file."""
    from openpyxl.reader.excel import ExcelReader

    try:
        with packed_file.seekable() as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that no row is in
            reader = ExcelReader(file, read_only=True, data_only=True, keep_links=False)
            reader.archive.close()
            with WatchedArchive(file, name) as archive:
                reader.archive = archive
                reader.read()
                yield reader.wb
    except InvalidInput:
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InvalidInput):
            raise cause from error
        raise InvalidInput(
            "“{file}” cannot be read as a workbook: {reason}.", "Save it again as .xlsx, or as .csv.",
            file=name, reason=_reason(cause),
        ) from error  # fmt: skip


def _reason(error: BaseException) -> str:
    if isinstance(error, UnicodeError) or "Entities" in type(error).__name__:
        return "a part of it is no valid XML"
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


def _values(book: Any, sheet: str) -> Iterator[tuple[Any, ...]]:
    page = book[sheet]
    if not hasattr(page, "iter_rows"):  # a sheet that is a chart
        return iter([])
    page.reset_dimensions()  # which some programs write wrong
    return islice(page.iter_rows(values_only=True), _MAX_ROWS + 1)


def _text(cell: Any) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return str(cell).lower()
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime() | date() | time():
            return cell.isoformat()
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell)
