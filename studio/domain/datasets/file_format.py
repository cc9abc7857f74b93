"""File types that can be read, and options for reading them."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from studio.domain.errors import InvalidInput

SUFFIXES = (
    ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".txt", ".xlsx",
)  # fmt: skip
PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".tar", ".tgz")
ENCODINGS = (
    "utf-8", "utf-16", "gb18030", "big5", "cp932", "euc_jp", "iso2022_jp", "cp949", "cp1252", "cp1250", "cp1251",
    "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "koi8-r", "latin-1", "iso8859-2", "cp850", "cp866",
    "mac-roman",
)  # fmt: skip


_ENCODING_LABELS = {
    "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16 LE", "utf-16-be": "UTF-16 BE", "utf-32": "UTF-32",
    "utf-32-le": "UTF-32 LE", "utf-32-be": "UTF-32 BE", "gb18030": "GB18030", "gb2312": "GB2312", "gbk": "GBK",
    "big5": "Big5", "shift_jis": "Shift JIS", "euc_jp": "EUC-JP", "euc_kr": "EUC-KR", "koi8-r": "KOI8-R",
    "koi8-u": "KOI8-U", "cp932": "Shift JIS (Windows-932)", "cp949": "EUC-KR (Windows-949)",
    "iso2022_jp": "ISO-2022-JP", "cp874": "Windows-874", "big5hkscs": "Big5-HKSCS", "cp850": "DOS 850",
    "cp852": "DOS 852", "cp866": "DOS 866", "iso8859-1": "Latin-1", "ascii": "ASCII", "mac-roman": "Mac Roman",
}  # fmt: skip


def shown_encoding(name: str) -> str:
    """An encoding as people know it, such as Windows-1252 of Python's cp1252."""
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return name
    windows = re.fullmatch(r"cp(125\d)", codec)
    return (
        f"Windows-{windows[1]}"
        if windows
        else _ENCODING_LABELS.get(codec, codec.replace("iso8859", "ISO-8859").upper())
    )


class ReadOptions(BaseModel):
    """What a person chose; empty where it is to be found out.

    Attributes:
        header: "first" where the first row of a table names its columns, "none" where nothing does.
        rows: The path of the list whose elements are the rows, such as "data.train", in a JSON document.
    """

    model_config = ConfigDict(frozen=True)
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    header: Literal["", "first", "none"] = ""
    rows: str = ""


def read_options(**choices: str) -> ReadOptions:
    """Raises InvalidInput where one of them cannot be."""
    try:
        return ReadOptions(**choices)
    except ValidationError:
        raise InvalidInput(
            "The header cannot be “{header}”.", "It is first or none.", header=choices.get("header", "")
        ) from None


def kind_of(file_name: str) -> str:
    """The suffix in lower case, of what is inside where the file is packed: ".csv" of rows.csv.gz; of a packed file
    whose name does not say what is inside, that of the packing."""
    path = Path(file_name.lower())
    if path.suffix in PACKED and Path(path.stem).suffix in SUFFIXES:
        return Path(path.stem).suffix
    return path.suffix


def check_suffix(file_name: str) -> str:
    """`kind_of`. Raises InvalidInput where no file of that kind can be read."""
    kind = kind_of(file_name)
    if kind not in (*SUFFIXES, *PACKED):  # only what is packed tells what is inside
        raise InvalidInput(
            "“{file}” is not a supported file type.",
            "Use one of {known}, or one of them packed as {packed}.",
            file=file_name, known=", ".join(SUFFIXES), packed=", ".join(PACKED),
        )  # fmt: skip
    return kind
