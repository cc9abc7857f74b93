"""The task `intake`: reads files or an earlier version, checks every row, and writes a dataset's version."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from studio.domain.datasets.columns import columns_of, header_key
from studio.domain.datasets.formats import Format, Layout, excerpt, read_layout
from studio.domain.datasets.healing import healed
from studio.domain.datasets.notes import MAX_UNUSED, Note, Notes
from studio.domain.datasets.problem import Problem
from studio.domain.datasets.read_questions import UnclearReading
from studio.domain.datasets.recognition import KNOWN_COLUMNS, UnclearFormat, are_verdicts, recognise, unclear_verdicts
from studio.domain.datasets.rows import check_first_rows, read_row
from studio.domain.errors import InvalidInput
from studio.domain.events import Finished
from studio.domain.graphemes import cut
from studio.domain.jobs.ingest import (
    CleanSource,
    DatasetSummary,
    FilesSource,
    FileSummary,
    HubSource,
    IntakeRequest,
    UnclearFile,
)
from studio.store.datasets.folder import NEAR_FILE, PROBLEMS, REFUSED, ROWS, SAMPLE
from studio.store.datasets.refused_file import RefusedRow
from studio.store.datasets.row_file import BATCH
from studio.store.job_folder import JobFolder, write_json
from studio.worker.common.progress import Reporter
from studio.worker.ingest.cleaning import clean
from studio.worker.ingest.fast_path import plain_columns, plain_rows, unused_of_columns, unused_of_rows
from studio.worker.ingest.readers.columnar import Block, items_of
from studio.worker.ingest.readers.item import Item, as_json
from studio.worker.ingest.readers.open import open_source
from studio.worker.ingest.readers.shapes.json_blocks import Plain, PlainBlock, plain_schema
from studio.worker.ingest.readers.source import OpenSource
from studio.worker.ingest.threads import conversations, thread_columns
from studio.worker.ingest.writer import VersionWriter

FIRST_ROWS = 20  # that a person can look at to choose columns
MAX_CHUNK_BYTES = 1 << 26  # bytes of the file whose rows are in memory at once
_PIECE = 50  # rows, after which that is looked at
MAX_SAMPLED_ITEMS = 1000  # by these the format is told: some have columns that the first have not
MAX_SAMPLED_BYTES = 1 << 24  # bytes of the file that they are looked for in

_NO_OBJECT = Layout(Format.TEXT, {"text": "text"})  # of a file without a single object: each row is a problem


def main(path: Path) -> None:
    """Does what the IntakeRequest in FOLDER asks; writes rows.arrow, problems.arrow, refused.arrow, and sample.json:
    the first rows as they came. The last event is Finished, with a DatasetSummary.

    Raises:
        InvalidInput: a file has no rows, or cannot be read at all.
    """
    sys.setswitchinterval(0.0005)  # the second thread asks for Python's lock often, and only for a moment
    folder = JobFolder(path)
    request = folder.read_request(IntakeRequest)
    began = time.monotonic()
    report = Reporter(folder)
    try:
        match request.source:
            case CleanSource() as source:
                summary = clean(source, path, report)
            case HubSource() as source:
                summary = read_hub(request, source, path, report)
            case FilesSource(files=files):
                sources = ((file.name, open_source(Path(file.path), file.name, request.reading)) for file in files)
                summary = read_files(request, sources, path, report)
    except BaseException:
        for name in (
            ROWS,
            PROBLEMS,
            REFUSED,
            NEAR_FILE,
        ):  # of a version that never came to be; on a full disk they are what fills it
            (path / name).unlink(missing_ok=True)
        raise
    summary = summary.model_copy(update={"seconds": round(time.monotonic() - began, 2)})
    folder.append(Finished(path=str(path / ROWS), size=summary.size, details=summary))


def read_hub(request: IntakeRequest, source: HubSource, folder: Path, report: Reporter) -> DatasetSummary:
    """A split's rows as a version, pinned to their commit."""
    from studio.worker.ingest.hub import open_hub

    try:
        rows_source, commit = open_hub(source, request.reading, report)
    except UnclearReading as unclear:
        return DatasetSummary(unclear=_unclear_file(unclear), hub=source)
    summary = read_files(request, [(source.repository, rows_source)], folder, report)
    return summary.model_copy(update={"hub": source.model_copy(update={"commit": commit})})


