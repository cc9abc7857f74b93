"""Small files that stand for much: each is read in little memory, and ends with words that say what is wrong."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from studio.domain.datasets.file_format import ReadOptions
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers import compressed
from studio.worker.ingest.readers.open import open_source
from tests.support.dataset_zoo.making import workbook, zipped

MB = 1 << 20
ROWS = 600  # with a megabyte each
MOST_MEMORY = 900 * MB  # beside what the process has at its start

READ = """
import json, re, resource, sys
from pathlib import Path
from studio.domain.datasets.file_format import ReadOptions
from studio.domain.datasets.problem import Problem
from studio.domain.errors import InvalidInput
from studio.worker.ingest.readers.open import open_source
import openpyxl.reader.excel, pyarrow.parquet
def most_memory():
    try:  # getrusage tells what the process was forked from as well
        return int(re.search("VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
for path in map(Path, sys.argv[1:]):
    words, rows = "", 0
    try:
        for item in open_source(path, path.name, ReadOptions()).items:
            rows += 1
            words = item.code if isinstance(item, Problem) else words
    except InvalidInput as error:
        words = error.problem
    print(json.dumps([path.name, words, rows, most_memory()]), flush=True)
"""


def column_file(folder: Path, name: str, table: pa.Table, compression: str | None = None) -> Path:
    if name.endswith(".parquet"):
        pa.parquet.write_table(table, folder / name, compression=compression or "zstd", store_schema=False)
    else:
        options = pa.ipc.IpcWriteOptions(compression=compression)
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=options) as file:
            file.write_table(table)
    return folder / name


def tables(folder: Path) -> Iterator[Path]:
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array(["x" * MB]))
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([ROWS], pa.int32()), pa.array(["x" * MB]))
    starts, lengths = pa.array([0] * ROWS, pa.int32()), pa.array([100_000] * ROWS, pa.int32())
    views = pa.ListViewArray.from_arrays(starts, lengths, pa.array(["word"] * 100_000))
    nulls = pa.LargeListArray.from_arrays(pa.array([0, (1 << 31) - 1], pa.int64()), pa.nulls((1 << 31) - 1))
    parts = pa.ListArray.from_arrays(pa.array(range(ROWS + 1), pa.int32()), shared)
    yield column_file(folder, "shared.parquet", pa.table({"text": shared}))
    yield column_file(folder, "lists.parquet", pa.table({"text": ["a"] * ROWS, "parts": parts}))
    yield column_file(folder, "shared.arrow", pa.table({"text": shared}))
    yield column_file(folder, "runs.arrow", pa.table({"text": runs}))
    yield column_file(folder, "views.arrow", pa.table({"parts": views}))
    yield column_file(folder, "nulls.arrow", pa.table({"parts": nulls}))
    ends = pa.py_buffer(np.arange(0, 545 * MB, MB, np.int32))
    zeros = pa.StringArray.from_buffers(544, ends, pa.py_buffer(np.zeros(544 * MB, np.uint8)))
    yield column_file(folder, "packed.arrow", pa.table({"text": zeros}), "zstd")


def sheet(folder: Path, name: str, begin: bytes, piece: bytes, times: int, part: str = "worksheets/sheet1") -> Path:
    """A workbook of which a part goes on for many megabytes."""
    whole = workbook(("S", [["prompt", "completion"], ["a", "b"]]))
    changed = zipfile.ZipInfo(f"xl/{part}.xml")
    changed.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(io.BytesIO(whole)) as old,
        zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
    ):
        for info in old.infolist():
            if info.filename != changed.filename:
                new.writestr(info, old.read(info))
        with new.open(changed, "w") as file:
            file.write(begin)
            for _ in range(times):
                file.write(piece)
    return folder / name


def workbooks(folder: Path) -> Iterator[Path]:
    main = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    head = b'<worksheet xmlns="' + main + b'"><sheetData><row r="1"><c t="inlineStr"><is><t>a</t></is></c></row>'
    text = b'<c t="inlineStr"><is><t>'
    yield sheet(folder, "cell.xlsx", head + b'<row r="2">' + text, b"x" * MB, 66)
    yield sheet(folder, "cells.xlsx", head + b'<row r="2">', text + b"x" * MB + b"</t></is></c>", 66)
    yield sheet(folder, "attribute.xlsx", head + b'<row r="', b"x" * MB, 66)
    yield sheet(folder, "tags.xlsx", head + b'<row r="2">', b"<a>" * 100_000, 21)
    yield sheet(folder, "verbatim.xlsx", head + b'<row r="2">' + text + b"<![CDATA[", b"</row>" * 100_000, 120)
    yield sheet(folder, "styles.xlsx", b'<styleSheet xmlns="' + main + b'">', b"x" * MB, 257, "styles")
    entities = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 20) for i in range(8))
    laughs = b'<!DOCTYPE l [<!ENTITY a "ha">' + entities + b"]>" + head + b'<row r="2">' + text + b"&i;"
    yield sheet(folder, "entities.xlsx", laughs, b"", 0)


def test_a_small_file_that_stands_for_much_takes_little_memory(tmp_path: Path) -> None:
    plain = tmp_path / "plain.jsonl"
    plain.write_text('{"text": "a"}\n')
    paths = [plain, *tables(tmp_path), *workbooks(tmp_path)]
    assert all(path.stat().st_size < 2 * MB for path in paths)
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[5],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (_, _, _, at_start), *read = map(json.loads, done.stdout.splitlines())
    assert [name for name, words, _, _ in read if not words] == []
    assert [(name, memory // MB) for name, _, _, memory in read if memory - at_start > MOST_MEMORY] == []


def test_a_long_row_of_a_table_costs_only_that_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.domain.datasets.problem import Problem
    from studio.worker.ingest.readers import columnar

    monkeypatch.setattr(columnar, "MAX_ROW_BYTES", 1000)
    monkeypatch.setattr(columnar, "_BATCH_BYTES", 300)
    table = pa.table({"text": ["one", "x" * 2000, *[f"row {i}" for i in range(20)], "y" * 2000]})
    path = column_file(tmp_path, "a.parquet", table)
    items = list(open_source(path, path.name, ReadOptions()).items)
    problems = [(item.line, item.code) for item in items if isinstance(item, Problem)]
    rows = [item for item in items if not isinstance(item, Problem)]
    assert problems == [(2, "json_too_deep"), (23, "json_too_deep")]
    assert rows == [(1, {"text": "one"}), *((3 + i, {"text": f"row {i}"}) for i in range(20))]


ZEROS = {
    "a.jsonl.gz": gzip.compress((b" " * 63 + b"\n") * (6 * MB // 64)),
    "a.csv.zip": zipped({"a.csv": b"text\n" + b"\0" * (6 * MB)}),
    "a.parquet.gz": gzip.compress(b"\0" * (6 * MB)), "a.txt.gz": gzip.compress((b"a" * 63 + b"\n") * (6 * MB // 64)),
}  # fmt: skip


@pytest.mark.parametrize("name", ZEROS)
def test_an_archive_out_of_all_proportion_is_given_up(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "_ALWAYS_UNPACKED", MB)
    (tmp_path / name).write_bytes(ZEROS[name])
    with pytest.raises(InvalidInput, match="times its size"):
        list(open_source(tmp_path / name, name, ReadOptions()).items)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_unpacking_stops_before_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 1 << 40, 600 * MB))
    monkeypatch.setattr(compressed, "_KEPT_FREE", 590 * MB)
    table = pa.table({"text": [f"{i} row" * 50 for i in range(100_000)]})
    column_file(tmp_path, "a.arrow", table)
    (tmp_path / "a.arrow.gz").write_bytes(gzip.compress((tmp_path / "a.arrow").read_bytes(), 1))
    with pytest.raises(InvalidInput, match="no room"):
        list(open_source(tmp_path / "a.arrow.gz", "a.arrow.gz", ReadOptions()).items)
