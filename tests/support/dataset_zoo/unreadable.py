"""Files of which some cannot be read."""

from __future__ import annotations

import gzip
import zipfile

from tests.support.dataset_zoo.making import QA, ROWS, A, B, C, Case, dumps, lines, parquet, said, workbook, zipped

NEST = b"[" * 100_000
UNREADABLE = [
    Case(
        "broken JSON among lines",
        "a.jsonl",
        lines(A, '{"messages": [', "", B, "no"),
        [A, B],
        [(2, "not_json", ""), (5, "not_json", "")],
    ),
    Case("lines nested too deep", "a.jsonl", lines(A, b'{"messages": ' + NEST, B), [A, B], [(2, "json_too_deep", "")]),
    Case(
        "a number with too many digits",
        "a.jsonl",
        lines(A, b'{"messages": ' + b"9" * 5000 + b"}", B),
        [A, B],
        [(2, "json_too_deep", "")],
    ),
    Case(
        "rows that are no objects",
        "a.jsonl",
        lines(A, "3", '"text"', "[1]", "null", "true", B),
        [A, B],
        [(line, "not_an_object", "") for line in range(2, 7)],
    ),
    Case(
        "a file without a single object",
        "a.jsonl",
        lines("one", "2"),
        [],
        [(1, "not_json", ""), (2, "not_an_object", "")],
    ),
    Case(
        "a pretty array with a broken row",
        "a.json",
        dumps(ROWS, indent=2).replace(b'"user"', b'"user', 1),
        [B, C],
        [(5, "not_json", "")],
    ),
    Case(
        "an array in one line with a broken row",
        "a.json",
        dumps(ROWS).replace("你".encode(), b'"', 1),
        [A],
        [(1, "not_json", ""), (1, "unread", "")],
    ),
    Case(
        "an array that breaks off",
        "a.json",
        b"[\n" + dumps(A) + b",\n" + dumps(B)[:-9],
        [A],
        [(3, "not_json", ""), (3, "unread", "")],
    ),
    Case("something behind an array", "a.json", b"[" + dumps(A) + b"]\n\n7", [A], [(3, "not_json", "")]),
    Case(
        "an array nested too deep",
        "a.json",
        b"[\n" + dumps(A) + b",\n" + NEST + b"\n]",
        [A],
        [(3, "json_too_deep", ""), (3, "unread", "")],
    ),
    Case(
        "an object that is broken",
        "a.json",
        dumps({"data": [A, B]}, indent=1)[:-30],
        [A],
        [(15, "unread", ""), (23, "not_json", "")],
    ),
    Case("a conversation that is broken", "a.json", dumps(A, indent=1)[:-30], [], [(9, "not_json", "")]),
    Case(
        "rows at fault inside an object",
        "a.json",
        dumps({"data": [A, {"messages": []}, B]}),
        [A, B],
        [(2, "no_turns", "messages")],
    ),
    Case(
        "an array in another encoding",
        "a.json",
        dumps([A, B], indent=1).replace("海".encode(), b"\xff", 1),
        [A, said("你去哪里？", "去\ufffd边。")],
        [(14, "mojibake", "messages[1].content")],
        expected={"encoding": "utf-8"},
    ),
    Case(
        "a table with too few and too many cells",
        "a.csv",
        'prompt,completion\na,b\n"two\nlines",c\nonly one\na,b,c\nd,e\n',
        [said("a", "b"), said("two\nlines", "c"), said("d", "e")],
        [(5, "cell_count", ""), (6, "cell_count", "")],
    ),
    Case(
        "a table with empty cells",
        "a.csv",
        'prompt,completion\na,b\n"two\nlines",\n"\n",d\n',
        [said("a", "b")],
        [(3, "empty", "completion"), (5, "empty", "prompt")],
    ),
    Case(
        "a table with a line in another encoding",
        "a.csv",
        b"text,label\n\xe5\xa5\xbd,x\n\xe5\xb0\x8f,x\ncaf\xe9,x\nok,x\n",
        [{"text": text, "label": "x"} for text in ("好", "小", "ok")],
        [(4, "bad_encoding", "")],
    ),
    Case(
        "an unmatched quotation mark",
        "a.csv",
        'prompt,completion\na,b\na,"b\nc,d\n',
        [said("a", "b"), said("c", "d")],
        [(3, "not_csv", "")],
    ),
    Case(
        "something behind a quotation mark",
        "a.csv",
        'prompt,completion\na,b\na,"b"x\nc,d\n',
        [said("a", "b"), said("c", "d")],
        [(3, "not_csv", "")],
    ),
    Case(
        "a workbook with too many cells",
        "a.xlsx",
        workbook(("S", [["prompt", "completion"], ["a", "b", "c"], ["d", "e"], ["f"]])),
        [said("d", "e")],
        [(2, "cell_count", ""), (4, "empty", "completion")],
    ),
    Case(
        "a text with a line in another encoding",
        "a.txt",
        "海\n船\n".encode() + b"caf\xe9\n" + "风\n".encode(),
        [{"text": "海"}, {"text": "船"}, {"text": "风"}],
        [(3, "bad_encoding", "")],
    ),
    Case("a gz that breaks off", "a.jsonl.gz", gzip.compress(lines(A, B))[:-6], [A, B], [(3, "truncated", "")]),
    Case(
        "a gz that was changed on its way",
        "a.jsonl.gz",
        gzip.compress(lines(A, B))[:-8] + b"\0" * 8,
        [A, B],
        [(3, "truncated", "")],
    ),
    Case(
        "a zip that was changed on its way",
        "a.jsonl.zip",
        zipped({"a.jsonl": lines(A, B, C)}, zipfile.ZIP_STORED).replace(b"Never", b"Maybe", 1),
        [],
        [(1, "truncated", "")],
    ),
    Case(
        "a row group that was changed on its way",
        "a.parquet",
        parquet(QA, row_group_size=1, compression="none", use_dictionary=False).replace(b"Never twice.", b"Never", 1),
        [A, B],
        [(3, "truncated", "")],
    ),
]