def read_files(
    request: IntakeRequest, sources: Iterable[tuple[str, OpenSource]], folder: Path, report: Reporter
) -> DatasetSummary:
    """All rows of the sources, each with its name, as one version."""
    is_only_file = not isinstance(request.source, FilesSource) or len(request.source.files) < 2
    writer: VersionWriter | None = None
    summaries: list[FileSummary] = []
    layouts: list[Layout] = []
    layout_by_header: dict[str, Layout] = {}
    notes_of_files: list[Notes] = []
    columns: dict[str, None] = {}
    is_chosen = bool(request.layout)  # the layout of the first file, now or for another one with the same header
    try:
        for index, (name, source) in enumerate(sources):
            first, everything = _first_items(source)
            samples = _rows_of(first)
            if not request.layout and (columns_of_threads := thread_columns(samples)):
                items = everything if source.blocks is None else chain.from_iterable(map(items_of, everything))
                items = conversations(items, columns_of_threads, source.notes, name)
                source = replace(source, blocks=None, lines=None, items=items)
                first, everything = _first_items(source)
                samples = _rows_of(first)
            summaries.append(
                FileSummary(
                    name=name, unit=source.unit, encoding=source.encoding, detected=source.detected,
                    delimiter=source.delimiter, sheet=source.sheet, sheets=list(source.sheets),
                )
            )  # fmt: skip
            if index == 0:
                is_chosen = is_chosen or header_key(columns_of(samples)) in request.layouts
                write_json(folder / SAMPLE, _printable(samples[:FIRST_ROWS]))
            layout = _layout(samples, request, layout_by_header) if samples else _NO_OBJECT
            layout_by_header.setdefault(header_key(columns_of(samples)), layout)
            notes_of_files.append(source.notes)
            if writer is None:
                if not first and is_only_file:
                    raise InvalidInput("“{file}” has no rows.", "Add a file with at least one row.", file=name)
                writer = VersionWriter(folder, layout.format.kind, near=request.near_duplicates)
            elif samples and layout.format.kind != layouts[0].format.kind:
                raise InvalidInput(
                    "“{file}” holds {found}, and “{first}” holds {expected}.",
                    "Add files of different kinds as separate datasets.",
                    file=name, found=layout.format.label, first=summaries[0].name,
                    expected=layouts[0].format.label,
                )  # fmt: skip
            layouts.append(layout)
            summaries[-1] = summaries[-1].model_copy(update={"layout": layout.as_dict()})
            columns |= dict.fromkeys(map(excerpt, columns_of(samples)))
            _read(source, everything, layout, index, writer, report)
        if writer is None:
            raise InvalidInput("There is no file.", "Choose at least one.")
        if not is_chosen:
            _check_labels(layouts[0], writer.labels, columns)
        summary = writer.finish(lambda done, total: report("comparing", done, total))
    except (UnclearFormat, UnclearReading) as unclear:
        return DatasetSummary(unclear=_unclear_file(unclear), files=summaries)
    finally:
        if writer is not None:
            writer.close()
    used_columns = {column for layout in layouts for column in layout.used_columns}
    unused: Counter[str] = sum((notes.unused for notes in notes_of_files), Counter())
    late = [name for name in unused if name.lower() in KNOWN_COLUMNS and name not in columns]
    return summary.model_copy(
        update={
            "files": summaries, "unit": summaries[0].unit, "layout": layouts[0].as_dict(), "columns": list(columns),
            "ignored": [column for column in columns if column not in used_columns],
            "unused": dict(unused.most_common(MAX_UNUSED)),
            "notes": [
                *(note for notes in notes_of_files for note in notes.found()),
                *(
                    Note(code="late_column", rows=unused[name], values={"field": name, "first": MAX_SAMPLED_ITEMS})
                    for name in late
                ),
            ],
        }
    )  # fmt: skip


def _check_labels(layout: Layout, labels: Collection[str], columns: Iterable[str]) -> None:
    """Raises UnclearFormat where the labels are ratings, and none of the first rows has shown it."""
    label = layout.columns.get("label")
    if label is not None and layout.format.kind == "chat" and labels and are_verdicts(labels):
        raise unclear_verdicts(layout, label, [dict.fromkeys(columns)])


def _rows_of(items: Iterable[Item]) -> list[dict[str, Any]]:
    return [item[1] for item in items if not isinstance(item, Problem) and isinstance(item[1], dict)]


def _first_items(source: OpenSource) -> tuple[list[Item], Iterator[Any]]:
    """As many as it takes to know the columns; and all there is, blocks or items, from the beginning."""
    if source.blocks is not None:
        head = list(islice(source.blocks, 1))
        return list(islice(chain.from_iterable(map(items_of, head)), MAX_SAMPLED_ITEMS)), chain(head, source.blocks)
    first: list[Item] = []
    begin = source.position()
    for item in source.items:
        first.append(item)
        has_enough = source.position() - begin > MAX_SAMPLED_BYTES and len(_rows_of(first)) >= FIRST_ROWS
        if has_enough or len(first) == MAX_SAMPLED_ITEMS:
            break
    return first, chain(first, source.items)


