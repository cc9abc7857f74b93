"""Plain text: rows are separated by blank lines; without any, each line is a row."""

from __future__ import annotations

import io
from collections.abc import Iterator

from studio.domain.datasets.problem import Problem
from studio.worker.ingest.readers.compressed import MAX_ROW_BYTES, Packed
from studio.worker.ingest.readers.encoding import text_lines
from studio.worker.ingest.readers.item import Item, unread_rest
from studio.worker.ingest.readers.shapes.line_ends import open_lines, with_line_feeds


def plain_text(packed_file: Packed, encoding: str) -> Iterator[Item]:
    sample, _ = packed_file.sample()
    lines = with_line_feeds(sample, encoding).decode(encoding, "replace").strip().split("\n")
    by_paragraph = not all(map(str.strip, lines))  # a blank line stands between two others
    with open_lines(packed_file, encoding) as file:
        begin, paragraph = 0, io.StringIO()  # lines by themselves would take many times their size
        for item in text_lines(file, encoding, "unread"):
            if isinstance(item, Problem):
                yield item
                if item.code == "unread":
                    break
                continue
            line, text = item
            if text.strip() and by_paragraph:
                begin = begin or line
                if paragraph.tell() + len(text) > MAX_ROW_BYTES:
                    yield unread_rest(begin)
                    return
                paragraph.write(text)
            elif text.strip():
                yield line, {"text": text.rstrip("\r\n")}
            elif begin:
                yield begin, {"text": paragraph.getvalue().rstrip("\r\n")}
                begin, paragraph = 0, io.StringIO()
        if begin:
            yield begin, {"text": paragraph.getvalue().rstrip("\r\n")}
