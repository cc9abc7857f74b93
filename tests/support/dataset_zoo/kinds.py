"""Every kind of file, packed and unpacked."""

from __future__ import annotations

import gzip

import pyarrow as pa

from tests.support.dataset_zoo.making import (
    LABELLED_TEXT,
    OF_CHAT,
    OF_QA,
    OF_TEXT,
    QA,
    ROWS,
    A,
    B,
    C,
    Case,
    arrow,
    dumps,
    feather,
    lines,
    parquet,
    said,
    workbook,
    zipped,
)

TABLE = "prompt,completion\nWho are you?,A captain. ⚓\n你去哪里？,去海边。\nEver lost?,Never twice.\n"
CELLS = [line.split(",") for line in TABLE.splitlines()]
POEMS = [{"text": "The sea\nis wide."}, {"text": "船在港口。"}, {"text": "So it is."}]
PARAGRAPHS = "\n\nThe sea\nis wide.\n \n\n船在港口。\n\nSo it is."

KINDS = [
    Case("json lines", "a.jsonl", lines(*ROWS), ROWS, expected=OF_CHAT),
    Case("ndjson", "a.ndjson", lines(*ROWS), ROWS),
    Case("a suffix in capitals", "a.JSONL", lines(*ROWS), ROWS),
    Case("json lines with blank ones and CRLF", "a.jsonl", b"\r\n".join([b"", dumps(A), b" ", dumps(B)]), [A, B]),
    Case(
        "separators that end no line in JSON",
        "a.jsonl",
        lines('{"text": "a\u2028b\x85c"}'),
        [{"text": "a\u2028b\x85c"}],
    ),
    Case("json array", "a.json", dumps(ROWS), ROWS),
    Case("pretty json", "a.json", dumps(ROWS, indent=4), ROWS),
    Case("json object with one list", "a.json", dumps({"version": 1, "data": ROWS}), ROWS, expected={"unit": "row"}),
    Case("json object with rows under a column's name", "a.json", dumps({"conversations": ROWS}), ROWS),
    Case("one conversation alone", "a.json", dumps(A), [A], expected={"unit": "line"}),
    Case("one conversation alone, pretty", "a.json", dumps(A, indent=2), [A]),
    Case("json lines called json", "a.json", lines(*ROWS), ROWS),
    Case("a json array called json lines", "a.jsonl", dumps(ROWS), ROWS),
    Case("a pretty json array called json lines", "a.jsonl", dumps(ROWS, indent=1), ROWS),
    Case("csv", "a.csv", TABLE, ROWS, expected=OF_QA),
    *(
        Case(f"csv with {mark!r}", "a.csv", TABLE.replace(",", mark), ROWS, expected={"delimiter": mark})
        for mark in ";\t|"
    ),
    Case(
        "csv with a chosen delimiter", "a.csv", TABLE.replace(",", "~"), ROWS, request={"reading": {"delimiter": "~"}}
    ),
    Case(
        "csv with quotation marks, delimiters, line breaks",
        "a.csv",
        'text,label\r\n"one, ""two""\r\n\r\nthree",x\r\n\r\nfour,y\r\n',
        [{"text": 'one, "two"\r\n\r\nthree', "label": "x"}, {"text": "four", "label": "y"}],
        request=LABELLED_TEXT,
    ),
    Case(
        "csv with single quotation marks",
        "a.csv",
        "text,label\n'one, it''s',x\n'two, three',y\n",
        [{"text": "one, it's", "label": "x"}, {"text": "two, three", "label": "y"}],
        request=LABELLED_TEXT,
    ),
    Case(
        "csv with backslashes",
        "a.csv",
        'text,label\n"one \\"1\\", so",x\n"two, three",y\n',
        [{"text": 'one "1", so', "label": "x"}, {"text": "two, three", "label": "y"}],
        request=LABELLED_TEXT,
    ),
    Case("csv with one column", "a.csv", "text\nso it is\nas it was\n", [{"text": "so it is"}, {"text": "as it was"}]),
    Case("csv with a cell of 300,000 characters", "a.csv", "text\n" + "x" * 300_000, [{"text": "x" * 300_000}]),
    Case(
        "csv with conversations in its cells",
        "a.csv",
        'messages\n"' + dumps(A["messages"]).decode().replace('"', '""') + '"\n',
        [A],
    ),
    Case("tsv", "a.tsv", TABLE.replace(",", "\t"), ROWS, expected={"delimiter": "\t"}),
    Case("tsv with commas", "a.tsv", "prompt\tcompletion\na, b, c\td, e, f\n", [said("a, b, c", "d, e, f")]),
    Case("parquet", "a.parquet", parquet(QA), ROWS, expected={"unit": "row", **OF_QA}),
    Case(
        "parquet with nested columns in row groups",
        "a.parquet",
        parquet([A, B, C] * 5, row_group_size=4),
        ROWS * 5,
        [(i + 1, "duplicate", "") for i in range(3, 15)],
    ),
    Case("arrow file", "a.arrow", arrow(pa.Table.from_pylist(ROWS), pa.ipc.new_file), ROWS),
    Case("arrow stream", "a.arrow", arrow(pa.Table.from_pylist(ROWS), pa.ipc.new_stream), ROWS),
    Case("feather", "a.feather", feather(pa.Table.from_pylist(QA)), ROWS),
    Case("paragraphs", "a.txt", PARAGRAPHS, POEMS, expected=OF_TEXT),
    Case("paragraphs with CRLF", "a.txt", "one\r\n\r\ntwo\r\n", [{"text": "one"}, {"text": "two"}]),
    Case(
        "a text without blank lines",
        "a.txt",
        "one\ntwo \n three\n",
        [{"text": "one"}, {"text": "two "}, {"text": " three"}],
    ),
    Case(
        "workbook", "a.xlsx", workbook(("Empty", []), ("Crew", CELLS)), ROWS, expected={"sheet": "Crew", "unit": "row"}
    ),
    Case(
        "workbook with a chosen sheet",
        "a.xlsx",
        workbook(("One", CELLS), ("Two", [["text"], ["so it is"]])),
        [{"text": "so it is"}],
        expected={"sheet": "Two"},
        request={"reading": {"sheet": "Two"}},
    ),
    Case(
        "workbook with numbers, dates and gaps",
        "a.xlsx",
        workbook(("S", [[None], ["text", "label"], [7.0, True], [None, None], [1.5, None], ["x", 3]])),
        [{"text": "7", "label": "true"}, {"text": "1.5"}, {"text": "x", "label": "3"}],
        request=LABELLED_TEXT,
    ),
    *(
        Case(f"{name} packed by {how}", f"{name}.{how}", pack(content), rows)
        for name, content, rows in (
            ("a.jsonl", lines(*ROWS), ROWS),
            ("a.ndjson", lines(*ROWS), ROWS),
            ("a.json", dumps(ROWS), ROWS),
            ("a.csv", TABLE.encode(), ROWS),
            ("a.tsv", TABLE.replace(",", "\t").encode(), ROWS),
            ("a.txt", PARAGRAPHS.encode(), POEMS),
            ("a.parquet", parquet(QA), ROWS),
            ("a.feather", feather(pa.Table.from_pylist(QA)), ROWS),
            ("a.xlsx", workbook(("S", CELLS)), ROWS),
            ("a.arrow", arrow(pa.Table.from_pylist(ROWS), pa.ipc.new_stream), ROWS),
        )
        for how, pack in (("gz", gzip.compress), ("zip", lambda data, name=name: zipped({name: data})))
    ),
    Case("an archive whose name does not say what is inside", "a.zip", zipped({"in/b.csv": TABLE.encode()}), ROWS),
    Case(
        "an archive made on a Mac",
        "a.zip",
        zipped({"a.csv": TABLE.encode(), "__MACOSX/._a.csv": b"x", ".DS_Store": b"x"}),
        ROWS,
    ),
    Case(
        "several files as one",
        "a.jsonl",
        lines(A),
        ROWS,
        more={"b.csv": TABLE.split("\nEver")[0].replace("Who are you?,A captain. ⚓\n", ""), "c.json": dumps([C])},
        expected={"files": 3},
    ),
]