def _layout(samples: list[dict[str, Any]], request: IntakeRequest, earlier: Mapping[str, Layout]) -> Layout:
    """What a person chose for this file, or for another one with the same header, or what the columns tell; where all
    rows are bad, that of an earlier file with the same header."""
    columns = columns_of(samples)
    header = header_key(columns)
    choice = request.layout or request.layouts.get(header)
    if choice:
        return read_layout(choice, columns)
    try:
        layout = recognise(samples)
    except UnclearFormat as unclear:
        if unclear.is_ambiguous or header not in earlier:
            raise
        return earlier[header]
    if layout != earlier.get(header):
        check_first_rows(layout, samples)
    return layout


def _read(
    source: OpenSource, everything: Iterator[Any], layout: Layout, index: int, writer: VersionWriter, report: Reporter
) -> None:
    if source.lines is not None and (schema := plain_schema(layout)) is not None:
        source.lines.plain = Plain(schema, partial(plain_columns, layout))
    for kind, group in groupby(
        everything, lambda item: item.__class__ if item.__class__ in (Block, PlainBlock) else None
    ):
        if kind is Block:
            for block in group:
                _read_block(block, layout, index, writer, source.notes)
                report("reading", source.position(), source.total)
        elif kind is PlainBlock:
            for plain in group:
                writer.accept_all(plain.columns, range(plain.before + 1, plain.line + 1), index, layout)
                report("reading", source.position(), source.total)
        else:
            _read_items(group, source, layout, index, writer, report)


def _read_items(
    items: Iterator[Item], source: OpenSource, layout: Layout, index: int, writer: VersionWriter, report: Reporter
) -> None:
    while chunk := _next_items(items, source, writer.room):
        try:
            lines, raws = zip(*chunk, strict=True)
            columns = plain_rows(layout, raws) if len(chunk) == BATCH else None
        except TypeError:  # a problem is among them
            columns = None
        if columns is not None:
            for name, count in unused_of_rows(layout, raws).items():
                source.notes.add_unused([excerpt(name)], count)
            writer.accept_all(columns, lines, index, layout)
        else:
            for item in chunk:
                _read_one(item, layout, index, writer, source.notes)
        report("reading", source.position(), source.total)


def _next_items(items: Iterator[Item], source: OpenSource, most: int) -> list[Item]:
    """Up to `most`, fewer where they are long."""
    chunk: list[Item] = []
    begin = source.position()
    while len(chunk) < most and source.position() - begin < MAX_CHUNK_BYTES:
        piece = list(islice(items, min(_PIECE, most - len(chunk))))
        if not piece:
            break
        chunk += piece
    return chunk


def _read_block(block: Block, layout: Layout, index: int, writer: VersionWriter, notes: Notes) -> None:
    here = 0
    while here < block.batch.num_rows:
        part = Block(block.before + here, block.batch.slice(here, writer.room))
        here += (size := part.batch.num_rows)
        columns = plain_columns(layout, part.batch) if size == BATCH else None
        if columns is not None:
            for name, count in unused_of_columns(layout, part.batch).items():
                notes.add_unused([excerpt(name)], count)
            writer.accept_all(columns, range(part.before + 1, part.before + size + 1), index, layout)
        else:
            for item in items_of(part):
                _read_one(item, layout, index, writer, notes)


def _read_one(item: Item, layout: Layout, index: int, writer: VersionWriter, notes: Notes) -> None:
    if isinstance(item, Problem):
        writer.refuse([replace(item, file=index)], RefusedRow(item.line, index, item.raw, item.parsed))
        return
    row, problems = read_row(layout, item[1], item[0], index, notes)
    if row is None:
        mended = healed(layout, item[1], problems, item[0], index)
        writer.refuse(
            problems, RefusedRow(item[0], index, as_json(item[1]), parsed=True), mended.actions if mended else ()
        )
    else:
        writer.accept(row, item[0], index, layout, problems)


def _unclear_file(error: UnclearFormat | UnclearReading) -> UnclearFile:
    if isinstance(error, UnclearReading):
        return UnclearFile(**error.as_dict(), question=error.question)
    return UnclearFile(
        **error.as_dict(), columns=list(error.columns), guess=error.guess.as_dict() if error.guess else None
    )


def _printable(value: Any) -> Any:
    """Plain data that JSON can hold, and a page can show; long texts only by their beginning."""
    match value:
        case dict():
            return {_printable(str(key)): _printable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_printable(inner) for inner in value[:50]]
        case bool() | int() | None:
            return value
        case float():
            return value if value == value and abs(value) != float("inf") else str(value)
        case _:
            return cut(str(value), 2000).encode("utf-8", "replace").decode()
