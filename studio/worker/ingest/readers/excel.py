"""Excel workbooks: a sheet whose first row names the columns."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from itertools import islice
from typing import IO, Any

from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.compressed import Packed
from studio.worker.ingest.readers.csv import checked_header, wrong_cell_count
from studio.worker.ingest.readers.item import Item, unread_rest

_MAX_ROWS = 1 << 20  # that a sheet can have: one that numbers its rows higher would have endless empty ones
_MAX_PART_BYTES = 1 << 29  # bytes of what is read as a whole: the texts of all cells, the styles; a sheet is not


def workbook(packed_file: Packed, name: str, sheet: str) -> tuple[list[str], str, Iterator[Item]]:
    """The names of the sheets, which one is read (the first that holds something, where none is given), and its rows.

    All cells come as text, as people see them in a table. Rows are counted as the spreadsheet does.

    Raises:
        InvalidInput: it is no workbook, or has no such sheet; also while the rows are read.
    """
    with _open_workbook(packed_file, name) as book:
        sheets = list(book.sheetnames)
        if sheet and sheet not in sheets:
            raise InvalidInput(
                "“{file}” has no sheet “{sheet}”.", "It has {sheets}.", file=name, sheet=sheet, sheets=", ".join(sheets)
            )
        filled_sheets = (s for s in sheets if any(any(c is not None for c in row) for row in _values(book, s)))
        sheet_name = sheet or next(filled_sheets, sheets[0] if sheets else "")
    return sheets, sheet_name, _rows(packed_file, name, sheet_name)


def _rows(packed_file: Packed, name: str, sheet: str) -> Iterator[Item]:
    with _open_workbook(packed_file, name) as book:
        header: list[str] = []
        width = 0
        for number, row in enumerate(_values(book, sheet), 1):
            if number > _MAX_ROWS:
                yield unread_rest(number)
                return
            cells = [_text(cell) for cell in row]
            if not any(cells):
                continue
            if not header:
                width = max(i for i, cell in enumerate(cells, 1) if cell)
                header = checked_header(cells[:width], name)
            elif any(cells[width:]):
                yield wrong_cell_count(number, cells, header)
            else:
                cells += [""] * (width - len(cells))
                yield number, dict(zip(header, cells[:width], strict=True))


@contextmanager
def _open_workbook(packed_file: Packed, name: str) -> Iterator[Any]:
    """The workbook. openpyxl lets out whatever its parts raise at a damaged file."""
    from openpyxl import load_workbook

    try:
        with packed_file.seekable() as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that no row is in
            _check_size(file, name)
            book = load_workbook(file, read_only=True, data_only=True)
            try:
                yield book
            finally:
                book.close()
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput(
            "“{file}” cannot be read as a workbook: {reason}.", "Save it again as .xlsx, or as .csv.",
            file=name, reason=str(error).partition("\n")[0].rstrip(".") or type(error).__name__,
        ) from error  # fmt: skip


def _check_size(file: IO[bytes], name: str) -> None:
    with zipfile.ZipFile(file) as archive:
        sizes = [part.file_size for part in archive.infolist() if "/worksheets/" not in part.filename]
    file.seek(0)
    if max(sizes, default=0) > _MAX_PART_BYTES:
        raise InvalidInput("“{file}” is too large for a workbook.", "Save the sheet as .csv.", file=name)


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
