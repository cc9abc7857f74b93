"""Archives of every kind, with what lies beside the rows; and files that are not what their name says."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pyarrow as pa

from tests.support.dataset_zoo.kinds import CELLS, PARAGRAPHS, POEMS, TABLE
from tests.support.dataset_zoo.making import QA, ROWS, A, Asking, B, C, Case, dumps, lines, parquet, workbook, zipped

LINES = lines(*ROWS)


def tarred(members: dict[str, bytes], packing: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def by_zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data))


BESIDE = {
    "set/README.md": b"# Rows",
    "set/LICENSE": b"Free",
    "set/notes.txt": b"Made by hand.",
    "set/dataset_info.json": b'{"rows": 3}',
    "set/.DS_Store": b"x",
    "__MACOSX/set/._rows.jsonl": b"x",
}
PACKED_FILES = [
    Case("rows beside what tells of them in a zip", "a.zip", zipped({**BESIDE, "set/rows.jsonl": LINES}), ROWS),
    *(
        Case(f"rows beside others in a {name}", name, tarred({**BESIDE, "set/rows.jsonl": LINES}, how), ROWS)
        for name, how in (("a.tar", ""), ("a.tar.gz", "gz"), ("a.tgz", "gz"), ("a.tar.bz2", "bz2"), ("a.tar.xz", "xz"))
    ),
    Case("a table in a tar archive", "a.tar.gz", tarred({"rows.parquet": parquet(QA)}, "gz"), ROWS),
    *(
        Case(f"lines packed as {suffix}", f"a.jsonl{suffix}", pack(LINES), ROWS, expected={"notes": []})
        for suffix, pack in ((".bz2", bz2.compress), (".xz", lzma.compress), (".zst", by_zstd))
    ),
    Case("a table packed as .zst", "a.parquet.zst", by_zstd(parquet(QA)), ROWS),
    Case(
        "a .bz2 that breaks off", "a.jsonl.bz2", bz2.compress(LINES)[:-6], [], [(1, "truncated", "")]
    ),
    Case("a packed file in an archive", "a.zip", zipped({"rows.csv.gz": gzip.compress(TABLE.encode())}), ROWS),
    Case(
        "an archive of parts",
        "a.zip",
        zipped({"part-10.jsonl": lines(C), "part-1.jsonl": lines(A), "part-2.jsonl": lines(B)}),
        ROWS,
        expected={"notes": [("members_together", 3)], "unit": "row"},
    ),
    Case("an archive of tables", "a.zip", zipped({"0.parquet": parquet(QA[:1]), "1.parquet": parquet(QA[1:])}), ROWS),
    Case("a packed file whose name does not say of what", "a.gz", gzip.compress(LINES), ROWS),
    *(
        Case(name, file, content, rows, expected={"notes": [("read_as", 0)]})
        for name, file, content, rows in (
            ("a file called .gz that is not packed", "a.jsonl.gz", LINES, ROWS),
            ("a packed file whose name does not say so", "a.jsonl", gzip.compress(LINES), ROWS),
            ("a .gz that is .bz2", "a.jsonl.gz", bz2.compress(LINES), ROWS),
            ("a workbook called .csv", "a.csv", workbook(("S", CELLS)), ROWS),
            ("a workbook called .zip", "a.zip", workbook(("S", CELLS)), ROWS),
            ("a table of text called a workbook", "a.xlsx", TABLE.encode(), ROWS),
            ("a Parquet file called json lines", "a.jsonl", parquet(QA), ROWS),
            ("json lines called txt", "a.txt", LINES, ROWS),
            ("json lines called csv", "a.csv", LINES, ROWS),
            ("a json array called txt", "a.txt", dumps(ROWS), ROWS),
            ("a pretty json array called csv", "a.csv", dumps(ROWS, indent=1), ROWS),
            ("a json object called txt", "a.txt", dumps({"data": ROWS}, indent=1), ROWS),
            ("a csv called json lines", "a.jsonl", TABLE.encode(), ROWS),
            ("a csv called json", "a.json", TABLE.encode(), ROWS),
            ("a tsv called txt", "a.txt", TABLE.replace(",", "\t").encode(), ROWS),
            ("a csv called txt", "a.txt", TABLE.encode(), ROWS),
        )
    ),
    Case("a text in which JSON is written about", "a.txt", '{"a": 1} is JSON.\nSo it is.\n', [
        {"text": '{"a": 1} is JSON.'}, {"text": "So it is."}
    ]),
    Case("a text that names a column", "a.txt", "The prompt, a text\nSo it is.\n", [
        {"text": "The prompt, a text"}, {"text": "So it is."}
    ]),
    Case(
        "poems beside what tells of them",
        "a.zip",
        zipped({"README.txt": b"Read me.", "p.txt": PARAGRAPHS.encode()}),
        POEMS,
    ),
]  # fmt: skip

PACKED_THAT_ASK = [
    Asking(
        "an archive of splits",
        "a.zip",
        zipped({"train.jsonl": lines(A, B), "test.jsonl": lines(C)}),
        "rows",
        {"train.jsonl": [A, B], "test.jsonl": [C], "*": ROWS},
    ),
    Asking(
        "a document of splits in an archive of splits",
        "a.zip",
        zipped({"train.json": dumps({"en": [A], "zh": [B]}), "test.json": dumps([C])}),
        "rows",
        {
            "train.json": {"train.json#en": [A], "train.json#zh": [B], "train.json#*": [A, B]},
            "test.json": [C],
            "*": {"*#en": [A, C], "*#zh": [B, C], "*#*": ROWS},
        },
    ),
    Asking(
        "an archive of different things",
        "a.tar.gz",
        tarred({"rows.jsonl": LINES, "table.csv": TABLE.encode()}, "gz"),
        "rows",
        {"rows.jsonl": ROWS, "table.csv": ROWS},
    ),
]
