"""Opens a file of any supported kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import cast

from studio.domain.datasets.file_format import ReadOptions, check_suffix
from studio.domain.datasets.notes import Notes
from studio.domain.datasets.problem import Problem, Unit
from studio.domain.datasets.read_questions import MAX_CHOICES, ReadChoice, UnclearReading, preview_of
from studio.domain.errors import InvalidInput
from studio.domain.translation import N_
from studio.worker.ingest.readers.archive import Member, are_parts, members_with_rows
from studio.worker.ingest.readers.columnar import arrow, items_of, parquet
from studio.worker.ingest.readers.compressed import BROKEN, Packed
from studio.worker.ingest.readers.csv import delimited
from studio.worker.ingest.readers.encoding import encoding_of
from studio.worker.ingest.readers.excel import workbook
from studio.worker.ingest.readers.item import Item, as_json
from studio.worker.ingest.readers.json_document import JsonFile, is_document, json_document
from studio.worker.ingest.readers.json_lines import json_lines
from studio.worker.ingest.readers.plain_text import plain_text
from studio.worker.ingest.readers.shapes.json_blocks import PlainLines
from studio.worker.ingest.readers.shapes.line_ends import open_lines
from studio.worker.ingest.readers.shapes.objects import shaped
from studio.worker.ingest.readers.shapes.real_kind import kind_of_bytes, kind_of_text
from studio.worker.ingest.readers.source import OpenSource, as_one

_ALL = "*"
_WITHIN = "#"  # between the name of a member and the path of the rows in it
_MAX_LISTED = 20  # members, in a note


def open_source(path: Path, name: str, reading: ReadOptions, notes: Notes | None = None) -> OpenSource:
    """The file, whose `name` says of which kind it is, unless its content says something else.

    Raises:
        UnclearReading: it can be read in several ways.
        InvalidInput: nothing can be read of it; also while its items are gone through.
        OSError: it is gone, or may not be read.
    """
    check_suffix(name)
    notes = Notes() if notes is None else notes
    packed_file = Packed(path, name)
    if packed_file.archive:
        return _archive(packed_file, name, reading, notes)
    return _open(packed_file, name, reading, notes)


def _archive(packed_file: Packed, name: str, reading: ReadOptions, notes: Notes) -> OpenSource:
    """Its only member with rows, the one that was chosen, or all of them where they are parts of one dataset."""
    members = members_with_rows(packed_file.members(), name)
    if len(members) == 1:
        return _open(packed_file.of(members[0].name), name, reading, notes)

    def opener(member: Member, chosen: str, rows: str) -> Callable[[], OpenSource]:
        def open_member() -> OpenSource:
            options = reading.model_copy(update={"rows": rows})
            try:
                return _open(packed_file.of(member.name), f"{name}/{member.name}", options, notes)
            except UnclearReading as unclear:
                raise _within(unclear, chosen) from None

        return open_member

    for member in members:
        if (rows := _rows_within(reading.rows, member.name)) is not None:
            return opener(member, member.name, rows)()
    everything = _rows_within(reading.rows, _ALL)
    if everything is not None or are_parts(members):
        names = ", ".join(member.name for member in members[:_MAX_LISTED])
        notes.add("members_together", rows=len(members), file=name, members=names)
        chosen, rows = ("", reading.rows) if everything is None else (_ALL, everything)
        return as_one([opener(member, chosen, rows) for member in members])
    choices = [
        ReadChoice(value=member.name, label=N_("“{member}”"), values={"member": member.name},
                   preview=_preview(opener(member, "", "")))
        for member in members[: MAX_CHOICES - 1]
    ]  # fmt: skip
    if len({member.kind for member in members}) == 1:
        choices.append(
            ReadChoice(value=_ALL, label=N_("All {n} files together"), values={"n": len(members)},
                       preview=[member.name for member in members[:4]])
        )  # fmt: skip
    raise UnclearReading(
        "“{file}” has {count} files that may be the dataset.", "Say which holds the rows.", "rows", choices,
        file=name, count=len(members),
    )  # fmt: skip


def _rows_within(chosen: str, member: str) -> str | None:
    """The path of the rows in the member, empty where the whole of it was chosen; None where another one was."""
    if chosen == member:
        return ""
    return chosen.removeprefix(f"{member}{_WITHIN}") if chosen.startswith(f"{member}{_WITHIN}") else None


def _within(unclear: UnclearReading, member: str) -> UnclearReading:
    question = unclear.question
    if not member:
        return unclear
    choices = [
        choice.model_copy(update={"value": f"{member}{_WITHIN}{choice.value}"}) if question.option == "rows" else choice
        for choice in question.choices
    ]
    return UnclearReading(unclear.template, unclear.remedy_template, question.option, choices, **unclear.values)


def _preview(opener: Callable[[], OpenSource]) -> list[str]:
    try:
        rows = [item[1] for item in islice(opener().items, 4) if not isinstance(item, Problem)]
    except UnclearReading as unclear:
        return unclear.question.choices[0].preview
    except InvalidInput as error:
        return preview_of([error.problem])
    return preview_of([as_json(row) or "" for row in rows])


def _open(packed_file: Packed, name: str, reading: ReadOptions, notes: Notes) -> OpenSource:
    source = OpenSource("line", iter([]), packed_file.total, packed_file.position, notes=notes)
    sample, _ = packed_file.sample()
    kind = kind_of_bytes(sample, packed_file.kind)
    if kind in (".parquet", ".arrow", ".feather"):
        source.unit = "row"
        source.blocks = parquet(packed_file, name) if kind == ".parquet" else arrow(packed_file, name)
        source.items = _whole(chain.from_iterable(map(items_of, source.blocks)))
    elif kind == ".xlsx":
        source.unit = "row"
        source.sheets, source.sheet, items = workbook(packed_file, name, reading, notes)
        source.items = _whole(items)
    else:
        source.encoding, source.detected = encoding_of(packed_file, name, reading, notes)
        kind = kind_of_text(packed_file, source.encoding, kind)
        match kind:
            case ".csv" | ".tsv":
                usual = "\t" if kind == ".tsv" else ""
                source.delimiter, items = delimited(packed_file, name, source.encoding, reading, usual, notes)
                source.items = _whole(items)
            case ".txt":
                source.items = _whole(plain_text(packed_file, source.encoding))
            case _:
                lines = PlainLines()
                source.unit, items = _json(packed_file, name, source, reading.rows, lines, is_lines=kind != ".json")
                source.items, is_as_it_was = shaped(_whole(items), name, reading.rows, notes)
                # What is packed may break off: up to there, it is read line by line.
                source.lines = lines if is_as_it_was and not packed_file.is_packed else None
    packing = packed_file.packing if packed_file.packing != ".zip" else ""
    if kind != packed_file.named or (packing != packed_file.said and not packed_file.archive):
        notes.add("read_as", rows=0, file=name, kind=f"{kind}{packing}")
    return source


def _json(
    packed_file: Packed, name: str, source: OpenSource, rows: str, lines: PlainLines, *, is_lines: bool
) -> tuple[Unit, Iterator[Item]]:
    """JSON Lines, unless the file is something else under that name."""
    if not is_lines or is_document(packed_file, source.encoding):
        return json_document(JsonFile(packed_file, name, source.encoding, rows, source.notes))
    return "line", _lines(packed_file, source.encoding, source.notes, lines)


def _lines(packed_file: Packed, encoding: str, notes: Notes, lines: PlainLines) -> Iterator[Item]:
    with open_lines(packed_file, encoding) as file:
        # Blocks stand among them once they are asked for.
        yield from cast(Iterator[Item], json_lines(file, encoding, notes, lines))


def _whole(items: Iterator[Item]) -> Iterator[Item]:
    """The items; where a packed file breaks off, that is the last."""
    last = 0
    try:
        for item in items:
            last = item[0] if isinstance(item, tuple) else item.line
            yield item
    except BROKEN as error:
        reason = str(error).rstrip(".") or type(error).__name__
        yield Problem(last + 1, "", "truncated", {"reason": reason})
