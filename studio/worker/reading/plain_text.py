"""Plain text: blank lines stand between rows; where there are none, each line is a row."""

from __future__ import annotations

import re
from collections.abc import Iterator

from studio.domain.dataset import Problem
from studio.worker.reading.encoding import text_lines
from studio.worker.reading.item import Item
from studio.worker.reading.packed import Packed

_BLANK_LINE = re.compile(r"\S[^\n]*\n[ \t\r]*\n[\s]*\S")


def plain_text(packed: Packed, encoding: str) -> Iterator[Item]:
    sample, _ = packed.sample()
    by_paragraph = bool(_BLANK_LINE.search(sample.decode(encoding, "replace")))
    with packed.opened() as file:
        begin, paragraph = 0, []
        for item in text_lines(file, encoding):
            if isinstance(item, Problem):
                yield item
                continue
            line, text = item
            if text.strip() and by_paragraph:
                begin = begin or line
                paragraph.append(text)
            elif text.strip():
                yield line, {"text": text.rstrip("\r\n")}
            elif paragraph:
                yield begin, {"text": "".join(paragraph).rstrip("\r\n")}
                begin, paragraph = 0, []
        if paragraph:
            yield begin, {"text": "".join(paragraph).rstrip("\r\n")}
